"""The client's messages equal those of `tensorflow-serving-api` byte by byte."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis import get_model_status_pb2, predict_pb2

from tf_pegasus.serving import protos
from tf_pegasus.serving.tensors import read_tensor, write_tensor

ARRAYS = {
    "strings": np.array([b"a", "ä日".encode(), b"", b"x\x00"], object),
    "string": np.array(b"x", object),
    "nothing": np.array([], object),
    "int32": np.arange(6, dtype="int32").reshape(2, 3),
    "int64": np.array([[-1, 2**40]]),
    "float32": np.array([1.5, -np.inf, np.nan], "float32"),
    "float64": np.array([0.1, 0.2]),
    "bool": np.array([True, False]),
    "scalar": np.float32(2.5)[()],
    "one": np.array([[7]], "int32"),
    "empty": np.zeros((0, 3), "float32"),
}
ARRAYS = {name: np.asarray(array) for name, array in ARRAYS.items()}


def serialized(message):
    return message.SerializeToString(deterministic=True)


@pytest.mark.parametrize("name", ARRAYS)
def test_tensors_equal_those_of_tensorflow(name):
    array = ARRAYS[name]
    ours, theirs = protos.TensorProto(), tf.make_tensor_proto(array)
    write_tensor(ours, array)
    assert serialized(ours) == serialized(theirs)
    for message in (ours, theirs):
        read = read_tensor(message)
        assert (read.dtype, read.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(read, array)


def test_repeated_values():
    theirs = tf.make_tensor_proto(np.zeros((2, 3), "float32"))
    theirs.ClearField("tensor_content")
    theirs.float_val.extend([1.0, 2.0])
    np.testing.assert_array_equal(read_tensor(theirs), tf.make_ndarray(theirs))
    np.testing.assert_array_equal(read_tensor(theirs), [[1, 2, 2], [2, 2, 2]])


def test_invalid_tensors():
    with pytest.raises(TypeError, match="arrays of complex64 cannot be sent"):
        write_tensor(protos.TensorProto(), np.zeros(2, "complex64"))
    with pytest.raises(ValueError, match="type 8"):
        read_tensor(TensorProto(dtype=8))
    for content, size in ((b"abc", 1), (b"abcd", 2)):
        message = protos.TensorProto(dtype=1, tensor_content=content)
        message.tensor_shape.dim.add(size=size)
        with pytest.raises(ValueError, match=r"size|shape"):
            read_tensor(message)
    message = protos.TensorProto(dtype=1)
    message.tensor_shape.dim.add(size=-1)
    with pytest.raises(ValueError, match=r"the shape \[-1\] is not fully defined"):
        read_tensor(message)


@pytest.mark.parametrize("version", [None, 0, 3])
def test_requests_and_answers(version):
    pairs = [
        (protos.PredictRequest(), predict_pb2.PredictRequest()),
        (protos.GetModelStatusRequest(), get_model_status_pb2.GetModelStatusRequest()),
        (protos.PredictResponse(), predict_pb2.PredictResponse()),
    ]
    for messages in pairs:
        for message in messages:
            message.model_spec.name = "tiny"
            message.model_spec.signature_name = "serving_default"
            if version is not None:
                message.model_spec.version.value = version
            for tensors in (getattr(message, name, None) for name in ("inputs", "outputs")):
                if tensors is not None:
                    for name, array in ARRAYS.items():
                        tensors[name].CopyFrom(
                            type(tensors[name]).FromString(
                                tf.make_tensor_proto(array).SerializeToString()
                            )
                        )
        ours, theirs = messages
        assert ours.DESCRIPTOR.full_name == theirs.DESCRIPTOR.full_name
        assert serialized(ours) == serialized(theirs)
        assert type(ours).FromString(serialized(theirs)) == ours


def test_states():
    theirs = get_model_status_pb2.GetModelStatusResponse()
    names = get_model_status_pb2.ModelVersionStatus.State.items()
    for version, (_, number) in enumerate(names):
        theirs.model_version_status.add(version=version, state=number)
    ours = protos.GetModelStatusResponse.FromString(serialized(theirs))
    assert serialized(ours) == serialized(theirs)
    found = [protos.MODEL_STATES[status.state] for status in ours.model_version_status]
    assert found == [name for name, _ in names]


def test_fields_equal_those_of_tensorflow():
    for ours, theirs in (
        (protos.TensorProto, TensorProto),
        (protos.PredictRequest, predict_pb2.PredictRequest),
        (protos.PredictResponse, predict_pb2.PredictResponse),
        (protos.GetModelStatusResponse, get_model_status_pb2.GetModelStatusResponse),
    ):
        known = {field.name: field for field in theirs.DESCRIPTOR.fields}
        for field in ours.DESCRIPTOR.fields:
            like = known[field.name]
            assert (field.number, field.type) == (like.number, like.type)
            assert field.is_repeated == like.is_repeated
