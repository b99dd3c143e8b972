"""Precision of a model's weights: other float dtypes, and int8."""

import copy

import keras

from tf_pegasus.checkpoints.names import huggingface_weights
from tf_pegasus.layers.dense import PegasusDense
from tf_pegasus.utils.compat import all_layers, cheap_weight_removal


class PrecisionMixin:
    """For a model with `config` and stacks."""

    def to_dtype(self, dtype):
        """Returns a copy of the model with another dtype policy; adapters are merged.

        Args:
            dtype: Keras dtype policy or its name, such as `"bfloat16"` for weights and products.

        Raises:
            ValueError: if the model is quantized.
        """
        if self.is_quantized:
            raise ValueError("the model is quantized: its float weights are gone")
        copied = type(self)(self.config, dtype=dtype, name=self.name)
        # As in checkpoints, where adapters are merged.
        pairs = zip(huggingface_weights(copied), huggingface_weights(self), strict=True)
        for target, source in pairs:
            target.variable.assign(keras.ops.cast(source.variable, target.variable.dtype))
        if hasattr(self, "generation_config"):
            copied.generation_config = copy.deepcopy(self.generation_config)
        copied.tokenizer = self.tokenizer
        return copied

    def to_bf16(self):
        """Returns a copy with weights and products in bfloat16; see `to_dtype`."""
        return self.to_dtype("bfloat16")

    def to_fp16(self):
        """Returns a copy with weights and products in float16; see `to_dtype`."""
        return self.to_dtype("float16")

    def to_fp32(self):
        """Returns a copy with weights and products in float32; see `to_dtype`."""
        return self.to_dtype("float32")

    def quantize(self, mode=None, config=None, **kwargs):
        """Quantizes kernels and the token embedding to int8, for inference.

        They then take a quarter of the memory. Kernels are scaled by columns, embeddings by rows,
        and the inputs of a product by their largest absolute entry at run time. `.keras` files
        keep a quantized model; `save_pretrained` refuses it, because the published formats cannot
        hold scales.

        Args:
            mode: must be `"int8"`.
            config: `keras.quantizers.Int8QuantizationConfig` with default values, or None.
            **kwargs: must be empty.

        Raises:
            ValueError: if `mode` is another one, `config` has custom quantizers, or the model is
                quantized already or computes in float16.
        """
        if mode != "int8" or kwargs:
            raise ValueError(f"mode={mode!r} must be 'int8', without options, got {kwargs}")
        if getattr(config, "weight_quantizer", None) is not None:
            raise ValueError(
                "config must not have a weight_quantizer: kernels are scaled by columns"
            )
        if self.is_quantized:
            raise ValueError("the model is quantized already")
        with cheap_weight_removal():
            for layer in all_layers(self):
                if isinstance(layer, PegasusDense):
                    layer.quantize(mode)
            # The stacks of a model share one.
            for table in self._embeddings():
                table.to_int8()
        self.clear_programs()

    def _check_quantize_args(self, mode, compute_dtype):
        # Keras calls this before `quantize`, with a message that suggests the same policy again.
        if compute_dtype == "float16":
            raise ValueError(
                f"the model has the dtype policy {self.dtype_policy.name!r}: load it in 'float32', "
                "'bfloat16' or 'mixed_bfloat16' before quantize()"
            )
        super()._check_quantize_args(mode, compute_dtype)

    @property
    def is_quantized(self):
        """bool, whether `quantize` was called."""
        return any(stack.embed_tokens.scale is not None for stack in self.get_stacks().values())
