import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_pegasus import TFPegasusForConditionalGeneration
from tf_pegasus.training.callbacks import KeepBest
from tf_pegasus.training.config import TrainingArguments
from tf_pegasus.training.divergence import DivergedError, StopAtDivergence
from tf_pegasus.training.resume import Resume
from tf_pegasus.training.train import train


@pytest.fixture
def callback():
    """Validates every 10 steps; the optimizer is set by each test."""
    callback = StopAtDivergence(10, tf.Variable(2.5), "run")
    callback.set_model(SimpleNamespace(optimizer=keras.optimizers.Adam(), stop_training=False))
    callback.on_epoch_begin(3)
    return callback


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_step(callback, loss):
    # As Keras' threads may call it.
    for batch, value in ((1, 4.0), (0, 5.0), (3, loss), (2, loss)):
        callback.on_train_batch_end(batch, {"loss": value})
    assert callback.model.stop_training
    with pytest.raises(DivergedError) as raised:
        callback.on_epoch_end(3, {"loss": loss, "val_loss": loss})
    for part in (
        f"the loss became {loss} at step 33 (interval 4)",
        "the last good loss was 4 at step 32",
        "validation loss of 2.5, is in 'run'",
        "lower learning_rate",
    ):
        assert part in str(raised.value)


def test_a_validation(callback):
    with pytest.raises(DivergedError, match="validation loss became nan at step 40"):
        callback.on_epoch_end(3, {"loss": 1.0, "val_loss": math.nan})


def test_loss_scaling_may_leave_out_steps(callback):
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    variable = keras.Variable([1.0])
    optimizer.build([variable])
    callback.model.optimizer = optimizer
    callback.on_epoch_begin(0)
    callback.on_train_batch_end(0, {"loss": math.inf})
    optimizer.apply([tf.constant([np.inf])], [variable])
    optimizer.apply([tf.constant([1.0])], [variable])
    callback.on_epoch_end(0, {"loss": math.inf, "val_loss": 3.0})
    assert not callback.model.stop_training
    callback.on_epoch_begin(1)
    optimizer.apply([tf.constant([np.inf])], [variable])
    with pytest.raises(DivergedError, match="every step of an interval became inf at step 20"):
        callback.on_epoch_end(1, {"loss": math.inf, "val_loss": 3.0})


@pytest.mark.slow
def test_the_best_model_so_far_stays(arguments, monkeypatch):
    saved = KeepBest.on_epoch_end

    def break_the_model(self, epoch, logs=None):
        saved(self, epoch, logs)
        self.model.trainable_variables[0].assign(
            tf.fill(self.model.trainable_variables[0].shape, math.nan)
        )

    with monkeypatch.context() as patch:
        patch.setattr(KeepBest, "on_epoch_end", break_the_model)
        # Before anything of it is saved.
        patch.setattr(Resume, "on_epoch_end", lambda *_: None)
        with pytest.raises(DivergedError, match=r"became nan at step 4 \(interval 2\); .* is in '"):
            train(TrainingArguments.from_flags(**arguments))
    model = TFPegasusForConditionalGeneration.from_pretrained(arguments["output_dir"])
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    # Nothing that resuming would go on from is spoilt either.
    assert all(np.isfinite(train(TrainingArguments.from_flags(**arguments))["val_loss"]))
