"""`Model.export` of Keras: the forward pass on ids, with names for inputs and outputs."""

import keras
import tensorflow as tf

FORMATS = ("tf_saved_model", "litert")
INPUTS = ("input_ids", "attention_mask", "decoder_input_ids")


def forward_pass(model, input_signature=None):
    """Returns a functional model of the forward pass, whose inputs and outputs are dicts.

    Outputs that are no tensors, such as caches, are left out.

    Args:
        model: a model whose `call` is decorated with `unpack_inputs`.
        input_signature: dict from names of inputs to `tf.TensorSpec`s (or `keras.InputSpec`s), or
            a list of that dict; by default those of `INPUTS` that the model has, int32
            `(batch, length)`.

    Raises:
        ValueError: if the signature is no such dict, or names unknown inputs.
    """
    names = type(model).call.input_names
    if isinstance(input_signature, (list, tuple)) and len(input_signature) == 1:
        (input_signature,) = input_signature
    if input_signature is None:
        ids = tf.TensorSpec((None, None), tf.int32)
        input_signature = {name: ids for name in INPUTS if name in names}
    if not hasattr(input_signature, "keys") or not set(input_signature) <= set(names):
        raise ValueError(
            f"input_signature={input_signature!r} must be a dict from names of inputs "
            f"({', '.join(names)}) to tf.TensorSpec"
        )
    inputs = {
        name: keras.Input(
            batch_shape=tuple(spec.shape), dtype=tf.as_dtype(spec.dtype).name, name=name
        )
        for name, spec in input_signature.items()
    }
    cache = {"use_cache": False} if "use_cache" in names else {}
    outputs = model(inputs, return_dict=True, **cache)
    tensors = {name: value for name, value in outputs.items() if keras.utils.is_keras_tensor(value)}
    return keras.Model(inputs, tensors, name=model.name)


def export_forward_pass(model, filepath, format, verbose, input_signature, **kwargs):
    """Writes a model's forward pass, see `TFPegasusPreTrainedModel.export`."""
    if format not in FORMATS:
        raise ValueError(
            f"format={format!r} must be one of {', '.join(FORMATS)}; for ONNX, OpenVINO and "
            "PyTorch, write save_pretrained(), which their own converters read"
        )
    forward_pass(model, input_signature).export(filepath, format, verbose, **kwargs)
