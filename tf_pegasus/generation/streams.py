"""Delivers tokens to a streamer while a search runs.

A traced program does not contain the streamer itself, which is another object in each call, but
the number of an open stream, which is one of its inputs.
"""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

_numbers = itertools.count(1)
_open: dict[int, tuple[Any, int]] = {}
_lock = threading.Lock()


def check_streamer(streamer: Any) -> None:
    """Raises TypeError if an object has no methods `put` and `end`."""
    for name in ("put", "end"):
        if not callable(getattr(streamer, name, None)):
            raise TypeError(f"streamer={streamer!r} must have the methods put(tokens) and end()")


@contextmanager
def open_stream(streamer: Any, rows: int) -> Iterator[int]:
    """Yields the number of a stream that gives the first `rows` of all rows to a streamer.

    The streamer's `end` is called in any case, so that a thread that waits for it goes on.
    """
    with _lock:
        number = next(_numbers)
        _open[number] = streamer, rows
    try:
        yield number
    finally:
        with _lock:
            del _open[number]
        streamer.end()


def put(number: tf.Tensor, tokens: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Gives tokens to a stream.

    Args:
        number: int32 scalar, see `open_stream`.
        tokens: int32 `(rows, …)`.
        length: int32 scalar.

    Returns:
        `length`. What follows must depend on it, so that tokens are delivered in order.
    """

    def deliver(number, tokens, length):
        streamer, rows = _open[int(number)]
        streamer.put(np.array(tokens[:rows]))
        return length

    delivered = tf.numpy_function(deliver, (number, tokens, length), tf.int32, stateful=True)
    return tf.ensure_shape(delivered, ())
