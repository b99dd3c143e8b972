"""Optimizers and learning-rate schedules by name."""

import keras
import tensorflow as tf

from tf_pegasus.training.adafactor import Adafactor
from tf_pegasus.training.adamw import AdamW
from tf_pegasus.training.config import OPTIMIZERS, SCHEDULES

# Gradients are clipped by default only where the reference recipes do; Adafactor clips updates.
_GRAD_NORMS = {"adamw": 1.0}


def create_optimizer(
    name="adafactor",
    learning_rate=1e-4,
    schedule="constant",
    warmup_steps=0,
    total_steps=None,
    max_grad_norm=None,
):
    """Builds a Keras optimizer.

    Args:
        name: `"adafactor"` (the paper's, appendix C), `"adamw"`, `"lion"` or `"muon"`.
        learning_rate: float, peak learning rate.
        schedule: `"constant"`; `"cosine"` to fall to 0 at `total_steps`; or `"inverse_sqrt"` to
            fall with the square root of the steps, as in pre-training (paper, appendix C).
        warmup_steps: int, updates over which the rate rises from 0.
        total_steps: int, number of updates, required by `"cosine"`.
        max_grad_norm: float, longer gradients are scaled down; by default 1 for `"adamw"`.

    Raises:
        ValueError: if a name is unknown, or a number is out of range.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"optimizer={name!r} must be one of {', '.join(OPTIMIZERS)}")
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule={schedule!r} must be one of {', '.join(SCHEDULES)}")
    if not learning_rate > 0:
        raise ValueError(f"learning_rate={learning_rate!r} must be positive")
    if warmup_steps < 0:
        raise ValueError(f"warmup_steps={warmup_steps!r} must be at least 0")
    rate = _rate(learning_rate, schedule, warmup_steps, total_steps)
    options = {"global_clipnorm": _GRAD_NORMS.get(name) if max_grad_norm is None else max_grad_norm}
    if name == "adafactor":
        return Adafactor(rate, relative_step=False, **options)
    if name == "adamw":
        return AdamW(rate, weight_decay=0.01, beta_2=0.98, epsilon=1e-9, **options)
    if name == "lion":
        return keras.optimizers.Lion(rate, weight_decay=0.1, **options)
    # Its updates do not suit tables of embeddings, for which it has AdamW.
    return keras.optimizers.Muon(
        rate, weight_decay=0.01, exclude_layers=["shared", "lm_head"], **options
    )


def _rate(learning_rate, schedule, warmup_steps, total_steps):
    schedules = keras.optimizers.schedules
    if schedule == "inverse_sqrt":
        return InverseSquareRoot(learning_rate, warmup_steps)
    if schedule == "cosine":
        if total_steps is None or total_steps <= warmup_steps:
            raise ValueError(
                f"total_steps={total_steps!r} must be more than warmup_steps={warmup_steps!r}"
            )
        return schedules.CosineDecay(
            0.0 if warmup_steps else learning_rate,
            total_steps - warmup_steps,
            warmup_target=learning_rate if warmup_steps else None,
            warmup_steps=warmup_steps,
        )
    if warmup_steps:
        return schedules.PolynomialDecay(0.0, warmup_steps, learning_rate, 1.0)
    return learning_rate


@keras.saving.register_keras_serializable(package="tf_pegasus")
class InverseSquareRoot(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly to the peak in `warmup_steps`, then falls with the square root of the step.

    Args:
        peak: float, the largest rate.
        warmup_steps: int; with 0 it falls from the first step on.
    """

    def __init__(self, peak, warmup_steps=0):
        self.peak = peak
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        done = tf.cast(step, tf.float32) + 1.0
        warmup = float(max(self.warmup_steps, 1))
        return self.peak * tf.minimum(done / warmup, tf.sqrt(warmup / done))

    def get_config(self):
        return {"peak": self.peak, "warmup_steps": self.warmup_steps}
