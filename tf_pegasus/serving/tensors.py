"""Converts between numpy arrays and TensorFlow's `TensorProto`, without `tensorflow`."""

import numpy as np

# For each dtype: its number in `tensorflow.DataType`, and the field that holds its values.
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


def read_tensor(proto):
    """Returns the numpy array of a `TensorProto`, as `tf.make_ndarray` does.

    Raises:
        ValueError: if the values do not fit the shape, or the type is not one of those above.
    """
    if proto.dtype not in _DTYPES:
        raise ValueError(f"tensors of type {proto.dtype} are not supported")
    dtype, field = _DTYPES[proto.dtype]
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if min(shape, default=0) < 0:
        raise ValueError(f"the shape {shape} is not fully defined")
    if proto.tensor_content:
        values = np.frombuffer(proto.tensor_content, dtype.newbyteorder("<")).astype(dtype)
    else:
        values = np.array(getattr(proto, field), dtype)
        size = int(np.prod(shape))
        if 0 < len(values) < size:
            # The last value is repeated for those that follow.
            values = np.concatenate([values, np.repeat(values[-1:], size - len(values))])
    return values.reshape(shape)
