"""Copies of a model in other precisions, for exports."""

import keras

from tf_pegasus.checkpoints.names import huggingface_weights
from tf_pegasus.serving.options import WEIGHTS


def weights_of(model):
    """The precision of a model's weights, as `WEIGHTS` calls it where it has a name there."""
    return "int8" if model.is_quantized else model.compute_dtype


def with_weights(model, weights):
    """Returns the model with its weights in another precision; the model itself stays as it is.

    Args:
        model: `TFPegasusForConditionalGeneration`.
        weights: `"float32"`; `"bfloat16"`, stored and computed with; `"int8"`, stored and
            multiplied as int8 with float32 scales, see `quantize`; or None, the model as it is.

    Raises:
        ValueError: an unknown precision, or a quantized model that should become another one.
    """
    if weights is None:
        return model
    if weights not in WEIGHTS:
        raise ValueError(f"weights={weights!r} must be one of {', '.join(WEIGHTS)}")
    if model.is_quantized:
        if weights == "int8":
            return model
        raise ValueError(f"weights={weights!r}: the model is quantized, its weights are gone")
    policy = keras.dtype_policies.get("bfloat16" if weights == "bfloat16" else "float32")
    copy = type(model)(model.config, dtype=policy)
    # By the weights of checkpoints, in which adapters are merged.
    for target, source in zip(huggingface_weights(copy), huggingface_weights(model), strict=True):
        target.variable.assign(keras.ops.cast(source.variable, target.variable.dtype))
    copy.generation_config = model.generation_config
    if weights == "int8":
        copy.quantize("int8")
    return copy
