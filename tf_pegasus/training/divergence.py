"""Stopping a training whose loss is no number any more."""

import math
import threading

import keras


class DivergedError(RuntimeError):
    """A loss became NaN or infinite: from there on, training changes nothing for the better."""


class StopAtDivergence(keras.callbacks.Callback):
    """Raises `DivergedError` where a loss is not finite, before anything of that is saved.

    It looks at every step, without making the accelerator wait. With the loss scaling of mixed
    float16, which leaves out steps that are not finite, it looks at the validation's loss, and
    for an interval in which every step was left out.

    Args:
        interval: int, steps between validations.
        best: `tf.Variable`, float32 scalar that holds the best metric so far, see `KeepBest`.
        directory: where the best model so far is.
        metric: str, the metric's name in the logs.
    """

    # Steps are looked at in Keras' own threads; validation begins when all were.
    async_safe = True

    def __init__(self, interval, best, directory, metric="val_loss"):
        super().__init__()
        self._interval = interval
        self._best = best
        self._directory = directory
        self._metric = "validation loss" if metric == "val_loss" else metric
        self._mutex = threading.Lock()
        # (step, loss) of the last good step and the first bad one.
        self._good = self._bad = None
        self._epoch = 0
        self._steps_taken = 0

    @property
    def _leaves_out_steps(self):
        return isinstance(self.model.optimizer, keras.optimizers.LossScaleOptimizer)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        if self._leaves_out_steps:
            self._steps_taken = int(self.model.optimizer.inner_optimizer.iterations)

    def on_train_batch_end(self, batch, logs=None):
        if self._leaves_out_steps:
            return
        # A mean over the interval so far, in which nothing hides that is not finite.
        found = (self._epoch * self._interval + batch + 1, logs["loss"])
        with self._mutex:
            if math.isfinite(found[1]):
                self._good = max(found, self._good or found)
            else:
                self._bad = min(found, self._bad or found)
                self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        if self._bad is not None:
            self._fail(*self._bad, "loss")
        step = (epoch + 1) * self._interval
        if not math.isfinite(logs["val_loss"]):
            self._fail(step, logs["val_loss"], "validation loss")
        if math.isfinite(logs["loss"]):
            self._good = (step, logs["loss"])
        elif int(self.model.optimizer.inner_optimizer.iterations) == self._steps_taken:
            self._fail(step, logs["loss"], "loss of every step of an interval")

    def _fail(self, step, loss, name):
        message = f"the {name} became {loss} at step {step:,} (interval {self._epoch + 1})"
        if self._good is not None:
            message += f"; the last good loss was {self._good[1]:.4g} at step {self._good[0]:,}"
        if math.isfinite(self._best):
            message += (
                f"; the best model so far, with a {self._metric} of {abs(float(self._best)):.4g}, "
                f"is in {str(self._directory)!r}"
            )
        else:
            message += "; no model was saved"
        raise DivergedError(
            f"{message}: repeat it in another output_dir with a lower learning_rate or a longer "
            "warm-up, or with precision='float32'"
        )
