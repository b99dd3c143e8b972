"""What a manifest must hold, and of which type."""

from collections.abc import Mapping
from typing import Any

# By dotted name; a tuple of types where there are several, (list, type) for lists of them.
_FIELDS: dict[str, Any] = {
    "tensorflow": str,
    "tf_pegasus": str,
    "engine": str,
    "weights": str,
    "batch_buckets": (list, int),
    "length_buckets": (list, int),
    "adjustable": bool,
    "max_text_bytes": int,
    "signatures": (list, str),
    "generation": dict,
    "generation.num_beams": int,
    "generation.max_length": int,
    "generation.length_penalty": float,
    "files": dict,
}


def check_fields(manifest: Mapping[str, Any], name: str) -> None:
    """Raises where a field is missing or of another type.

    Args:
        manifest: dict, read from JSON.
        name: how the message calls it.

    Raises:
        ValueError: the message names the field, its value and its type.
    """
    for field, kind in _FIELDS.items():
        values: Any = manifest
        for part in field.split("."):
            if part not in values:
                raise ValueError(f"{name} has no {field}: export it again")
            values = values[part]
        what, item = kind if isinstance(kind, tuple) else (kind, None)
        is_right = _is_a(values, what)
        if is_right and item is not None:
            is_right = bool(values) and all(_is_a(value, item) for value in values)
        if not is_right:
            described = what.__name__ if item is None else f"list of {item.__name__}"
            raise ValueError(f"{name}: {field}={values!r:.80} must have the type {described}")
    for file, checksum in manifest["files"].items():
        if not isinstance(checksum, str):
            raise ValueError(f"{name}: files[{file!r:.80}]={checksum!r:.80} must have the type str")


def _is_a(value, kind):
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)
