from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

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
def test_all_ways_of_calling_are_one(args, kwargs):
    assert Layer().call(*args, **kwargs) == (1, 2, True, False, False)


def test_options_that_are_given_go_before_the_configuration():
    assert Layer().call(1, output_attentions=False, return_dict=True, training=True) == (
        *(1, None, False, True),
        True,
    )
    assert Layer().call({"input_ids": 1, "output_attentions": 0})[2] is False


def test_the_names_are_read_off_the_signature():
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
def test_bad_calls(args, kwargs, message):
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
def test_strings_are_no_ids(texts):
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
def test_bad_ids(ids, message):
    with pytest.raises(ValueError, match=message):
        as_ids("input_ids", ids)


def test_ids_and_embeddings_get_their_dtypes():
    assert as_ids("ids", np.zeros((2, 3), "int64")).dtype == tf.int32
    assert as_embeddings("embeds", np.zeros((2, 3, 4)), 4).dtype == tf.float32
    with pytest.raises(ValueError, match="d_model=8"):
        as_embeddings("embeds", np.zeros((2, 3, 4)), 8)
