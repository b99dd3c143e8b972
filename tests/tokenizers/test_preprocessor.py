import json

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import SENTENCES

from tf_pegasus import PegasusPreprocessor, PegasusTokenizer, TFPegasusTokenizer

SUMMARIES = [" ".join(sentence.split()[:3]) for sentence in SENTENCES]


@pytest.fixture(scope="module")
def preprocessor(tokenizer):
    return PegasusPreprocessor(tokenizer, 20, 6)


@pytest.fixture(scope="module")
def expected(tokenizer):
    ids = tokenizer(SENTENCES, padding=True, truncation=True, max_length=20, return_tensors="np")
    labels = tokenizer(SUMMARIES, padding=True, truncation=True, max_length=6, return_tensors="np")
    return dict(ids), np.where(labels.attention_mask == 1, labels.input_ids, -100)


def check(x, y, expected):
    assert {name: value.dtype for name, value in x.items()} == dict.fromkeys(expected[0], tf.int32)
    for name, value in expected[0].items():
        np.testing.assert_array_equal(x[name], value)
    np.testing.assert_array_equal(y, expected[1])


def test_strings_become_what_the_tokenizer_makes_of_them(preprocessor, expected):
    check(*preprocessor(SENTENCES, SUMMARIES), expected)
    x, y, weights = preprocessor(SENTENCES, SUMMARIES, np.ones(8))
    check(x, y, expected)
    assert weights.sum() == 8
    check(*preprocessor({"document": SENTENCES, "summary": SUMMARIES}), expected)
    alone = preprocessor({"document": SENTENCES})
    check(alone, expected[1], expected)


def test_inside_a_dataset(preprocessor, expected):
    data = tf.data.Dataset.from_tensor_slices((SENTENCES, SUMMARIES)).batch(8).map(preprocessor)
    check(*next(iter(data)), expected)


def test_full_widths(preprocessor, expected):
    x, y = preprocessor(["A", "B"], ["C", "D"], full=True)
    assert (x["input_ids"].shape, x["attention_mask"].shape, y.shape) == ((2, 20), (2, 20), (2, 6))
    assert x["attention_mask"].numpy().sum() < 20
    assert (y[:, -1].numpy() == -100).all()


def test_its_configuration_is_json(preprocessor, expected):
    config = json.loads(json.dumps(preprocessor.get_config()))
    check(*PegasusPreprocessor.from_config(config)(SENTENCES, SUMMARIES), expected)


def test_the_layer_will_do(tokenizer, expected):
    layer = TFPegasusTokenizer.from_tokenizer(tokenizer)
    check(*PegasusPreprocessor(layer, 20, 6)(SENTENCES, SUMMARIES), expected)


def test_the_beginning_may_be_cut_off(vocab_file):
    tokenizer = PegasusTokenizer(vocab_file, truncation_side="left")
    x, y = PegasusPreprocessor(tokenizer, 20, 6)(SENTENCES, SUMMARIES)
    for texts, found, limit in ((SENTENCES, x["input_ids"], 20), (SUMMARIES, y, 6)):
        for ids, row in zip(tokenizer.encode_batch(texts), found.numpy(), strict=True):
            assert [i for i in row if i not in (0, -100)] == tokenizer.truncate(ids, limit)


def test_vocabulary_size(vocab_file):
    tokenizer = PegasusTokenizer(vocab_file)
    for tokens in ([], ["<new>", "the"]):
        tokenizer.add_tokens(tokens)
        assert TFPegasusTokenizer.from_tokenizer(tokenizer).vocabulary_size == len(tokenizer)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("spiece.model", 20, 6), TypeError, "tokenizer must be a PegasusTokenizer .* got str"),
        ((None, 0, 6), ValueError, "max_source_length=0 must be an int of at least 1"),
        ((None, 20, 6.0), ValueError, "max_target_length=6.0 must be an int of at least 1"),
    ],
)
def test_invalid_arguments(tokenizer, arguments, error, message):
    with pytest.raises(error, match=message):
        PegasusPreprocessor(arguments[0] or tokenizer, *arguments[1:])


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ({"text": ["a"]}, None, r"x has \['text'\], expected 'document'"),
        ({"document": ["a"], "summary": ["b"]}, ["c"], "summaries were given twice"),
    ],
)
def test_invalid_batches(preprocessor, x, y, message):
    with pytest.raises(ValueError, match=message):
        preprocessor(x, y)
