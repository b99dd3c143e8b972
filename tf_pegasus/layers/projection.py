"""A dense layer's product as generation uses it: weights read and cast once, for all steps."""

from typing import NamedTuple

import keras
import tensorflow as tf

from tf_pegasus.layers.half_precision import product


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
        return product(inputs, self.kernel) + self.bias


def int8_product(inputs, kernel, scale, transpose_kernel=False):
    """Multiplies rows, each quantized by its greatest entry, with an int8 kernel.

    Args:
        inputs: float32 `(..., in_dim)`.
        kernel: int8 `(in_dim, out_dim)`, transposed where `transpose_kernel`.
        scale: float32 `(out_dim,)`, what the kernel was multiplied by.
    """
    quantized, input_scale = keras.quantizers.abs_max_quantize(inputs, axis=-1)
    sums = tf.matmul(quantized, kernel, transpose_b=transpose_kernel, output_type=tf.int32)
    return tf.cast(sums, tf.float32) / (input_scale * scale)
