"""The Keras callback that saves the best weights."""

import keras


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
