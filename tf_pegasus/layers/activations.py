"""The activations of the feed-forward block."""

import inspect
from collections.abc import Callable

import keras

from tf_pegasus.config.activations import SEPARATOR


def _gelu_tanh(x):
    return keras.activations.gelu(x, approximate=True)


def _gelu_erf(x):
    return keras.activations.gelu(x, approximate=False)


def _quick_gelu(x):
    return x * keras.activations.sigmoid(1.702 * x)


# Those that published configurations use.
ACTIVATIONS = {
    "relu": keras.activations.relu,
    "gelu": _gelu_erf,
    "gelu_new": _gelu_tanh,
    "gelu_fast": _gelu_tanh,
    "gelu_pytorch_tanh": _gelu_tanh,
    "quick_gelu": _quick_gelu,
    "silu": keras.activations.silu,
    "swish": keras.activations.silu,
    "tanh": keras.activations.tanh,
    "sigmoid": keras.activations.sigmoid,
    "linear": keras.activations.linear,
}
# The package of functions in `keras.activations`, and those that are no activations.
_KERAS = "keras"
_NO_ACTIVATIONS = ("get", "serialize", "deserialize")


def activation_name(activation: str | Callable) -> str:
    """Returns the name under which files store an activation, and `activation_function` finds it.

    Raises:
        ValueError: if it is a function without such a name.
    """
    if isinstance(activation, str):
        activation_function(activation)
        return activation
    for name, function in ACTIVATIONS.items():
        if function is activation:
            return name
    name = getattr(activation, "__name__", "")
    if getattr(keras.activations, name, None) is activation:
        return f"{_KERAS}{SEPARATOR}{name}"
    registered = keras.saving.get_registered_name(activation)
    if keras.saving.get_registered_object(registered) is activation:
        return registered
    raise ValueError(
        f"activation_function={activation!r} must be registered with Keras, so that files can "
        "name it: decorate it with @keras.saving.register_keras_serializable()"
    )


def activation_function(name: str) -> Callable:
    """Returns the function of a name.

    Raises:
        ValueError: if no function, or something else, is registered under it.
    """
    if name in ACTIVATIONS:
        return ACTIVATIONS[name]
    package, _, function = name.partition(SEPARATOR)
    if package == _KERAS and function not in _NO_ACTIVATIONS:
        registered = getattr(keras.activations, function, None)
    else:
        registered = keras.saving.get_registered_object(name)
    # A file could name any class that is registered.
    if not inspect.isfunction(registered):
        raise ValueError(
            f"activation_function={name!r} is not registered with Keras as a function: import the "
            "module that registers it before the model is built"
        )
    return registered
