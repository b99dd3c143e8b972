"""Stopping and resuming a training at any step, with the results of one that ran through."""

from pathlib import Path

import keras
import tensorflow as tf


class Resume(keras.callbacks.Callback):
    """Saves and restores the state of training, replacing the last checkpoint atomically.

    The state is the model, the optimizer, the dropout seeds, the mean loss so far and the progress.
    A checkpoint is saved after every interval (an epoch of Keras), and where a signal stops the
    training. Keras begins with whole intervals: of one that was stopped, it counts the steps that
    were done without running them.

    Args:
        model: a compiled model, whose optimizer is built.
        directory: path of the directory of the checkpoint.
        interval: int, steps of an interval.
        interruption: `Interruption`, whose signals are looked at before every step.
        average: `WeightAverage`, or None.
        own_directory: path where this process saves, if that is not where it restores from.
        is_asked: function of whether this process got a signal that returns whether any did.

    Attributes:
        intervals_done, steps_done: `tf.Variable`, int64 scalars: finished intervals, and steps of
            the next one.
        best, waited: `tf.Variable`, float32 and int64 scalars, see `KeepBest`.
    """

    async_safe = True

    def __init__(
        self,
        model,
        directory,
        interval,
        interruption,
        average=None,
        own_directory=None,
        is_asked=bool,
    ):
        super().__init__()
        self.intervals_done = tf.Variable(0, dtype=tf.int64)
        self.steps_done = tf.Variable(0, dtype=tf.int64)
        self.best = tf.Variable(float("inf"))
        self.waited = tf.Variable(0, dtype=tf.int64)
        self._metrics = [v for metric in model.metrics for v in metric.variables]
        self._checkpoint = tf.train.Checkpoint(
            variables=[v.value for v in model.variables],
            optimizer=[v.value for v in model.optimizer.variables],
            metrics=[v.value for v in self._metrics],
            intervals_done=self.intervals_done,
            steps_done=self.steps_done,
            best=self.best,
            waited=self.waited,
            average=[] if average is None else average.variables,
        )
        self._directory = directory
        self._manager = tf.train.CheckpointManager(
            self._checkpoint, own_directory or directory, max_to_keep=1
        )
        self._average = average
        self._is_asked = is_asked
        self._interval = interval
        self._interruption = interruption
        self._restored_metrics = None
        self._steps_to_skip = 0

    def restore(self):
        """Reads the last checkpoint, if there is one; returns the number of finished steps.

        Raises:
            ValueError: if the checkpoint belongs to another model, or is damaged.
        """
        latest = tf.train.latest_checkpoint(self._directory)
        if latest is None:
            return 0
        try:
            self._checkpoint.restore(latest).assert_consumed()
        except (AssertionError, ValueError) as error:
            raise ValueError(f"{latest!r} is a checkpoint of another model: {error}") from error
        # All that TensorFlow raises about its files; of what is short that is an IndexError.
        except (tf.errors.OpError, LookupError, OSError, RuntimeError) as error:
            raise ValueError(
                f"{latest!r} is damaged ({error}): put its files back, or remove "
                f"{str(Path(latest).parent)!r} to start again"
            ) from error
        self._steps_to_skip = int(self.steps_done)
        if self._steps_to_skip:
            self._restored_metrics = [v.numpy() for v in self._metrics]
        return int(self.intervals_done) * self._interval + self._steps_to_skip

    def on_train_begin(self, logs=None):
        run = self.model.train_function

        def step(iterator):
            self._stop_if_asked()
            if self._steps_to_skip:
                self._steps_to_skip -= 1
                return self.model.get_metrics_result()
            logs = run(iterator)
            self.steps_done.assign_add(1)
            return logs

        self.model.train_function = step

    def on_test_begin(self, logs=None):
        run = self.model.test_function
        if getattr(run, "stops_if_asked", False):
            return

        def step(iterator):
            self._stop_if_asked()
            return run(iterator)

        step.stops_if_asked = True
        self.model.test_function = step

    def on_epoch_begin(self, epoch, logs=None):
        # Keras has just reset its metrics.
        if self._restored_metrics is not None:
            for variable, value in zip(self._metrics, self._restored_metrics, strict=True):
                variable.assign(value)
            self._restored_metrics = None

    def on_epoch_end(self, epoch, logs=None):
        self.intervals_done.assign(epoch + 1)
        self.steps_done.assign(0)
        self._save()

    def _save(self):
        if self._average is not None:
            self._average.put_back()
        self._manager.save()

    def _stop_if_asked(self):
        if not self._steps_to_skip and self._is_asked(self._interruption.is_requested):
            self._save()
            steps = int(self.intervals_done) * self._interval + int(self.steps_done)
            self._interruption.stop(f"saved after step {steps:,}; repeat the command to resume")
