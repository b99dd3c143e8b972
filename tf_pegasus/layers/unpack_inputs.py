"""Inputs of a call, as keywords or as one dict, list, tuple or tensor."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import keras
import tensorflow as tf

from tf_pegasus.tokenizers.padding import PADDING_VALUES

# A tensor or a numpy array; the first argument may also be a dict, list or tuple of the inputs.
TensorLike: TypeAlias = Any

# Inputs that tokenizers of other models return; PEGASUS has one type of tokens.
_IGNORED = ("token_type_ids",)
# Arguments that default to the values of the configuration.
_OPTIONS = ("use_cache", "output_attentions", "output_hidden_states", "return_dict")


def unpack_inputs(call: Callable) -> Any:
    """Decorates a `call(self, input_ids=None, …, training=False)`.

    The decorated method takes its inputs positionally, as keywords, or all in the first argument:
    as a mapping, or as a list or tuple in the order of the signature. Options that are not given,
    such as `output_attentions`, default to their values in `self.config`.

    The names, in order, are the attribute `input_names` of the method.

    Raises:
        ValueError: from the decorated method: if a name is unknown, there are too many inputs,
            or an input is given twice.
    """
    signature = inspect.signature(call)
    names = tuple(name for name in signature.parameters if name not in ("self", "training"))
    options = [name for name in names if name in _OPTIONS]

    @functools.wraps(call)
    def unpacked(*args, **kwargs):
        given = signature.bind(*args, **kwargs).arguments
        self, training = given.pop("self"), given.pop("training", False)
        inputs = gather_inputs(names, given.pop(names[0], None), given)
        pad_ragged(inputs)
        for name in options:
            value = inputs[name]
            inputs[name] = bool(getattr(self.config, name) if value is None else value)
        return call(self, **inputs, training=training)

    unpacked.input_names = names  # type: ignore[attr-defined]
    return unpacked


def extends(base: Callable, **annotations: Any) -> Callable[[Callable], Callable]:
    """Gives a `call` the inputs of another one and some more, each of which may be None.

    Args:
        base: the other `call`, decorated with `unpack_inputs`.
        **annotations: the types of the inputs that are added behind those of `base`.
    """
    *parameters, training = inspect.signature(base).parameters.values()
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    added = [
        inspect.Parameter(name, kind, default=None, annotation=annotation)
        for name, annotation in annotations.items()
    ]

    def decorate(call):
        returned = inspect.signature(call).return_annotation
        call.__signature__ = inspect.Signature(
            [*parameters, *added, training], return_annotation=returned
        )
        return call

    return decorate


def gather_inputs(names: tuple[str, ...], first: Any, rest: Mapping[str, Any]) -> dict[str, Any]:
    """Collects the inputs of a call by name.

    Args:
        names: the inputs' names, in the order of a list or tuple of inputs.
        first: the first argument: a tensor (or None), or a mapping, list or tuple with all
            inputs. `token_type_ids` in a mapping are ignored.
        rest: dict of the other arguments.

    Returns:
        dict with every name; absent inputs are None.

    Raises:
        ValueError: if a name is unknown, there are too many inputs, or an input is given twice.
    """
    if hasattr(first, "keys"):
        packed = {name: first[name] for name in first if name not in _IGNORED}
    elif isinstance(first, (list, tuple)):
        if len(first) > len(names):
            raise ValueError(
                f"got a list of {len(first)} inputs, expected at most {len(names)}: "
                + ", ".join(names)
            )
        packed = dict(zip(names, first, strict=False))
    else:
        packed = {names[0]: first}
    unknown = sorted(set(packed) - set(names))
    if unknown:
        raise ValueError(f"unknown input {unknown[0]!r}, expected some of: {', '.join(names)}")
    inputs = dict.fromkeys(names)
    for name, value in (*packed.items(), *rest.items()):
        if value is None:
            continue
        if inputs[name] is not None:
            raise ValueError(f"{name} was given twice, in the first argument and by keyword")
        inputs[name] = value
    return inputs


def pad_ragged(inputs: dict[str, Any]) -> None:
    """Replaces ragged inputs by padded ones, and adds their masks; labels are padded with -100.

    Args:
        inputs: dict of all inputs by name; changed.
    """
    masks = {"input_ids": "attention_mask", "decoder_input_ids": "decoder_attention_mask"}
    for name, value in list(inputs.items()):
        if not isinstance(value, tf.RaggedTensor):
            continue
        fill = PADDING_VALUES.get(name, 0)
        inputs[name] = value.to_tensor(tf.cast(fill, value.dtype))
        mask = masks.get(name)
        if mask in inputs and inputs[mask] is None:
            inputs[mask] = tf.sequence_mask(value.row_lengths(), dtype=tf.int32)


def output_shapes(layer: Any, input_shape: Any) -> Any:
    """Returns the shapes of the outputs of a layer whose inputs are ids and masks.

    Args:
        layer: layer whose `call` is decorated with `unpack_inputs`.
        input_shape: `(batch, length)` of the first input, or a dict, list or tuple of shapes.
    """

    def ids(shape):
        return keras.KerasTensor(tuple(shape), "int32")

    inputs: Any
    if hasattr(input_shape, "keys"):
        inputs = {name: ids(shape) for name, shape in input_shape.items()}
    elif input_shape and isinstance(input_shape[0], (list, tuple)):
        inputs = [ids(shape) for shape in input_shape]
    else:
        inputs = ids(input_shape)
    outputs = layer.compute_output_spec(inputs)
    return keras.tree.map_structure(lambda output: tuple(output.shape), outputs)


def as_ids(name: str, ids: TensorLike | None) -> tf.Tensor:
    """Returns `ids` as an int32 tensor `(batch, length)`.

    Raises:
        TypeError: if `ids` are strings.
        ValueError: if `ids` is None, has another rank, or does not hold integers.
    """
    if ids is None:
        raise ValueError(f"{name} is missing: give integers of the shape (batch, length)")
    check_no_strings(name, ids)
    ids = tf.convert_to_tensor(ids)
    if ids.shape.rank != 2:
        raise ValueError(f"{name} must have the shape (batch, length), got {tuple(ids.shape)}")
    if not ids.dtype.is_integer:
        raise ValueError(f"{name} must hold integers, got {ids.dtype.name}")
    if ids.dtype == tf.int32:
        return ids
    # Saturating, so that a value out of range does not become another id.
    return tf.saturate_cast(ids, tf.int32)


def check_no_strings(name: str, value: Any) -> None:
    """Raises TypeError if texts are given instead of ids; the message says what to call.

    Args:
        name: str, the argument's name.
        value: an array, tensor or nested list, or a mapping of them.
    """
    if hasattr(value, "keys"):
        for key in value:
            check_no_strings(key, value[key])
        return
    if is_text(value):
        raise TypeError(
            f"{name} must be ids, got strings: tokenize them first, as in "
            "tokenizer(texts, padding=True, return_tensors='np'), or call model.summarize(texts); "
            "fit and predict take strings if model.preprocessor is set"
        )


def is_text(value: Any) -> bool:
    """Whether an array, tensor, nested list or mapping of them holds strings."""
    if hasattr(value, "keys"):
        return any(is_text(value[key]) for key in value)
    dtype = getattr(value, "dtype", None)
    first = value.flat[0] if getattr(dtype, "kind", "") == "O" and value.size else value
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    return isinstance(first, (str, bytes)) or (
        dtype == tf.string or getattr(dtype, "kind", "") in ("U", "S")
    )


def as_embeddings(name: str, embeddings: TensorLike, d_model: int) -> tf.Tensor:
    """Returns `embeddings` as a float32 tensor `(batch, length, d_model)`.

    Raises:
        ValueError: if it has another shape.
    """
    embeddings = tf.convert_to_tensor(embeddings)
    if not embeddings.shape.is_compatible_with((None, None, d_model)):
        raise ValueError(
            f"{name} must have the shape (batch, length, d_model={d_model}), got "
            f"{tuple(embeddings.shape)}"
        )
    return tf.cast(embeddings, tf.float32)
