"""TF Serving's messages, as far as the client needs them, without `tensorflow`.

The classes are built at run time, in a separate descriptor pool, so that they do not clash with
those of `tensorflow-serving-api`, which have the same names. Names and field numbers are those of
`tensorflow_serving/apis/*.proto` and `tensorflow/core/framework/tensor*.proto`.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2
from google.protobuf.message import DecodeError

from tf_pegasus.serving.errors import ServingError
from tf_pegasus.serving.wire import check_fields

_FIELD = descriptor_pb2.FieldDescriptorProto
_SERVING, _TENSORFLOW = "tensorflow.serving", "tensorflow"

# The fields of each message: name, number, type, and whether it is repeated. Types that are not
# scalar are the full name of a message, or `enum` and the full name of an enumeration.
_MESSAGES = {
    f"{_TENSORFLOW}.TensorShapeProto.Dim": [("size", 1, "int64", False)],
    f"{_TENSORFLOW}.TensorShapeProto": [
        ("dim", 2, f"{_TENSORFLOW}.TensorShapeProto.Dim", True),
        ("unknown_rank", 3, "bool", False),
    ],
    f"{_TENSORFLOW}.TensorProto": [
        ("dtype", 1, f"enum {_TENSORFLOW}.DataType", False),
        ("tensor_shape", 2, f"{_TENSORFLOW}.TensorShapeProto", False),
        ("tensor_content", 4, "bytes", False),
        ("float_val", 5, "float", True),
        ("double_val", 6, "double", True),
        ("int_val", 7, "int32", True),
        ("string_val", 8, "bytes", True),
        ("int64_val", 10, "int64", True),
        ("bool_val", 11, "bool", True),
    ],
    f"{_SERVING}.ModelSpec": [
        ("name", 1, "string", False),
        ("version", 2, "google.protobuf.Int64Value", False),
        ("signature_name", 3, "string", False),
    ],
    f"{_SERVING}.PredictRequest": [
        ("model_spec", 1, f"{_SERVING}.ModelSpec", False),
        ("inputs", 2, f"{_TENSORFLOW}.TensorProto", "map"),
    ],
    f"{_SERVING}.PredictResponse": [
        ("outputs", 1, f"{_TENSORFLOW}.TensorProto", "map"),
        ("model_spec", 2, f"{_SERVING}.ModelSpec", False),
    ],
    f"{_SERVING}.GetModelStatusRequest": [("model_spec", 1, f"{_SERVING}.ModelSpec", False)],
    f"{_SERVING}.ModelVersionStatus": [
        ("version", 1, "int64", False),
        ("state", 2, f"enum {_SERVING}.ModelVersionStatus.State", False),
    ],
    f"{_SERVING}.GetModelStatusResponse": [
        ("model_version_status", 1, f"{_SERVING}.ModelVersionStatus", True),
    ],
}
_ENUMS = {
    f"{_TENSORFLOW}.DataType": {
        "DT_INVALID": 0,
        "DT_FLOAT": 1,
        "DT_DOUBLE": 2,
        "DT_INT32": 3,
        "DT_STRING": 7,
        "DT_INT64": 9,
        "DT_BOOL": 10,
    },
    f"{_SERVING}.ModelVersionStatus.State": {
        "UNKNOWN": 0,
        "START": 10,
        "LOADING": 20,
        "AVAILABLE": 30,
        "UNLOADING": 40,
        "END": 50,
    },
}


def _build_pool():
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    for package in (_TENSORFLOW, _SERVING):
        file = descriptor_pb2.FileDescriptorProto(
            name=f"tf_pegasus/{package}.proto",
            package=package,
            syntax="proto3",
            dependency=["google/protobuf/wrappers.proto"],
        )
        if package == _SERVING:
            file.dependency.append(f"tf_pegasus/{_TENSORFLOW}.proto")
        messages = {}
        for name, fields in sorted(_MESSAGES.items()):
            parent, _, own = name.rpartition(".")
            # Sorted by name, nested messages follow their parents.
            if parent == package:
                messages[name] = file.message_type.add(name=own)
            elif parent in messages:
                messages[name] = messages[parent].nested_type.add(name=own)
            else:
                continue
            for field in fields:
                _add_field(messages[name], name, *field)
        for name, values in _ENUMS.items():
            parent, _, own = name.rpartition(".")
            if parent != package and parent not in messages:
                continue
            enum = (file if parent == package else messages[parent]).enum_type.add(name=own)
            for value, number in values.items():
                enum.value.add(name=value, number=number)
        pool.Add(file)
    return pool


def _add_field(message, full_name, name, number, kind, repeated):
    """Adds a field to a message's descriptor; `repeated="map"` makes a map from str to `kind`."""
    if repeated == "map":
        entry = f"{name.capitalize()}Entry"
        nested = message.nested_type.add(name=entry)
        nested.options.map_entry = True
        _add_field(nested, f"{full_name}.{entry}", "key", 1, "string", False)
        _add_field(nested, f"{full_name}.{entry}", "value", 2, kind, False)
        kind = f"{full_name}.{entry}"
    field = message.field.add(name=name, number=number)
    field.label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
    if kind.startswith("enum "):
        field.type, field.type_name = _FIELD.TYPE_ENUM, "." + kind.removeprefix("enum ")
    elif "." in kind:
        field.type, field.type_name = _FIELD.TYPE_MESSAGE, "." + kind
    else:
        field.type = _FIELD.Type.Value(f"TYPE_{kind.upper()}")


_POOL = _build_pool()


def _message(name):
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(name))


TensorProto = _message(f"{_TENSORFLOW}.TensorProto")
PredictRequest = _message(f"{_SERVING}.PredictRequest")
PredictResponse = _message(f"{_SERVING}.PredictResponse")
GetModelStatusRequest = _message(f"{_SERVING}.GetModelStatusRequest")
GetModelStatusResponse = _message(f"{_SERVING}.GetModelStatusResponse")
MODEL_STATES = {
    number: name for name, number in _ENUMS[f"{_SERVING}.ModelVersionStatus.State"].items()
}


def parsed(message, content):
    """Bytes as a message.

    Raises:
        ServingError: they are none, or would take too much memory.
    """
    try:
        check_fields(message.DESCRIPTOR, content)
        return message.FromString(content)
    except (DecodeError, ValueError) as error:
        raise ServingError(f"the answer is no {message.DESCRIPTOR.name}: {error}") from error
