"""Answers that make no sense, or stand for more memory than they have bytes."""

import json
import resource
import tracemalloc

import numpy as np
import pytest
from fuzz_client import FUZZED, fuzz, varint

from tf_pegasus.serving import Client, ServingError, protos
from tf_pegasus.serving.confidential import Redaction
from tf_pegasus.serving.json_answers import as_array, as_states, checked_json
from tf_pegasus.serving.tensors import read_tensor, read_tensors, write_tensor

MIB = 2**20


def tensor(dtype, shape, **values):
    proto = protos.TensorProto(dtype=dtype, **values)
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    return proto


BOMBS = {
    "2^30 floats": tensor(1, [2**30], float_val=[1.0]),
    "2^62 floats": tensor(1, [2**62], float_val=[1.0]),
    "product": tensor(1, [2**16] * 3, float_val=[1.0]),
    "product over 2^64": tensor(1, [2**32, 2**32, 2], float_val=[1.0]),
    "strings": tensor(7, [2**30], string_val=[b"x"]),
    "long string, often": tensor(7, [2**20], string_val=[b"x" * 1000]),
    "beside a zero": tensor(1, [0, 2**62, 2**62]),
    "300 dimensions": tensor(1, [1] * 300, float_val=[1.0]),
    "negative": tensor(1, [-1, -1], float_val=[1.0]),
    "empty for three": tensor(1, [3]),
    "too many values": tensor(1, [1], float_val=[1.0, 2.0]),
    "too many strings": tensor(7, [1], string_val=[b"a", b"b"]),
    "values of another type": tensor(1, [1], string_val=[b"a"]),
    "strings as content": tensor(7, [1], tensor_content=b"abcdefgh"),
    "content of another length": tensor(9, [1], tensor_content=b"abcd"),
    "unknown type": tensor(99, [1], float_val=[1.0]),
}


@pytest.mark.parametrize("name", BOMBS)
def test_tensors_that_are_refused_take_no_memory(name):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=r"\w"):
            read_tensor(BOMBS[name], 64 * MIB)
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()


def test_a_shape_of_unknown_rank():
    proto = tensor(1, [], float_val=[1.0])
    proto.tensor_shape.unknown_rank = True
    with pytest.raises(ValueError, match="not fully defined"):
        read_tensor(proto)


def test_many_tensors_share_one_limit():
    outputs = {str(n): tensor(1, [MIB], float_val=[1.0]) for n in range(100)}
    with pytest.raises(ValueError, match=f"more than {64 * MIB - 15 * (4 * MIB + 128)} bytes"):
        read_tensors(outputs, 64 * MIB)


def test_bools_are_0_or_1():
    proto = tensor(10, [2], tensor_content=b"\x00\x02")
    assert read_tensor(proto).view("uint8").tolist() == [0, 1]


@pytest.mark.parametrize(
    "content",
    [
        b"\x0a" + varint(2 * MIB) + b"\x12\x00" * MIB,
        b"\x0a\x00" * MIB,
        b"\x0a"
        + varint(32 * MIB + 10)
        + b"\x12"
        + varint(32 * MIB + 5)
        + b"\x52"
        + varint(32 * MIB)
        + b"\x01" * (32 * MIB),
    ],
    ids=["nested", "entries", "packed"],
)
def test_messages_of_many_fields_are_not_parsed(content):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ServingError, match="more than 262144 fields"):
        protos.parsed(protos.PredictResponse, content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


def test_large_good_messages_are_parsed():
    answer = protos.PredictResponse()
    write_tensor(answer.outputs["states"], np.ones((4096, 1024), "float32"))
    write_tensor(answer.outputs["summary"], np.array([b"x"] * 10000, object))
    again = protos.parsed(protos.PredictResponse, answer.SerializeToString())
    assert read_tensors(again.outputs, 64 * MIB)["states"].shape == (4096, 1024)


@pytest.mark.parametrize(
    "value",
    [
        ["a", 1],
        [True, 1],
        [None],
        [{}],
        [[1], [1, 2]],
        [[1], 1],
        [1, [1]],
        [[[]], [1]],
        [10**400],
        [10**400, 1.0],
        ["\ud800"],
        {"b64": "eA=="},
        json.loads("[" * 9 + "]" * 9),
    ],
)
def test_lists_that_are_no_arrays(value):
    with pytest.raises(ValueError, match=r"\w"):
        as_array(value)


def test_a_long_string_beside_short_ones_takes_no_memory():
    tracemalloc.start()
    try:
        array = as_array(["x" * MIB, *["y"] * 10000])
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()
    assert (array.dtype, array[1]) == (np.dtype(object), b"y")


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 10**6,
        b'{"a":' * 10**5,
        b"[" + b"[]," * 2**21,
        b"[" + b"1," * 2**24,
        b'{"a":' + b"1" * 10**5,
    ],
    ids=["deep", "deep objects", "lists", "numbers", "long number"],
)
def test_json_that_is_a_bomb(content):
    with pytest.raises(ServingError):
        checked_json(200, content, Redaction([]))


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"model_version_status": 1},
        {"model_version_status": None},
        {"model_version_status": [1]},
        {"model_version_status": [{}]},
        {"model_version_status": [{"version": "x", "state": "END"}]},
        {"model_version_status": [{"version": float("inf"), "state": "END"}]},
        {"model_version_status": [{"version": 1, "state": {}}]},
    ],
)
def test_states_that_are_none(answer):
    with pytest.raises(ServingError, match="no states of versions"):
        as_states(answer)


class Fixed:
    """A transport whose answer is always the same."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def predict(self, signature, inputs, timeout):
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def close(self):
        self.answers = []


@pytest.mark.parametrize("name", ["summary", "score", "truncated"])
@pytest.mark.parametrize("value", [[[1.5]], [b"x"], [1.5], [True], [[b"x"]], None])
def test_outputs_of_other_types(name, value):
    good = {"summary": [b"x"], "score": [-1.0], "truncated": [False]}
    answer = {k: np.array(v, object if isinstance(v[0], bytes) else None) for k, v in good.items()}
    if value is None:
        del answer[name]
    else:
        changed = np.array(value, object if b"x" in np.ravel(value).tolist() else None)
        if changed.dtype.kind == answer[name].dtype.kind and changed.ndim == 1:
            pytest.skip("it is a good one")
        answer[name] = changed
    with Client("localhost:1") as client:
        client._transport = Fixed(answer)
        with pytest.raises(ServingError, match=name):
            client.summarize(["x"])


@pytest.mark.parametrize(
    "second", [{}, {"a": np.array([b"x"], object)}, {"a": np.ones((1, 2))}, {"a": np.array([True])}]
)
def test_answers_that_do_not_fit_together(second):
    with Client("localhost:1", batch_size=1, concurrency=1) as client:
        client._transport = Fixed({"a": np.array([1.0])}, second)
        with pytest.raises(ServingError, match="do not fit together"):
            client.predict("any", {"text": ["x", "y"]})


@pytest.mark.parametrize("protocol", FUZZED)
def test_a_few_fuzzed_answers(protocol):
    counts, failures = fuzz(protocol, count=150, seed=3)
    assert failures == []
    assert counts[protocol]["ServingError"] > 20
    assert counts[protocol]["answer"] > 0
