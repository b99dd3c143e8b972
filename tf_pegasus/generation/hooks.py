"""Functions of the caller that a search calls at every step."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import tensorflow as tf


class Hooks(NamedTuple):
    """The caller's functions, which are part of a traced program.

    Fields:
        prefix_allowed_tokens_fn, logits_processor, stopping_criteria: see `generate`; the latter
            two are tuples.
    """

    prefix_allowed_tokens_fn: Callable | None = None
    logits_processor: tuple = ()
    stopping_criteria: tuple = ()

    @classmethod
    def checked(
        cls,
        prefix_allowed_tokens_fn: Callable | None,
        logits_processor: Any,
        stopping_criteria: Any,
    ) -> "Hooks":
        """Returns the hooks of a call of `generate`.

        Raises:
            TypeError: if a hook is not a function, or does not take the arguments of its kind.
        """
        if prefix_allowed_tokens_fn is not None and not callable(prefix_allowed_tokens_fn):
            raise TypeError(
                f"prefix_allowed_tokens_fn={prefix_allowed_tokens_fn!r} must be a function"
            )
        return cls(
            prefix_allowed_tokens_fn,
            _functions("logits_processor", logits_processor),
            _functions("stopping_criteria", stopping_criteria),
        )


def _functions(name: str, given: Any) -> tuple:
    if given is None:
        return ()
    functions: Iterable = given if isinstance(given, (list, tuple)) else [given]
    for function in functions:
        if not callable(function):
            raise TypeError(f"{name} contains {function!r}, which is not a function")
        try:
            signature = inspect.signature(function)
        except ValueError:  # some functions in C have none
            continue
        try:
            signature.bind(None, None, None)
        except TypeError as error:
            raise TypeError(
                f"{name} contains {function!r}, which must take (input_ids, scores, cur_len), as "
                "in transformers' TensorFlow classes"
            ) from error
    return tuple(functions)


def as_processor(function: Callable) -> Callable:
    """Converts a function of `logits_processor` to a processor."""

    def process(sequences, length, scores):
        changed = tf.cast(function(sequences, scores, length), tf.float32)
        if not changed.shape.is_compatible_with(scores.shape):
            raise ValueError(
                f"a function of logits_processor returned the shape {tuple(changed.shape)}, "
                f"expected {tuple(scores.shape)}"
            )
        return tf.ensure_shape(changed, scores.shape)

    return process


def as_criterion(function: Callable) -> Callable:
    """Converts a function of `stopping_criteria` to one that returns a bool or bools by row."""

    def stops(sequences, length, scores):
        stopped = tf.convert_to_tensor(function(sequences, scores, length))
        if stopped.dtype != tf.bool or stopped.shape.rank not in (0, 1):
            raise TypeError(
                f"a function of stopping_criteria returned {stopped!r}, expected a bool, or bools "
                "of the shape (rows,)"
            )
        return tf.broadcast_to(stopped, tf.shape(sequences)[:1])

    return stops
