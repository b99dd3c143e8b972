"""numpy arrays to TensorFlow's `TensorProto` and back, without `tensorflow`."""

import numpy as np

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
        array: numpy array of one of the types above; strings are objects that are bytes.

    Raises:
        TypeError: another type.
    """
    if array.dtype not in _TYPES:
        raise TypeError(f"an array of {array.dtype} cannot be sent")
    proto.dtype, field = _TYPES[array.dtype]
    # Also where there is no dimension.
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
        ValueError: its values do not fit its shape, or it has a type that no signature has.
    """
    if proto.dtype not in _DTYPES:
        raise ValueError(f"tensors of the type {proto.dtype} are not expected")
    dtype, field = _DTYPES[proto.dtype]
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if min(shape, default=0) < 0:
        raise ValueError(f"the shape {shape} is not known")
    if proto.tensor_content:
        values = np.frombuffer(proto.tensor_content, dtype.newbyteorder("<")).astype(dtype)
    else:
        values = np.array(getattr(proto, field), dtype)
        size = int(np.prod(shape))
        if 0 < len(values) < size:
            # The last value stands for all that follow.
            values = np.concatenate([values, np.repeat(values[-1:], size - len(values))])
    return values.reshape(shape)
