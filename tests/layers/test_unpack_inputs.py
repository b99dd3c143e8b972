from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from tf_pegasus import (
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
)
from tf_pegasus.layers.unpack_inputs import (
    as_embeddings,
    as_ids,
    check_no_strings,
    gather_inputs,
    unpack_inputs,
)

CONFIG = SimpleNamespace(output_attentions=True, return_dict=False)


class Layer:
    config = CONFIG

    @unpack_inputs
    def call(
        self,
        input_ids=None,
        attention_mask=None,
        output_attentions=None,
        return_dict=None,
        training=False,
    ):
        return input_ids, attention_mask, output_attentions, return_dict, training


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((1, 2), {}),
        ((1,), {"attention_mask": 2}),
        ((), {"input_ids": 1, "attention_mask": 2}),
        (({"input_ids": 1, "attention_mask": 2},), {}),
        (([1, 2],), {}),
        (((1, 2),), {}),
        (({"input_ids": 1},), {"attention_mask": 2}),
    ],
)
def test_all_calling_styles_are_equivalent(args, kwargs):
    assert Layer().call(*args, **kwargs) == (1, 2, True, False, False)


def test_given_options_override_the_configuration():
    assert Layer().call(1, output_attentions=False, return_dict=True, training=True) == (
        *(1, None, False, True),
        True,
    )
    assert Layer().call({"input_ids": 1, "output_attentions": 0})[2] is False


def test_names_are_read_from_the_signature():
    names = ("input_ids", "attention_mask", "output_attentions", "return_dict")
    assert Layer.call.input_names == Layer().call.input_names == names


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        (({"input_idz": 1},), {}, "unknown input 'input_idz'"),
        (([1, 2, 3, 4, 5],), {}, "a list of 5 inputs, expected at most 4"),
        (({"attention_mask": 1},), {"attention_mask": 2}, "attention_mask was given twice"),
    ],
)
def test_invalid_calls(args, kwargs, message):
    with pytest.raises(ValueError, match=message):
        Layer().call(*args, **kwargs)


def test_unknown_keywords_are_refused():
    with pytest.raises(TypeError, match="unexpected keyword argument 'labelz'"):
        Layer().call(1, labelz=2)


def test_gather_inputs_takes_any_mapping():
    class Mapping:
        def keys(self):
            return ["a"]

        def __iter__(self):
            return iter(["a"])

        def __getitem__(self, name):
            return 7

    assert gather_inputs(("a", "b"), Mapping(), {}) == {"a": 7, "b": None}


@pytest.mark.parametrize(
    "texts",
    ["a text", ["a text"], [["a text"]], np.array(["x"]), tf.constant(["x"]), (b"x",)],
)
def test_strings_are_refused_as_ids(texts):
    with pytest.raises(TypeError, match=r"input_ids must be ids, got strings: .*model.summarize"):
        as_ids("input_ids", texts)


def test_strings_are_found_inside_a_mapping():
    with pytest.raises(TypeError, match="labels must be ids"):
        check_no_strings("x", {"input_ids": np.ones((1, 2), int), "labels": ["a text"]})
    check_no_strings("x", {"input_ids": [[1, 2]], "labels": None})


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (None, "input_ids is missing"),
        (np.zeros((2, 3, 4), int), r"must have the shape \(batch, length\), got \(2, 3, 4\)"),
        (np.zeros((2, 3)), "must hold integers, got float64"),
    ],
)
def test_invalid_ids(ids, message):
    with pytest.raises(ValueError, match=message):
        as_ids("input_ids", ids)


def test_ids_and_embeddings_get_their_dtypes():
    assert as_ids("ids", np.zeros((2, 3), "int64")).dtype == tf.int32
    assert as_embeddings("embeds", np.zeros((2, 3, 4)), 4).dtype == tf.float32
    with pytest.raises(ValueError, match="d_model=8"):
        as_embeddings("embeds", np.zeros((2, 3, 4)), 8)


def call_styles(model, batch):
    ids, mask, decoder_ids = batch["input_ids"], batch["attention_mask"], batch["labels"].clip(0)
    named = {"input_ids": ids, "attention_mask": mask, "decoder_input_ids": decoder_ids}
    yield model(ids, mask, decoder_ids)
    yield model(ids, attention_mask=mask, decoder_input_ids=decoder_ids)
    yield model(**named)
    yield model(named)
    yield model([ids, mask, decoder_ids])
    yield model((ids, mask, decoder_ids))
    yield tf.function(lambda inputs: model(inputs))(named)
    for dtype in ("bool", "int64", "int8"):
        yield model(ids, mask.astype(dtype), decoder_ids.astype("int64"))


@pytest.mark.parametrize("model_class", [TFPegasusModel, TFPegasusForConditionalGeneration])
def test_all_calling_styles_agree(model_class, config, batch):
    model = model_class(config)
    first, *others = call_styles(model, batch)
    for other in others:
        assert list(other) == list(first)
        for a, b in zip(tf.nest.flatten(first), tf.nest.flatten(other), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_single_tensor_is_the_first_input(model, batch):
    encoder = model.get_encoder()
    alone = encoder(batch["input_ids"])[0]
    full = encoder({"input_ids": batch["input_ids"], "attention_mask": np.ones((3, 7), int)})
    np.testing.assert_array_equal(alone, full.last_hidden_state)


def test_an_input_given_twice_is_refused(model, batch):
    with pytest.raises(ValueError, match="attention_mask was given twice"):
        model(batch, attention_mask=batch["attention_mask"])
    with pytest.raises(ValueError, match="list of 19 inputs"):
        model([batch["input_ids"]] * 19)


@pytest.mark.parametrize("dtype", ["bool", "int8", "int32", "int64", "float32"])
def test_masks_of_every_dtype_agree(config, source, target, dtype):
    model = TFPegasusModel(config)
    ones = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]])
    mask = source["attention_mask"]
    expected = model(source, decoder_input_ids=target, decoder_attention_mask=ones)
    found = model(
        source["input_ids"], mask.astype(dtype), target, decoder_attention_mask=ones.astype(dtype)
    )
    np.testing.assert_array_equal(found[0], expected[0])


@pytest.mark.parametrize("index", [2**32 + 5, -(2**32) + 5, 2**63 - 1])
def test_large_ids_become_no_small_ones(index, model):
    ids = np.array([[5, index]])
    assert abs(int(as_ids("ids", ids)[0, 1])) >= 2**31 - 1
    with pytest.raises(ValueError, match=r"input_ids holds ids outside \[0, 60\)"):
        model.generate(ids)


def test_ragged_ids_are_padded_and_masked(model):
    sources = tf.ragged.constant([[3, 4, 5, 1], [6, 1]], dtype=tf.int32)
    labels = tf.ragged.constant([[7, 1], [8, 9, 1]], dtype=tf.int32)
    ragged = model({"input_ids": sources, "labels": labels})
    padded = model(
        input_ids=sources.to_tensor(),
        attention_mask=tf.sequence_mask([4, 2], dtype=tf.int32),
        labels=labels.to_tensor(-100),
    )
    np.testing.assert_allclose(ragged.logits, padded.logits, atol=1e-6)
    np.testing.assert_allclose(ragged.loss, padded.loss, rtol=1e-6)


def test_fit_takes_ragged_ids(model):
    rows = tf.ragged.constant([[3, 4, 5, 1], [6, 1]], dtype=tf.int32)
    model.compile("sgd")
    expected = model({"input_ids": rows, "labels": rows}).loss
    dataset = tf.data.Dataset.from_tensor_slices((rows, rows)).batch(2)
    np.testing.assert_allclose(model.evaluate(dataset, verbose=0), expected, rtol=1e-5)
