"""What TensorBoard shows of a training."""

import time
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tf_pegasus.data.dataset import DatasetStatistics
from tf_pegasus.evaluation.rouge_callback import RougeCallback
from tf_pegasus.utils.extras import require

_SAMPLES = 3
_DOCUMENT_CHARACTERS = 500


class TensorBoard(keras.callbacks.Callback):
    """Writes losses, metrics, learning rate, speed and sample summaries of each interval.

    Args:
        directory: `Path`.
        interval: int, steps between validations.
        step_size: int, examples of a step.
        statistics: `DatasetStatistics` of the training examples.
        rouge: `RougeCallback` before this one, whose summaries are shown, or None.

    Raises:
        ImportError: if TensorBoard is not installed.
    """

    def __init__(
        self,
        directory: Path,
        interval: int,
        step_size: int,
        statistics: DatasetStatistics,
        rouge: RougeCallback | None = None,
    ):
        super().__init__()
        require("tensorboard", "tensorboard")
        self._directory = str(directory)
        self._interval = interval
        self._step_size = step_size
        self._statistics = statistics
        self._rouge = rouge
        self._writer: Any = None
        self._steps = 0
        self._seconds = self._start = 0.0

    def on_train_begin(self, logs=None):
        self._writer = tf.summary.create_file_writer(self._directory)

    def on_train_end(self, logs=None):
        self._writer.close()

    def on_epoch_begin(self, epoch, logs=None):
        self._steps, self._seconds = 0, 0.0

    def on_train_batch_begin(self, batch, logs=None):
        self._start = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        # The first step of the process compiles.
        if batch > 0:
            self._steps += 1
            self._seconds += time.monotonic() - self._start

    def on_epoch_end(self, epoch, logs=None):
        step = (epoch + 1) * self._interval
        values = {**(logs or {}), "learning_rate": float(self.model.optimizer.learning_rate)}
        if self._steps:
            examples = self._steps * self._step_size / self._seconds
            values["examples_per_second"] = examples
            values["tokens_per_second"] = examples * self._tokens_of_an_example()
        with self._writer.as_default(step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
            samples = self._rouge.examples[:_SAMPLES] if self._rouge is not None else ()
            for number, sample in enumerate(samples):
                tf.summary.text(f"summary {number}", _table(*sample))
        self._writer.flush()

    def _tokens_of_an_example(self):
        """Their mean, as far as they have been read, without what was cut off."""
        counts = (self._statistics.documents, self._statistics.summaries)
        return sum((each.tokens - each.tokens_cut) / max(1, each.texts) for each in counts)


def _table(document, reference, summary):
    """Returns a table in Markdown."""
    rows = {"document": document[:_DOCUMENT_CHARACTERS], "reference": reference, "model": summary}
    lines = [
        f"| {name} | {' '.join(text.split()).replace('|', '/')} |" for name, text in rows.items()
    ]
    return "\n".join(["| | |", "|---|---|", *lines])
