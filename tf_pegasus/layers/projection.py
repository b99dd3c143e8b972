"""A dense layer's product as generation uses it: weights read and cast once, for all steps."""

from typing import NamedTuple

import keras
import tensorflow as tf

# Shrinks what enters a float16 product, so that sums up to 65,504 * 64 come out right. A power
# of two loses nothing but the smallest 4e-6 of float16's range.
SHRINK = 1 / 64


class Projection(NamedTuple):
    """Maps float32 `(..., in_dim)` to float32 `(..., out_dim)`.

    Fields:
        kernel: `(in_dim, out_dim)` in the dtype that the product runs in, int8 included.
        bias: float32 `(out_dim,)`.
        scale: float32 `(out_dim,)`, what an int8 kernel was multiplied by; else None.
    """

    kernel: tf.Tensor
    bias: tf.Tensor
    scale: tf.Tensor | None

    @classmethod
    def of(cls, dense):
        """Makes one of a built `keras.layers.Dense`, quantized to int8 or not."""
        bias = tf.cast(dense.bias.value, tf.float32)
        if dense.quantization_mode == "int8":
            return cls(dense._kernel.value, bias, tf.cast(dense.kernel_scale.value, tf.float32))
        return cls(tf.cast(dense.kernel.value, dense.compute_dtype), bias, None)

    def __call__(self, inputs):
        if self.scale is not None:
            return int8_product(inputs, self.kernel, self.scale) + self.bias
        return float_product(inputs, self.kernel) + self.bias


def float_product(inputs, kernel):
    """Multiplies in the kernel's dtype: float32, also where float16 could not hold it."""
    if kernel.dtype != tf.float16:
        return tf.cast(tf.matmul(tf.cast(inputs, kernel.dtype), kernel), tf.float32)
    product = tf.matmul(tf.cast(inputs * SHRINK, tf.float16), kernel)
    product = tf.clip_by_value(product, product.dtype.min, product.dtype.max)
    return tf.cast(product, tf.float32) / SHRINK


def int8_product(inputs, kernel, scale, transpose_kernel=False):
    """Multiplies rows, each quantized by its greatest entry, with an int8 kernel.

    Args:
        inputs: float32 `(..., in_dim)`.
        kernel: int8 `(in_dim, out_dim)`, transposed where `transpose_kernel`.
        scale: float32 `(out_dim,)`, what the kernel was multiplied by.
    """
    quantized, input_scale = keras.quantizers.abs_max_quantize(inputs, axis=-1)
    product = tf.matmul(quantized, kernel, transpose_b=transpose_kernel, output_type=tf.int32)
    return tf.cast(product, tf.float32) / (input_scale * scale)
