"""Fields of `GenerationConfig` with values of their own form."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from tf_pegasus.config.base import _check_bounds, _check_integer, _check_number, _check_token_ids

# Beyond these, scores times or divided by an option would leave float32.
SMALLEST, LARGEST = 1e-4, 1e4


def seconds() -> Any:
    """Declares a field for a positive number of seconds, or None."""
    return _optional(_check_seconds)


def decay() -> Any:
    """Declares a field for a tuple of a number of tokens (int) and a factor (float), or None."""
    return _optional(_check_decay)


def biases() -> Any:
    """Declares a field for a tuple of `(ids, float)`, or None.

    It may be given as a dict from tuples of ids to floats, or as a list of `[ids, float]`.
    """
    return _optional(_check_biases)


def _optional(check):
    return dataclasses.field(default=None, metadata={"check": check, "optional": True})


def _check_seconds(name, value):
    return _check_number(name, value, None, 0, LARGEST)


def _check_decay(name, value):
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise TypeError(f"{name}={value!r} must be a tuple of a number of tokens and a factor")
    start, factor = value
    return (
        _check_integer(f"{name}[0]", start, 0, None),
        _check_number(f"{name}[1]", factor, SMALLEST, None, LARGEST),
    )


def _check_biases(name, value):
    pairs = list(value.items()) if isinstance(value, Mapping) else value
    if not isinstance(pairs, (list, tuple)) or not pairs:
        raise TypeError(
            f"{name}={value!r} must be a non-empty dict from tuples of ids to floats, or a list of "
            "[ids, float]"
        )
    return tuple(_check_bias(name, pair) for pair in pairs)


def _check_bias(name, pair):
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise TypeError(f"{name} contains {pair!r}, expected [ids, float]")
    ids, bias = pair
    ids = _check_token_ids(name, ids)
    if not ids:
        raise ValueError(f"{name} contains an empty sequence, which would change everything")
    _check_number(f"{name}[{ids}]", bias, None, None, None)
    return ids, float(_check_bounds(f"{name}[{ids}]", bias, -LARGEST, None, LARGEST))


class Numbers(NamedTuple):
    """How the numbers inside an option are separated from what makes a program.

    Fields:
        of: function from the option's value to a tuple of floats.
        without: function from the option's value to one whose numbers are the same for all.
    """

    of: Any
    without: Any


# Options that contain numbers, besides those that are a float.
NUMBERS_INSIDE = {
    "max_time": Numbers(lambda value: (value,), lambda value: 0.5),
    "exponential_decay_length_penalty": Numbers(tuple, lambda value: (0, 0.5)),
    "sequence_bias": Numbers(
        lambda value: tuple(bias for _, bias in value),
        lambda value: tuple((ids, 0.5) for ids, _ in value),
    ),
}
