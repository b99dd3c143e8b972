"""Keras callbacks of a training: the best weights, the end of patience, and the time left."""

import time
from collections.abc import Callable

import keras
import tensorflow as tf

# Steps that compile come first, and a few are no measure.
_FIRST_STEP = 2
_LEAST_SECONDS = 10.0


class KeepBest(keras.callbacks.Callback):
    """Saves the model whenever its metric is the best so far, and stops at the end of patience.

    Args:
        metric: str, its name in the logs; the least `val_loss` is best, the most of others.
        save: function without arguments.
        best: `tf.Variable`, float32 scalar, the best so far, infinite at first: of metrics of which
            the most is best, their negative.
        waited: `tf.Variable`, int64 scalar, number of validations since.
        patience: int, for how many of them training goes on; None for all.
        agree: function of this worker's metric that returns the one of all workers.
    """

    def __init__(
        self,
        metric: str,
        save: Callable[[], None],
        best: tf.Variable,
        waited: tf.Variable,
        patience: int | None = None,
        agree: Callable[[float], float] = float,
    ):
        super().__init__()
        self._metric = metric
        self._save = save
        self._best = best
        self._waited = waited
        self._patience = patience
        self._agree = agree

    @property
    def is_over(self) -> bool:
        """Whether patience has come to its end."""
        return self._patience is not None and int(self._waited) >= self._patience

    def is_best(self, logs: dict) -> bool:
        """Whether these logs are the best so far; they are from now on."""
        value = self._agree(logs[self._metric])
        loss = value if self._metric == "val_loss" else -value
        if not loss < float(self._best):
            return False
        self._best.assign(loss)
        return True

    def on_epoch_end(self, epoch, logs=None):
        if self.is_best(logs):
            self._waited.assign(0)
            self._save()
            return
        self._waited.assign_add(1)
        if self.is_over:
            print(
                f"stopped: {self._metric} has not become better for {self._patience} validations",
                flush=True,
            )
            self.model.stop_training = True


class TimeLeft(keras.callbacks.Callback):
    """Prints once how long the training will take, after its first steps.

    Args:
        total_steps: int.
        interval: int, steps between validations.
    """

    def __init__(self, total_steps: int, interval: int):
        super().__init__()
        self._total_steps = total_steps
        self._interval = interval
        self._epoch = self._steps = 0
        self._start = 0.0
        self._is_printed = False

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self._is_printed:
            return
        self._steps += 1
        if self._steps == _FIRST_STEP:
            self._start = time.monotonic()
        steps = self._steps - _FIRST_STEP
        seconds = time.monotonic() - self._start
        if steps < 1 or seconds < _LEAST_SECONDS:
            return
        left = max(0, self._total_steps - (self._epoch * self._interval + batch + 1))
        print(
            f"\n{seconds / steps:.3g} s a step: about {duration(left * seconds / steps)} for the "
            f"other {left:,} steps, without validation",
            flush=True,
        )
        self._is_printed = True


def duration(seconds: float) -> str:
    """Returns a duration in words, such as `"2 h 5 min"`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
