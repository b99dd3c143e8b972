"""The dense layer of all attention and feed-forward blocks.

It alone handles half precision, int8 and LoRA. Other layers call it or, inside a loop, call the
result of its `freeze`.
"""

from dataclasses import dataclass

import keras
import tensorflow as tf

# Inputs of a float16 product are scaled down, so that sums up to 65,504 * 64 stay finite. A power
# of two loses no precision except below 4e-6, the smallest numbers of float16's range.
_FLOAT16_SHRINK = 1 / 64


def saturate(tensor: tf.Tensor) -> tf.Tensor:
    """Replaces float16 overflow by the largest finite number; leaves other dtypes unchanged."""
    if tensor.dtype != tf.float16:
        return tensor
    return tf.clip_by_value(tensor, tensor.dtype.min, tensor.dtype.max)


@keras.saving.register_keras_serializable(package="tf_pegasus")
class PegasusDense(keras.layers.Dense):
    """A linear layer that stays finite in float16, quantizes to int8 and takes LoRA adapters.

    Weights, `.keras` files, `quantize("int8")` and `enable_lora` work as in `keras.layers.Dense`.

    Args:
        units: int, width of the output.
        init_std: float, standard deviation of the kernel's truncated normal initializer.
        output_dtype: `"float32"` for outputs that are added to the float32 residual stream, which
            keeps values that exceed float16's range. By default the compute dtype, where float16
            saturates at its largest number.
        **kwargs: arguments of `keras.layers.Dense`.

    Attributes:
        structure_changes: int, class attribute: how often any layer was quantized or got an
            adapter. Functions that were traced before are outdated for that layer.

    Example:
        >>> dense = PegasusDense(8, output_dtype="float32", dtype="mixed_float16")
        >>> dense(tf.ones((2, 3, 4))).dtype
        tf.float32
    """

    structure_changes = 0

    def __init__(self, units, init_std=0.02, output_dtype=None, **kwargs):
        kwargs.setdefault("kernel_initializer", keras.initializers.TruncatedNormal(stddev=init_std))
        super().__init__(units, autocast=False, **kwargs)
        self.init_std = init_std
        self.output_dtype = output_dtype

    def add_weight(self, *args, **kwargs):
        # Only `freeze` casts weights, which gives the same result inside and outside of a call.
        return super().add_weight(*args, **{**kwargs, "autocast": False})

    def freeze(self) -> "FrozenDense":
        """Reads the weights once, for a loop that uses them at every step.

        Adapters are merged into a float kernel, and the kernel is cast to the compute dtype.
        """
        dtype = self.output_dtype or self.compute_dtype
        bias = None if self.bias is None else tf.convert_to_tensor(self.bias)
        if self.quantization_mode == "int8":
            adapter = None
            if self.lora_enabled:
                scaling = self.lora_alpha / self.lora_rank
                adapter = (self.lora_kernel_a.value, self.lora_kernel_b.value * scaling)
            scale = tf.cast(self.kernel_scale.value, tf.float32)
            return FrozenDense(self._kernel.value, bias, dtype, scale, adapter)
        kernel = tf.cast(tf.convert_to_tensor(self.kernel), self.compute_dtype)
        return FrozenDense(kernel, bias, dtype)

    def call(self, inputs, training=None):
        """Maps `(..., in_dim)` to `(..., units)` in the output dtype."""
        outputs = self.freeze()(inputs)
        return outputs if self.activation is None else self.activation(outputs)

    def quantized_call(self, inputs, training=None):
        """Same as `call`: `freeze` handles both kinds of kernels."""
        return self.call(inputs, training)

    def quantize(self, mode=None, type_check=True, config=None):
        """See `keras.layers.Dense.quantize`; only `"int8"` is supported.

        Raises:
            ValueError: if `mode` is not `"int8"`.
        """
        if mode != "int8":
            raise ValueError(f"mode={mode!r} must be 'int8'")
        # Keras quantizes a subclass only if it is told that the subclass supports it.
        super().quantize(mode, type_check=False, config=config)
        PegasusDense.structure_changes += 1

    def enable_lora(self, *args, **kwargs):
        """See `keras.layers.Dense.enable_lora`."""
        super().enable_lora(*args, **kwargs)
        PegasusDense.structure_changes += 1

    def kernel_variable(self) -> keras.Variable:
        """Returns the kernel's variable, without adapters."""
        return self._kernel

    def stored_weights(self) -> dict:
        """Returns `{"kernel": …, "bias": …}` as stored in checkpoints.

        The values are variables; with LoRA, the kernel is a tensor with the adapter merged.
        """
        return {"kernel": self.kernel, "bias": self.bias}

    def get_config(self):
        return {
            **super().get_config(),
            "init_std": self.init_std,
            "output_dtype": self.output_dtype,
        }


@dataclass(frozen=True)
class FrozenDense:
    """The product of a dense layer with weights that were read in advance.

    Attributes:
        kernel: `(in_dim, units)`, in the dtype of the product, which may be int8.
        bias: `(units,)`, or None.
        dtype: str, dtype of the output.
        scale: float32 `(units,)`, the factors by which an int8 kernel was scaled; else None.
        adapter: the LoRA matrices of an int8 kernel, float32 `(in_dim, rank)` and
            `(rank, units)`; else None.
    """

    kernel: tf.Tensor
    bias: tf.Tensor | None
    dtype: str
    scale: tf.Tensor | None = None
    adapter: tuple | None = None

    def __call__(self, inputs: tf.Tensor) -> tf.Tensor:
        """Maps `(..., in_dim)` to `(..., units)`."""
        in_dim, units = self.kernel.shape
        # A 2D product, because TensorFlow's batched one would repeat the kernel.
        outputs = self._product(tf.reshape(inputs, (-1, in_dim)))
        dynamic = tf.shape(inputs)
        leading = [
            dynamic[axis] if size is None else size for axis, size in enumerate(inputs.shape[:-1])
        ]
        return tf.reshape(outputs, (*leading, units))

    def _product(self, rows):
        if self.scale is not None:
            outputs = int8_product(tf.cast(rows, tf.float32), self.kernel, self.scale)
            if self.adapter is not None:
                down, up = self.adapter
                outputs += tf.matmul(tf.matmul(tf.cast(rows, tf.float32), down), up)
        elif self.kernel.dtype == tf.float16 and self.dtype == "float32":
            shrunk = tf.cast(tf.cast(rows, tf.float32) * _FLOAT16_SHRINK, tf.float16)
            outputs = saturate(tf.matmul(shrunk, self.kernel))
            outputs = tf.cast(outputs, tf.float32) / _FLOAT16_SHRINK
        else:
            outputs = tf.matmul(tf.cast(rows, self.kernel.dtype), self.kernel)
            outputs = tf.cast(outputs, self.dtype)
        if self.bias is not None:
            outputs = tf.nn.bias_add(outputs, tf.cast(self.bias, outputs.dtype))
        if outputs.dtype != self.dtype:
            outputs = tf.cast(outputs, self.dtype)
        return saturate(outputs)


def int8_product(rows, kernel, scale, transpose_kernel=False):
    """Multiplies rows, each quantized by its largest absolute entry, with an int8 kernel.

    The gradient is that of the product with the kernel's float values: it passes straight
    through the rounding (Bengio et al., 2013).

    Args:
        rows: float32 `(rows, in_dim)`.
        kernel: int8 `(in_dim, units)`, or its transpose with `transpose_kernel`.
        scale: float32 `(units,)`, the factors by which the kernel was scaled.
        transpose_kernel: bool.

    Returns:
        float32 `(rows, units)`.
    """

    @tf.custom_gradient
    def product(rows):
        quantized, row_scale = keras.quantizers.abs_max_quantize(rows, axis=-1)
        sums = tf.matmul(quantized, kernel, transpose_b=transpose_kernel, output_type=tf.int32)

        def gradient(upstream):
            floats = tf.cast(kernel, tf.float32)
            return tf.matmul(upstream / scale, floats, transpose_b=not transpose_kernel)

        return tf.cast(sums, tf.float32) / (row_scale * scale), gradient

    return product(rows)
