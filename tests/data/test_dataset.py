import json
import tracemalloc

import numpy as np
import pytest
from data_memory import measured, write_rows
from helpers.tiny import SENTENCES, tiny_config
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus import PegasusTokenizer, TFPegasusForConditionalGeneration, TokenAccuracy
from tf_pegasus.data import Rows, summarization_dataset
from tf_pegasus.data.jsonl import write_jsonl
from tf_pegasus.data.order import BatchOrder

RECORDS = [
    {"document": f"{sentence} It is number {n}.", "summary": " ".join(sentence.split()[:3])}
    for n in range(8)
    for sentence in SENTENCES
]
LIMITS = {"max_source_length": 24, "max_target_length": 8}


@pytest.fixture(scope="module")
def rows():
    return Rows(RECORDS)


def as_lists(batches):
    return [{name: value.tolist() for name, value in batch.items()} for batch in batches]


def test_batches_are_padded_and_truncated(tokenizer):
    data = summarization_dataset(RECORDS[:9:3], tokenizer, batch_size=3, shuffle=False, **LIMITS)
    (batch,) = data.as_numpy_iterator()
    assert {value.dtype for value in batch.values()} == {np.dtype("int32")}
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (3, 24)
    assert batch["labels"].shape == (3, 8)
    for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True):
        assert ids[mask.sum() - 1] == 1
        assert (ids[mask.sum() :] == 0).all()
    assert set(batch["labels"][:, -1]) <= {1, -100}


def test_widths_are_those_of_the_batch(tokenizer):
    records = [{"document": "a " * n, "summary": "a"} for n in (2, 2, 30, 30)]
    data = summarization_dataset(
        records, tokenizer, batch_size=2, max_source_length=100, max_target_length=8
    )
    widths = sorted(batch["input_ids"].shape[1] for batch in data)
    assert widths[0] == 8
    assert 24 <= widths[1] < 100


@pytest.mark.parametrize("cache", [False, True])
def test_truncated_tokens_are_counted(tokenizer, cache):
    data = summarization_dataset(RECORDS, tokenizer, cache=cache, **LIMITS)
    epochs = [sum(len(batch["labels"]) for batch in data) for _ in range(2)]
    assert epochs == [len(RECORDS)] * 2
    statistics, times = data.statistics, 1 if cache else 2
    for counts, column, limit in (
        (statistics.documents, "document", 24),
        (statistics.summaries, "summary", 8),
    ):
        lengths = [len(ids) for ids in tokenizer.encode_batch([r[column] for r in RECORDS])]
        assert counts.texts == times * len(RECORDS)
        assert counts.tokens == times * sum(lengths)
        assert counts.texts_cut == times * sum(length > limit for length in lengths) > 0
        assert counts.tokens_cut == times * sum(max(0, length - limit) for length in lengths)
    cut, texts = statistics.documents.texts_cut, statistics.documents.texts
    assert f"documents: {cut} of {texts} truncated, " in str(statistics)


def test_skipped_rows_are_reported(tmp_path, tokenizer):
    write_jsonl(tmp_path / "a.jsonl", [*RECORDS[:3], {"document": "only"}])
    with pytest.warns(UserWarning, match="1 bad rows skipped"):
        data = summarization_dataset(
            tmp_path / "a.jsonl", tokenizer, on_error="skip", batch_size=2, **LIMITS
        )
    assert (data.statistics.examples, data.statistics.skipped) == (3, 1)
    assert data.statistics.steps_per_epoch == len(data) == 2
    assert "a.jsonl', line 4: field 'summary' is missing" in str(data.statistics)


@given(
    start=st.integers(0, 40),
    batch_size=st.integers(1, 30),
    seed=st.integers(0, 5),
    cache=st.booleans(),
)
@settings(max_examples=15, deadline=None)
def test_a_resumed_run_continues(rows, tokenizer, start, batch_size, seed, cache):
    options = {"batch_size": batch_size, "seed": seed, "cache": cache, "repeat": True, **LIMITS}
    whole = summarization_dataset(rows, tokenizer, **options).take(start + 5)
    rest = summarization_dataset(rows, tokenizer, start_step=start, **options).take(5)
    assert as_lists(rest.as_numpy_iterator()) == as_lists(whole.as_numpy_iterator())[start:]


def test_each_iteration_is_the_next_epoch(rows, tokenizer):
    options = {"batch_size": 10, "seed": 3, **LIMITS}
    endless = summarization_dataset(rows, tokenizer, repeat=True, **options)
    expected = as_lists(endless.take(21).as_numpy_iterator())
    data = summarization_dataset(rows, tokenizer, **options)
    epochs = [as_lists(data.as_numpy_iterator()) for _ in range(3)]
    assert [len(epoch) for epoch in epochs] == [7, 7, 7]
    assert [batch for epoch in epochs for batch in epoch] == expected
    resumed = summarization_dataset(rows, tokenizer, start_step=9, **options)
    assert [as_lists(resumed.as_numpy_iterator()) for _ in range(2)] == [expected[9:14], epochs[2]]


def test_fit_trains_on_one_epoch_after_the_other(rows, tokenizer, monkeypatch):
    """Nothing in Keras reads the dataset more often than it trains on it."""
    numbers, epoch = [], BatchOrder.epoch

    def recorded(order, number):
        numbers.append(number)
        return epoch(order, number)

    monkeypatch.setattr(BatchOrder, "epoch", recorded)
    data = summarization_dataset(rows, tokenizer, batch_size=32, start_step=4, **LIMITS)
    model = TFPegasusForConditionalGeneration(
        tiny_config(vocab_size=len(tokenizer), decoder_layers=1)
    )
    model.compile("sgd", metrics=[TokenAccuracy()], run_eagerly=True)
    model.fit(data, epochs=3, verbose=0)
    assert numbers == [2, 3, 4]


def test_workers_have_the_steps_of_one(rows, tokenizer):
    options = {"shuffle": False, "bucket": False, **LIMITS}
    (whole,) = summarization_dataset(rows, tokenizer, batch_size=64, **options).as_numpy_iterator()
    for i in range(4):
        (part,) = summarization_dataset(
            rows, tokenizer, batch_size=16, num_shards=4, shard_index=i, **options
        ).as_numpy_iterator()
        np.testing.assert_array_equal(part["labels"], whole["labels"][i::4])


def test_strings_without_a_tokenizer(rows):
    data = summarization_dataset(rows, batch_size=40)
    pairs = [pair for batch in data.as_numpy_iterator() for pair in zip(*batch, strict=True)]
    texts = {tuple(text.decode() for text in pair) for pair in pairs}
    assert len(pairs) == len(RECORDS)
    assert texts == {tuple(record.values()) for record in RECORDS}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start_step": -1}, "start_step=-1 must be an int of at least 0"),
        ({"prefetch": 1.5}, "prefetch=1.5 must be an int of at least 0"),
        ({"max_source_length": None}, "max_source_length=None must be an int of at least 1"),
        ({"max_target_length": 0}, "max_target_length=0 must be an int of at least 1"),
        ({"max_samples": 3}, "max_samples has no effect on Rows"),
        ({"on_error": "skip"}, "on_error has no effect on Rows"),
        ({"tokenizer": None}, "max_source_length=24 has no effect without a tokenizer"),
    ],
)
def test_invalid_arguments(rows, tokenizer, options, message):
    with pytest.raises(ValueError, match=message):
        summarization_dataset(rows, **{"tokenizer": tokenizer, **LIMITS, **options})


def test_sampled_segmentations_are_not_cached(rows, vocab_file):
    sampling = {"enable_sampling": True, "nbest_size": -1, "alpha": 0.1}
    tokenizer = PegasusTokenizer(vocab_file, sp_model_kwargs=sampling)
    with pytest.raises(ValueError, match="cache=True would keep one segmentation of each text"):
        summarization_dataset(rows, tokenizer, cache=True, **LIMITS)


def test_errors_come_before_the_first_step(tmp_path, tokenizer):
    write_jsonl(tmp_path / "a.jsonl", [*RECORDS, {"document": "x"}])
    with pytest.raises(ValueError, match=r"a.jsonl', line 65: field 'summary' is missing"):
        summarization_dataset(tmp_path / "a.jsonl", tokenizer, **LIMITS)


def test_memory_does_not_grow_with_the_file(tmp_path, tokenizer):
    """A hundred times as many rows take a few bytes more each."""
    row = json.dumps({"document": "word " * 300, "summary": "word"}) + "\n"
    peaks = {}
    for count in (200, 20_000):
        path = tmp_path / f"{count}.jsonl"
        path.write_text(row * count)
        tracemalloc.start()
        data = summarization_dataset(path, tokenizer, cache=True, **LIMITS)
        assert len(list(data.take(20))) == 20
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert path.stat().st_size > 28 * 2**20
    assert peaks[20_000] - peaks[200] < 200 * 20_000


@pytest.mark.slow
def test_the_tool_that_measures_memory(tmp_path):
    write_rows(tmp_path / "a.jsonl", 20)
    result = measured(tmp_path / "a.jsonl")
    assert result["rows"] == 20
    assert 2**26 < result["peak_bytes"] < 2**32
