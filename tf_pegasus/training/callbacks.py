"""Keras callbacks that save the best weights and checkpoints to resume from."""

from pathlib import Path

import keras
import tensorflow as tf


class SaveBest(keras.callbacks.Callback):
    """Calls `save` whenever the validation loss is the lowest so far.

    Args:
        save: function without arguments.
        best: `tf.Variable`, float32 scalar, the lowest loss so far.
    """

    def __init__(self, save, best):
        super().__init__()
        self._save = save
        self._best = best

    def on_epoch_end(self, epoch, logs=None):
        if logs["val_loss"] < float(self._best):
            self._best.assign(logs["val_loss"])
            self._save()


class Resume:
    """Saves and restores the state of training, replacing the last checkpoint atomically.

    The state is the model, the optimizer, the dropout seeds and the progress.

    Args:
        model: a compiled model.
        directory: path of the directory of the checkpoint.
    """

    def __init__(self, model, directory):
        model.optimizer.build(model.trainable_variables)
        self.intervals_done = tf.Variable(0, dtype=tf.int64)
        self.best = tf.Variable(float("inf"))
        self._checkpoint = tf.train.Checkpoint(
            variables=[v.value for v in model.variables],
            optimizer=[v.value for v in model.optimizer.variables],
            intervals_done=self.intervals_done,
            best=self.best,
        )
        self._manager = tf.train.CheckpointManager(self._checkpoint, directory, max_to_keep=1)

    def restore(self):
        """Reads the last checkpoint, if there is one; returns the number of finished intervals.

        Raises:
            ValueError: if the checkpoint belongs to another model, or is damaged.
        """
        latest = self._manager.latest_checkpoint
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
        return int(self.intervals_done)

    def callback(self):
        """Returns a callback that saves a checkpoint after every interval."""

        def save(epoch, logs):
            self.intervals_done.assign(epoch + 1)
            self._manager.save()

        return keras.callbacks.LambdaCallback(on_epoch_end=save)
