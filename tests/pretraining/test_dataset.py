import gzip

import numpy as np
import pytest
from helpers.data_files import write_tfrecord
from helpers.tiny import SENTENCES
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus import PegasusTokenizer
from tf_pegasus.data.jsonl import write_jsonl
from tf_pegasus.data.rows import Documents
from tf_pegasus.pretraining import ExampleMaker, PretrainingSettings, pretraining_dataset

TEXTS = [
    " ".join(SENTENCES[(start + i * step) % 8] for i in range(1 + start % 5)) + f" Text {start}."
    for step in (1, 3, 5)
    for start in range(15)
]
SHORT = PretrainingSettings(max_source_length=120, max_target_length=16, min_sentences=3)


@pytest.fixture(scope="module")
def documents():
    return Documents([{"text": text} for text in TEXTS])


def as_lists(batches):
    return [{name: value.tolist() for name, value in batch.items()} for batch in batches]


def test_batches_have_inputs_and_both_kinds_of_labels(documents, tokenizer):
    data = pretraining_dataset(documents, tokenizer, SHORT, batch_size=10)
    batches = list(data.as_numpy_iterator())
    assert [len(batch["labels"]) for batch in batches] == [10, 10, 10, 10, 5]
    for batch in batches:
        assert {value.dtype for value in batch.values()} == {np.dtype("int32")}
        ids, mask, mlm = batch["input_ids"], batch["attention_mask"], batch["mlm_labels"]
        assert ids.shape == mask.shape == mlm.shape
        assert ids.shape[1] <= 120
        assert ids.shape[1] % 8 == 0
        assert (ids[mask == 0] == 0).all()
        assert (mlm[mask == 0] == -100).all()
        assert (mlm != -100).any(axis=1).all()
        assert (ids == 2).any(axis=1).mean() > 0.5
        assert batch["labels"].shape[1] <= 16
    statistics = data.statistics
    assert statistics.documents.texts == len(TEXTS)
    assert statistics.documents.texts_cut == 0
    assert statistics.summaries.texts_cut > 0
    assert statistics.replacements.count >= sum(i % 5 == 0 for i in range(15)) * 3
    assert "another document took the place" in str(statistics)


def test_examples_are_those_of_seed_epoch_and_document(documents, tokenizer):
    whole = PretrainingSettings(max_source_length=200, max_target_length=200, min_sentences=0)
    options = {"seed": 5, "shuffle": False, "bucket": False, "batch_size": 7}
    data = pretraining_dataset(documents, tokenizer, whole, **options)
    make = ExampleMaker(tokenizer, whole)
    for epoch in range(2):
        rows = [row for batch in data.as_numpy_iterator() for row in batch["input_ids"]]
        randoms = [np.random.default_rng((5, epoch, i)) for i in range(len(TEXTS))]
        for row, example in zip(rows, make(TEXTS, randoms), strict=True):
            np.testing.assert_array_equal(row[row > 0], example.input_ids)


@given(start=st.integers(0, 20), batch_size=st.integers(1, 20), seed=st.integers(0, 5))
@settings(max_examples=8, deadline=None)
def test_a_resumed_run_continues(documents, tokenizer, start, batch_size, seed):
    options = {"batch_size": batch_size, "seed": seed, "repeat": True}
    whole = pretraining_dataset(documents, tokenizer, SHORT, **options).take(start + 3)
    rest = pretraining_dataset(documents, tokenizer, SHORT, start_step=start, **options).take(3)
    assert as_lists(rest.as_numpy_iterator()) == as_lists(whole.as_numpy_iterator())[start:]


def test_workers_have_the_steps_of_one(documents, tokenizer):
    options = {"seed": 2, "start_step": 3, "repeat": True}

    def rows(**more):
        data = pretraining_dataset(documents, tokenizer, SHORT, **options, **more).take(3)
        return [
            [
                (ids[ids > 0].tolist(), labels[labels >= 0].tolist())
                for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True)
            ]
            for batch in data.as_numpy_iterator()
        ]

    whole = rows(batch_size=9)
    for i in range(3):
        part = rows(batch_size=3, num_shards=3, shard_index=i)
        assert part == [step[i::3] for step in whole]


def test_masks_are_new_in_each_epoch_unless_one_validates(documents, tokenizer):
    for remask in (True, False):
        data = pretraining_dataset(
            documents, tokenizer, SHORT, batch_size=45, shuffle=False, remask=remask
        )
        first, second = (as_lists(data.as_numpy_iterator()) for _ in range(2))
        assert (first == second) is not remask


def in_text_file(path):
    path.write_text("\n\n\n".join(TEXTS[:3]) + "\n", encoding="utf-8")


SOURCES = {
    "a.txt": in_text_file,
    "a.jsonl": lambda path: write_jsonl(path, [{"text": text} for text in TEXTS[:3]]),
    "a.tfrecord": lambda path: write_tfrecord(path, [{"text": text} for text in TEXTS[:3]]),
}


@pytest.mark.parametrize("name", SOURCES)
def test_all_files_have_the_same_documents(tmp_path, name):
    SOURCES[name](tmp_path / name)
    assert list(Documents(tmp_path / name)) == TEXTS[:3]


@pytest.mark.parametrize(
    ("layout", "expected"),
    [
        ("blocks", ["One.\nTwo.", " Three."]),
        ("lines", ["One.", "Two.", " Three."]),
        ("files", ["One.\nTwo.\n \n\n Three.\n\n"]),
    ],
)
@pytest.mark.parametrize("suffix", ["txt", "txt.gz"])
def test_layouts_of_text_files(tmp_path, layout, expected, suffix):
    content = "\ufeff\n\nOne.\nTwo.\n \n\n Three.\n\n".encode()
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    documents = Documents(path, text_layout=layout)
    assert [text.strip("\n") for text in documents] == [text.strip("\n") for text in expected]
    assert documents[len(documents) - 1].strip("\n") == expected[-1].strip("\n")


def test_bad_documents_are_refused_or_skipped(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"Good.\n\nB\xffd.\n\nGood too.\n")
    with pytest.raises(ValueError, match=r"a.txt', line 3: not UTF-8"):
        Documents(tmp_path / "a.txt")
    with pytest.warns(UserWarning, match="1 bad rows skipped"):
        documents = Documents(tmp_path / "a.txt", on_error="skip")
    assert list(documents) == ["Good.", "Good too."]
    with pytest.raises(ValueError, match="text_layout='pages' must be one of blocks, lines"):
        Documents(tmp_path / "a.txt", text_layout="pages")
    with pytest.raises(ValueError, match="has an effect on"):
        Documents([{"text": "a"}], text_layout="lines")


def test_masked_words_alone(documents, tokenizer):
    alone = PretrainingSettings(strategy="none", max_source_length=40)
    (batch,) = pretraining_dataset(documents, tokenizer, alone, batch_size=45)
    assert (batch["labels"].numpy() == -100).all()
    assert (batch["mlm_labels"].numpy() != -100).any()
    without = PretrainingSettings(masked_word_ratio=0.0, max_source_length=40)
    (batch,) = pretraining_dataset(documents, tokenizer, without, batch_size=45)
    assert "mlm_labels" not in batch


def test_settings_that_drop_all_documents_are_refused(documents, tokenizer):
    with pytest.raises(Exception, match="none of 100 documents has at least min_sentences=50"):
        list(pretraining_dataset(documents, tokenizer, PretrainingSettings(min_sentences=50)))


def test_sampled_segmentations_are_refused(documents, vocab_file):
    sampling = {"enable_sampling": True, "nbest_size": -1, "alpha": 0.1}
    tokenizer = PegasusTokenizer(vocab_file, sp_model_kwargs=sampling)
    with pytest.raises(ValueError, match="the tokenizer samples"):
        pretraining_dataset(documents, tokenizer)
