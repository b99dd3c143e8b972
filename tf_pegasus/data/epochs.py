"""Datasets whose batches come in an exact order, which can be continued at any step."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tf_pegasus.data.order import BatchOrder


def ordered_dataset(
    order: BatchOrder,
    batch: Callable[[int, np.ndarray], Any],
    output_signature: Any,
    *,
    start_step: int = 0,
    repeat: bool = False,
    prefetch: int = 2,
) -> tf.data.Dataset:
    """Returns a dataset of batches; each iteration is the next epoch.

    Args:
        order: `BatchOrder`.
        batch: function from the number of the epoch, and the indices of the examples, to a batch.
        output_signature: the `tf.TensorSpec`s of a batch.
        start_step: int, number of batches that were read already.
        repeat: bool, whether an iteration goes on with the next epoch, without end.
        prefetch: int, number of batches that are prepared ahead.

    Raises:
        ValueError: if `start_step` or `prefetch` are no ints of at least 0.
    """
    for name, value in (("start_step", start_step), ("prefetch", prefetch)):
        if not isinstance(value, int) or value < 0:
            raise ValueError(f"{name}={value!r} must be an int of at least 0")
    dataset = tf.data.Dataset.from_generator(
        _epochs(order, batch, start_step, repeat), output_signature=output_signature
    )
    cardinality = _cardinality(order.steps, start_step, repeat)
    if cardinality is not None:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(cardinality))
    return dataset.prefetch(prefetch)


def _epochs(order, batch, start_step, repeat) -> Callable[[], Iterator[Any]]:
    """Returns a generator function: of one epoch after the other, or of all of them."""
    first, skipped = divmod(start_step, order.steps)
    calls = itertools.count()

    def generate():
        epoch = first if repeat else first + next(calls)
        for number in itertools.count(epoch) if repeat else (epoch,):
            start = skipped if number == first else 0
            for indices in order.epoch(number)[start:]:
                yield batch(number, indices)

    return generate


def _cardinality(steps, start_step, repeat):
    if repeat:
        return tf.data.INFINITE_CARDINALITY
    # The first iteration of a dataset that starts inside an epoch is shorter than the others.
    return None if start_step % steps else steps
