"""Copies a model to another precision for export."""

from tf_pegasus.serving.options import WEIGHTS


def weights_of(model):
    """Returns the precision of a model's weights: a name in `WEIGHTS`, or another dtype."""
    return "int8" if model.is_quantized else model.compute_dtype


def with_weights(model, weights):
    """Returns a model with its weights in another precision; the given model is not changed.

    Args:
        model: `TFPegasusForConditionalGeneration`.
        weights: `"float32"`; `"bfloat16"`, for storage and computation; `"int8"`, stored and
            multiplied as int8 with float32 scales, see `quantize`; or None, which returns the
            model itself.

    Raises:
        ValueError: if the precision is unknown, or the model is quantized and `weights` is another
            precision.
    """
    if weights is None:
        return model
    if weights not in WEIGHTS:
        raise ValueError(f"weights={weights!r} must be one of {', '.join(WEIGHTS)}")
    if model.is_quantized:
        if weights == "int8":
            return model
        raise ValueError(
            f"weights={weights!r} must be None or 'int8': the model is quantized, and its "
            "float weights are gone"
        )
    copy = model.to_dtype("bfloat16" if weights == "bfloat16" else "float32")
    if weights == "int8":
        copy.quantize("int8")
    return copy
