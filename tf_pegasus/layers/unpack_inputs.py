"""What goes into a call: keywords, or a dict, list, tuple or tensor as first argument."""

import tensorflow as tf


def named_inputs(names, first, **rest):
    """Gathers a call's inputs under their names.

    Args:
        names: the inputs' names in their published order, that of a list or tuple.
        first: the first argument: a tensor (or None), or a mapping, list or tuple that
            holds all of them.
        **rest: the remaining arguments.

    Returns:
        A dict with every name; absent inputs are None.

    Raises:
        ValueError: an unknown name, too many entries, or an input given twice.
    """
    if hasattr(first, "keys"):
        packed = {name: first[name] for name in first}
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


def as_ids(name, ids):
    """Returns `ids` as an int32 tensor `(batch, length)`.

    Raises:
        ValueError: `ids` is None, has another rank, or does not hold integers.
    """
    if ids is None:
        raise ValueError(f"{name} is missing: give integers of the shape (batch, length)")
    ids = tf.convert_to_tensor(ids)
    if ids.shape.rank != 2:
        raise ValueError(f"{name} must have the shape (batch, length), got {tuple(ids.shape)}")
    if not ids.dtype.is_integer:
        raise ValueError(f"{name} must hold integers, got {ids.dtype.name}")
    return tf.cast(ids, tf.int32)


def as_embeddings(name, embeddings, d_model):
    """Returns `embeddings` as a float32 tensor `(batch, length, d_model)`.

    Raises:
        ValueError: it has another shape.
    """
    embeddings = tf.convert_to_tensor(embeddings)
    if not embeddings.shape.is_compatible_with((None, None, d_model)):
        raise ValueError(
            f"{name} must have the shape (batch, length, d_model={d_model}), got "
            f"{tuple(embeddings.shape)}"
        )
    return tf.cast(embeddings, tf.float32)


def flag(value, default):
    """`default`, usually the configuration's, where an option was not given."""
    return bool(default if value is None else value)
