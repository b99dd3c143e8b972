"""The field `activation_function`: a name, or a function."""

import dataclasses
from typing import Any

# Implemented in `tf_pegasus.layers.activations`.
ACTIVATIONS = (
    "relu",
    "gelu",
    "gelu_new",
    "gelu_fast",
    "gelu_pytorch_tanh",
    "quick_gelu",
    "silu",
    "swish",
    "tanh",
    "sigmoid",
    "linear",
)
# Between package and name, in the names of functions that are registered with Keras.
SEPARATOR = ">"


def activation(default: str) -> Any:
    """Declares a field for a name in `ACTIVATIONS`, a name registered with Keras, or a function."""
    return dataclasses.field(default=default, metadata={"check": _check, "optional": False})


def _check(name, value):
    if callable(value) or value in ACTIVATIONS:
        return value
    # Models look it up: this package reads configurations without Keras.
    if isinstance(value, str) and SEPARATOR in value:
        return value
    raise ValueError(
        f"{name}={value!r} must be one of {', '.join(ACTIVATIONS)}, a name that is registered with "
        f"Keras, such as 'package{SEPARATOR}name', or a function"
    )
