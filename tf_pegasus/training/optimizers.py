"""Optimizers and learning-rate schedules by name."""

import keras

from tf_pegasus.training.config import OPTIMIZERS, SCHEDULES


def create_optimizer(
    name="adafactor", learning_rate=1e-4, schedule="constant", warmup_steps=0, total_steps=None
):
    """Builds a Keras optimizer.

    Args:
        name: `"adafactor"` (the paper's, appendix C) or `"adamw"`.
        learning_rate: float, peak learning rate.
        schedule: `"constant"`, or `"cosine"` to fall to 0 at `total_steps`.
        warmup_steps: int, steps over which the rate rises from 0.
        total_steps: int, required by `"cosine"`.

    Raises:
        ValueError: if a name is unknown, or a rate or step count is out of range.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"optimizer={name!r} must be one of {', '.join(OPTIMIZERS)}")
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule={schedule!r} must be one of {', '.join(SCHEDULES)}")
    if not learning_rate > 0:
        raise ValueError(f"learning_rate={learning_rate!r} must be positive")
    if warmup_steps < 0:
        raise ValueError(f"warmup_steps={warmup_steps!r} must be at least 0")
    if schedule == "cosine":
        if total_steps is None or total_steps <= warmup_steps:
            raise ValueError(
                f"total_steps={total_steps!r} must be more than warmup_steps={warmup_steps!r}"
            )
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warmup_steps else learning_rate,
            total_steps - warmup_steps,
            warmup_target=learning_rate if warmup_steps else None,
            warmup_steps=warmup_steps,
        )
    elif warmup_steps:
        rate = keras.optimizers.schedules.PolynomialDecay(0.0, warmup_steps, learning_rate, 1.0)
    else:
        rate = learning_rate
    if name == "adafactor":
        return keras.optimizers.Adafactor(rate, relative_step=False)
    return keras.optimizers.AdamW(
        rate, weight_decay=0.01, beta_2=0.98, epsilon=1e-9, global_clipnorm=1.0
    )
