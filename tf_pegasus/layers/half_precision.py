"""Keeping float16 finite: its largest number is 65,504, which trained models exceed.

All functions leave other dtypes alone.
"""

import tensorflow as tf

# Shrinks what enters a product, so that sums up to 65,504 * 64 come out right. A power of
# two loses nothing but the smallest 4e-6 of float16's range.
_SHRINK = 1 / 64


def finite(tensor):
    """Replaces what overflowed float16 by its largest number."""
    if tensor.dtype != tf.float16:
        return tensor
    return tf.clip_by_value(tensor, tensor.dtype.min, tensor.dtype.max)


def product(inputs, kernel):
    """Multiplies in the kernel's dtype.

    Args:
        inputs: `(..., in_dim)`.
        kernel: float `(in_dim, out_dim)`.

    Returns:
        float32 `(..., out_dim)`, also where float16 could not hold it.
    """
    if kernel.dtype != tf.float16:
        return tf.cast(tf.matmul(tf.cast(inputs, kernel.dtype), kernel), tf.float32)
    shrunk = tf.cast(tf.cast(inputs, tf.float32) * _SHRINK, tf.float16)
    return tf.cast(finite(tf.matmul(shrunk, kernel)), tf.float32) / _SHRINK


def widened(dense, inputs):
    """Applies a linear Keras layer, and returns float32 that float16 could not hold.

    The products run in the layer's compute dtype; this is for those that are added to the
    float32 residual stream.

    Args:
        dense: built `keras.layers.Dense` without activation.
        inputs: `(..., in_dim)`.

    Returns:
        float32 `(..., out_dim)`.
    """
    if dense.compute_dtype != "float16":
        return tf.cast(dense(inputs), tf.float32)
    kernel = tf.cast(dense.kernel.value, tf.float16)
    return product(inputs, kernel) + tf.cast(dense.bias.value, tf.float32)
