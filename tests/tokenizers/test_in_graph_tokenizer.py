"""The options of the tokenizer in the graph that are about rows."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.texts import TEXTS

from tf_pegasus import PegasusTokenizer, TFPegasusTokenizer

_STRINGS = [text.encode() for text in TEXTS]


@pytest.mark.parametrize("padding_side", ["left", "right"])
@pytest.mark.parametrize("truncation_side", ["left", "right"])
@pytest.mark.parametrize("length", [None, 1, 2, 9])
def test_sides_are_those_of_the_python_tokenizer(
    vocab_file, tmp_path, padding_side, truncation_side, length
):
    python = PegasusTokenizer(
        vocab_file,
        model_max_length=length,
        padding_side=padding_side,
        truncation_side=truncation_side,
    )
    expected = python(TEXTS, padding=True, truncation=length is not None, return_tensors="np")
    graph = TFPegasusTokenizer.from_tokenizer(python)
    for tokenizer in (graph, TFPegasusTokenizer.from_config(graph.get_config())):
        found = tokenizer(tf.constant(_STRINGS))
        for name in ("input_ids", "attention_mask"):
            np.testing.assert_array_equal(found[name], expected[name])


def test_sides_may_be_given_or_stored(vocab_file, tmp_path):
    python = PegasusTokenizer(vocab_file)
    graph = TFPegasusTokenizer.from_tokenizer(python, padding_side="left")
    ids = graph(tf.constant(["the fox", "a"]))["input_ids"]
    assert ids.numpy()[1, 0] == 0
    inputs = keras.Input((), dtype="string")
    keras.Model(inputs, graph(inputs)["input_ids"]).save(tmp_path / "tokenizer.keras")
    loaded = keras.models.load_model(tmp_path / "tokenizer.keras")
    np.testing.assert_array_equal(loaded(tf.constant(["the fox", "a"])), ids)
    with pytest.raises(ValueError, match="padding_side='up' must be one of right, left"):
        TFPegasusTokenizer.from_tokenizer(python, padding_side="up")


def test_a_tokenizer_in_place_of_a_model_proto_is_refused(vocab_file):
    with pytest.raises(
        TypeError, match=r"got PegasusTokenizer: TFPegasusTokenizer\.from_tokenizer"
    ):
        TFPegasusTokenizer(PegasusTokenizer(vocab_file))


def test_lists_of_texts(vocab_file):
    graph = TFPegasusTokenizer.from_tokenizer(PegasusTokenizer(vocab_file))
    expected = graph(tf.constant(["the fox", "a"]))["input_ids"]
    np.testing.assert_array_equal(graph(["the fox", "a"])["input_ids"], expected)
    with pytest.raises(TypeError, match="must be a list of str or a tensor, got 'the fox'"):
        graph("the fox")
    with pytest.raises(ValueError, match=r"texts must have the shape \(batch,\), got \(1, 2\)"):
        graph([["the fox", "a"]])
    with pytest.raises(ValueError, match=r"must have the shape \(batch,\), got \(\)"):
        graph.tokenize("the fox")


def test_attributes_that_are_changed_later(vocab_file):
    graph = TFPegasusTokenizer.from_tokenizer(PegasusTokenizer(vocab_file))
    graph.padding_side, graph.truncation_side, graph.model_max_length = "left", "left", 3
    again = TFPegasusTokenizer.from_config(graph.get_config())
    for tokenizer in (graph, again):
        ids = tokenizer(["the quick brown fox", ""])["input_ids"].numpy()
        assert ids.shape == (2, 3)
        assert ids[1].tolist() == [0, 0, 1]
    graph.padding_side = "up"
    with pytest.raises(ValueError, match="padding_side='up' must be one of"):
        graph(["a"])
