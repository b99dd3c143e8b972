"""Averages of weights: a moving one during training, and one of several saved models."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_pegasus.models.conditional_generation import TFPegasusForConditionalGeneration
from tf_pegasus.utils.leftovers import remove

# The momentum of step n is at most (1 + n) / (10 + n), so that the average soon forgets the first
# weights, as in `tf.train.ExponentialMovingAverage`.
_DELAY = 9.0


class WeightAverage(keras.callbacks.Callback):
    """Keeps the exponential moving average of the weights, with which `fit` validates.

    From the beginning of the validation to `put_back`, the model has the averaged weights. (Keras'
    `SwapEMAWeights` exchanges weights by sums and differences, which rounds them.)

    Args:
        model: built model.
        momentum: float, the share of the average that a step keeps, after the first steps.

    Attributes:
        variables: list of `tf.Variable`, what a resumed training needs.
    """

    def __init__(self, model: keras.Model, momentum: float):
        super().__init__()
        self._momentum = momentum
        self._strategy = model.distribute_strategy
        self._weights = [weight.value for weight in model.trainable_variables]
        with self._strategy.scope():
            self._averages = [
                tf.Variable(tf.convert_to_tensor(w), trainable=False) for w in self._weights
            ]
            self._steps = tf.Variable(0.0, trainable=False)
        self.variables = [*self._averages, self._steps]
        self._update = tf.function(self._average)
        self._is_in_use = False

    def on_train_begin(self, logs=None):
        run = self.model.train_function

        def step(iterator):
            logs = run(iterator)
            self._update()
            return logs

        self.model.train_function = step

    def on_test_begin(self, logs=None):
        if not self._is_in_use:
            self._exchange()

    def on_epoch_begin(self, epoch, logs=None):
        self.put_back()

    def put_back(self) -> None:
        """Gives the model the weights with which it trains on."""
        if self._is_in_use:
            self._exchange()

    def _average(self):
        with self._strategy.scope():
            steps = self._steps.assign_add(1.0)
            momentum = tf.minimum(self._momentum, steps / (steps + _DELAY))
            for weight, average in zip(self._weights, self._averages, strict=True):
                old = tf.convert_to_tensor(average)
                change = tf.cast(1.0 - momentum, old.dtype) * (tf.convert_to_tensor(weight) - old)
                average.assign(old + change)

    def _exchange(self):
        for weight, average in zip(self._weights, self._averages, strict=True):
            kept = tf.identity(weight)
            weight.assign(tf.convert_to_tensor(average))
            average.assign(kept)
        self._is_in_use = not self._is_in_use


def average_checkpoints(
    directories: Sequence[str | Path], output_dir: str | Path
) -> TFPegasusForConditionalGeneration:
    """Averages the weights of models of one run, and saves the result as a model.

    Args:
        directories: of the models, such as the last of a training with `average_last`.
        output_dir: directory of the average, with configuration and vocabulary of the last model.

    Returns:
        The averaged `TFPegasusForConditionalGeneration`.

    Raises:
        ValueError: if there are fewer than two, or their shapes differ.

    Example:
        >>> runs = sorted(Path("tuned/training/last").iterdir())
        >>> average_checkpoints(runs[-3:], "averaged")
    """
    if len(directories) < 2:
        raise ValueError(f"an average needs at least two models, got {len(directories)}")
    *_, last = directories
    model = TFPegasusForConditionalGeneration.from_pretrained(last)
    set_average(model, directories)
    model.save_pretrained(output_dir)
    return model


def set_average(model: Any, directories: Sequence[str | Path]) -> None:
    """Gives a model the mean of the weights in directories.

    Raises:
        ValueError: if their shapes differ.
    """
    sums: list[np.ndarray] = []
    for directory in directories:
        found = TFPegasusForConditionalGeneration.from_pretrained(directory).get_weights()
        shapes = [[each.shape for each in weights] for weights in (found, model.get_weights())]
        if shapes[0] != shapes[1]:
            raise ValueError(f"{str(directory)!r} has weights of other shapes than the model")
        if not sums:
            sums = [np.zeros(each.shape, "float32") for each in found]
        for total, each in zip(sums, found, strict=True):
            total += each
    model.set_weights(
        [
            (total / len(directories)).astype(old.dtype)
            for total, old in zip(sums, model.get_weights(), strict=True)
        ]
    )


class KeepLast(keras.callbacks.Callback):
    """Saves the model of each validation, and removes all but the last ones.

    Args:
        save: function of a path that saves the model there.
        directory: `Path`, which gets a directory for each, with the number of the interval.
        count: int, how many are kept.
        done: int, number of intervals that are done for good.
    """

    def __init__(self, save: Callable[[Path], None], directory: Path, count: int, done: int):
        super().__init__()
        self._save = save
        self._directory = directory
        self._count = count
        self._done = done

    @property
    def directories(self) -> list[Path]:
        """list of `Path`, from the oldest to the newest."""
        found = self._directory.iterdir() if self._directory.is_dir() else ()
        return sorted((path for path in found if path.name.isdecimal()), key=_number)

    def on_train_begin(self, logs=None):
        # Of an interval that will be run again, perhaps in part.
        for path in self.directories:
            if _number(path) > self._done:
                remove(path)

    def on_epoch_end(self, epoch, logs=None):
        self._save(self._directory / str(epoch + 1))
        for path in self.directories[: -self._count]:
            remove(path)


def _number(path):
    return int(path.name)
