import base64
import gc

import keras
import numpy as np
import pytest
import sentencepiece
import tensorflow as tf
from helpers.texts import TEXTS
from helpers.tiny import SENTENCES
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus import PegasusTokenizer, TFPegasusTokenizer
from tf_pegasus.tokenizers.vocabulary import train_vocabulary


@pytest.fixture(scope="module", params=[{}, {"newline_token": "<n>"}, {"offset": 0}], ids=str)
def pair(request, vocab_file):
    python = PegasusTokenizer(vocab_file, **request.param)
    return python, TFPegasusTokenizer.from_tokenizer(python)


def assert_agree(pair, texts):
    python, graph = pair
    expected = python.encode_batch(texts)
    # As numpy bytes, because tf.constant keeps all of a text, even a NUL at its end.
    strings = tf.constant([text.encode() for text in texts], tf.string)
    assert graph.tokenize(strings).to_list() == expected
    back = graph.detokenize(tf.ragged.constant(expected, tf.int32, ragged_rank=1))
    assert [text.decode() for text in back.numpy()] == python.batch_decode(
        expected, skip_special_tokens=True
    )


def test_python_and_graph_agree(pair):
    assert_agree(pair, TEXTS)


_wild = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
_pieces = st.sampled_from(["<pad>", "</s>", "<mask_1>", "<unk_7>", "<unk>", "<n>", "\n", " ", "▁"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(_wild | _pieces, max_size=6).map("".join), min_size=1, max_size=4))
def test_python_and_graph_agree_on_arbitrary_texts(tokenizer, texts):
    assert_agree((tokenizer, TFPegasusTokenizer.from_tokenizer(tokenizer)), texts)


def test_id_table(tokenizer):
    ids = tokenizer.special_tokens.ids
    assert [ids[t] for t in ("<pad>", "</s>", "<mask_1>", "<mask_2>", "<unk_2>")] == [0, 1, 2, 3, 4]
    assert (ids["<unk_102>"], ids["<unk>"]) == (104, 105)
    assert tokenizer.vocab_size == len(tokenizer) == 110 + 103
    assert tokenizer.encode("<mask_1>") == [2, 1]
    assert min(tokenizer.encode("fox")[:-1]) > 105


def test_ids_are_shifted_sentencepiece_ids(tokenizer, vocab_file):
    processor = sentencepiece.SentencePieceProcessor(model_file=str(vocab_file))
    for text in SENTENCES:
        assert tokenizer.encode(text) == [i + 103 for i in processor.encode(text)] + [1]


def test_round_trip(tokenizer):
    rows = tokenizer.encode_batch(SENTENCES)
    assert tokenizer.batch_decode(rows, skip_special_tokens=True) == SENTENCES


def test_newline_token_keeps_line_breaks(vocab_file):
    text = "The fox\njumps over\n\nthe dog."
    with_newlines = PegasusTokenizer(vocab_file, newline_token="<n>")
    assert with_newlines.decode(with_newlines.encode(text)[:-1]) == text
    without = PegasusTokenizer(vocab_file)
    assert without.decode(without.encode(text)[:-1]) == "The fox jumps over the dog."


def test_padding_and_truncation(tokenizer):
    rows = tokenizer(["the fox", "the quick brown fox"], padding=True, return_tensors="np")
    assert rows["input_ids"].shape == rows["attention_mask"].shape
    assert rows["attention_mask"].sum(1).tolist() == list(
        map(len, tokenizer.encode_batch(["the fox", "the quick brown fox"]))
    )
    assert (rows["input_ids"][rows["attention_mask"] == 0] == 0).all()
    cut = tokenizer("the quick brown fox", truncation=True, max_length=3)["input_ids"]
    assert (len(cut), cut[-1]) == (3, 1)
    wide = tokenizer(["a"], padding="max_length", max_length=9, return_tensors="tf")
    assert wide["input_ids"].shape == (1, 9)
    assert tokenizer(["a"], max_length=1, truncation=True)["input_ids"] == [[1]]


@pytest.mark.parametrize("length", [1, 2, 5, 500])
def test_graph_truncates_like_python(vocab_file, length):
    python = PegasusTokenizer(vocab_file, model_max_length=length)
    graph = TFPegasusTokenizer.from_tokenizer(python)
    expected = python(TEXTS, padding=True, truncation=True, return_tensors="np")
    result = graph(tf.constant([text.encode() for text in TEXTS]))
    for name in ("input_ids", "attention_mask"):
        np.testing.assert_array_equal(result[name], expected[name])


def test_decode_skips_ids_that_are_not_text(tokenizer):
    graph = TFPegasusTokenizer.from_tokenizer(tokenizer)
    ids = [0, 2, *tokenizer.encode("the fox"), 105, 50, len(tokenizer), 10**6]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "the fox"
    assert graph.detokenize([ids]).numpy()[0] == b"the fox"
    assert graph.detokenize([[-5, -100]]).numpy()[0] == b""
    shown = tokenizer.decode([2, *tokenizer.encode("the fox")], skip_special_tokens=False)
    assert shown == "<mask_1>the fox</s>"


def test_invalid_arguments(tokenizer, vocab_file):
    with pytest.raises(TypeError, match="must be a str, got int"):
        tokenizer([3])
    with pytest.raises(ValueError, match="an id is at least 0"):
        tokenizer.decode([-100])
    with pytest.raises(ValueError, match="the vocabulary ends at"):
        tokenizer.decode([len(tokenizer)], skip_special_tokens=False)
    with pytest.raises(ValueError, match="different lengths"):
        tokenizer(["a", "a b c"], return_tensors="np")
    with pytest.raises(ValueError, match="max_length must be given"):
        tokenizer(["a"], truncation=True)
    with pytest.raises(ValueError, match="padding='yes'"):
        tokenizer(["a"], padding="yes")
    with pytest.raises(ValueError, match="return_tensors='pt'"):
        tokenizer(["a"], return_tensors="pt")
    with pytest.raises(ValueError, match="offset=2"):
        PegasusTokenizer(vocab_file, offset=2)
    with pytest.raises(ValueError, match="'<pad>' is given twice"):
        PegasusTokenizer(vocab_file, eos_token="<pad>")


def test_graph_tokenizer_survives_a_new_seed(tokenizer):
    graph = TFPegasusTokenizer.from_tokenizer(tokenizer)
    traced = tf.function(lambda texts: graph(texts)["input_ids"])
    texts = tf.constant(SENTENCES)
    expected = traced(texts)
    keras.utils.set_random_seed(1)
    np.testing.assert_array_equal(traced(texts), expected)
    np.testing.assert_array_equal(graph(texts)["input_ids"], expected)


def test_graph_tokenizers_of_one_vocabulary_are_independent(tokenizer):
    texts = tf.constant(SENTENCES)
    remaining = TFPegasusTokenizer.from_tokenizer(tokenizer)
    expected = TFPegasusTokenizer.from_tokenizer(tokenizer)(texts)["input_ids"]
    gc.collect()
    np.testing.assert_array_equal(remaining(texts)["input_ids"], expected)


def test_save_and_load(tokenizer, vocab_file, tmp_path):
    saved = PegasusTokenizer(vocab_file, newline_token="<n>", model_max_length=77)
    saved.save_pretrained(tmp_path)
    loaded = PegasusTokenizer.from_pretrained(tmp_path)
    assert loaded.get_config() == saved.get_config()
    assert loaded.encode_batch(TEXTS) == saved.encode_batch(TEXTS)
    graph = TFPegasusTokenizer.from_pretrained(tmp_path)
    assert graph.tokenize(["the fox"]).to_list() == [saved.encode("the fox")]
    again = TFPegasusTokenizer.from_config(graph.get_config())
    assert again.tokenize(["a fox"]).to_list() == [saved.encode("a fox")]
    assert base64.b64decode(graph.get_config()["model_proto"]) == saved.model_proto


def test_missing_or_damaged_vocabulary(tmp_path, vocab_file):
    with pytest.raises(FileNotFoundError, match=r"no spiece\.model"):
        PegasusTokenizer.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such file"):
        PegasusTokenizer(tmp_path / "none.model")
    for content in (b"", b"not a model", vocab_file.read_bytes()[:500]):
        (tmp_path / "spiece.model").write_bytes(content)
        with pytest.raises(ValueError, match="sentencepiece model"):
            PegasusTokenizer.from_pretrained(tmp_path)


def test_vocabulary_of_another_kind_is_refused(tmp_path):
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 20),
        model_prefix=str(tmp_path / "other"),
        vocab_size=100,
        minloglevel=2,
    )
    with pytest.raises(ValueError, match=r"has pad, eos and unk at \(-1, 2, 0\)"):
        PegasusTokenizer(tmp_path / "other.model")


def test_vocabulary_too_large_for_its_texts(tmp_path):
    with pytest.raises(ValueError, match="vocab_size=5000"):
        train_vocabulary(SENTENCES, tmp_path / "spiece.model", vocab_size=5000)
    assert not list(tmp_path.iterdir())
