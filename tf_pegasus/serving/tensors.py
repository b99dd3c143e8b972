"""Converts between numpy arrays and TensorFlow's `TensorProto`, without `tensorflow`."""

import math

import numpy as np

# No output of a signature has more than 3 dimensions; numpy holds 64.
_MAX_RANK = 8
# Of each type: its number (`tensorflow.DataType`), the field that holds its values one by one.
_TYPES = {
    np.dtype("float32"): (1, "float_val"),
    np.dtype("float64"): (2, "double_val"),
    np.dtype("int32"): (3, "int_val"),
    np.dtype("object"): (7, "string_val"),
    np.dtype("int64"): (9, "int64_val"),
    np.dtype("bool"): (10, "bool_val"),
}
_DTYPES = {number: (dtype, field) for dtype, (number, field) in _TYPES.items()}


def write_tensor(proto, array):
    """Fills a `TensorProto`, as `tf.make_tensor_proto` does.

    Args:
        proto: an empty `TensorProto`, of any descriptor pool.
        array: numpy array of one of the dtypes above; strings are an object array of bytes.

    Raises:
        TypeError: if the array has another dtype.
    """
    if array.dtype not in _TYPES:
        raise TypeError(f"arrays of {array.dtype} cannot be sent")
    proto.dtype, field = _TYPES[array.dtype]
    # Sets the field even for scalars, which have no dimension.
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if array.dtype.kind in "if" and array.size > 1:
        little_endian = array.astype(array.dtype.newbyteorder("<"))
        proto.tensor_content = little_endian.tobytes()
    else:
        getattr(proto, field).extend(array.ravel().tolist())


def read_tensor(proto, limit=2**31):
    """Returns the numpy array of a `TensorProto`, as `tf.make_ndarray` does.

    Args:
        proto: a `TensorProto`, of any descriptor pool.
        limit: int, bytes that the array may take. A few bytes can stand for any number.

    Raises:
        ValueError: its values do not fit its shape, it has a type that no signature has, or it is
            larger than `limit`.
    """
    if proto.dtype not in _DTYPES:
        raise ValueError(f"tensors of type {proto.dtype} are not supported")
    dtype, field = _DTYPES[proto.dtype]
    shape = _checked_shape(proto.tensor_shape, dtype, limit)
    size = math.prod(shape)
    if proto.tensor_content:
        content = proto.tensor_content
        if dtype.kind == "O" or len(content) != size * dtype.itemsize:
            raise ValueError(f"{len(content)} bytes of {dtype} do not fit the shape {shape}")
        stored = np.dtype("uint8") if dtype.kind == "b" else dtype.newbyteorder("<")
        return np.frombuffer(content, stored).astype(dtype).reshape(shape)
    values = getattr(proto, field)
    if len(values) > size or (size and not values):
        raise ValueError(f"{len(values)} values in {field} do not fit the shape {shape}")
    repeated = size - len(values)
    if dtype.kind == "O" and values and sum(map(len, values)) + repeated * len(values[-1]) > limit:
        raise ValueError(f"the strings have more than {limit} bytes")
    array = np.empty(size, dtype)
    array[: len(values)] = values
    if repeated:
        # The last value stands for all that follow.
        array[len(values) :] = values[-1]
    return array.reshape(shape)


def read_tensors(protos, limit):
    """Returns a dict of arrays from a mapping of `TensorProto`, see `read_tensor`.

    Args:
        protos: mapping from str to `TensorProto`.
        limit: int, bytes that the arrays may take together.
    """
    arrays = {}
    for name, proto in protos.items():
        try:
            arrays[name] = read_tensor(proto, limit)
        except ValueError as error:
            raise ValueError(f"{name!r:.80}: {error}") from error
        # At least as much as an empty array takes.
        limit -= arrays[name].nbytes + 128
        if arrays[name].dtype == object:
            limit -= sum(map(len, arrays[name].ravel()))
    return arrays


def _checked_shape(proto, dtype, limit):
    """The sizes of a shape, or ValueError if it has none or is too large."""
    if proto.unknown_rank:
        raise ValueError("the shape is not fully defined")
    if len(proto.dim) > _MAX_RANK:
        raise ValueError(f"the shape has {len(proto.dim)} dimensions, more than {_MAX_RANK}")
    shape = [dim.size for dim in proto.dim]
    if min(shape, default=0) < 0:
        raise ValueError(f"the shape {shape} is not fully defined")
    # Dimensions beside a 0 as well: numpy multiplies them.
    if math.prod(max(size, 1) for size in shape) * dtype.itemsize > limit:
        raise ValueError(f"the shape {shape} of {dtype} has more than {limit} bytes")
    return shape
