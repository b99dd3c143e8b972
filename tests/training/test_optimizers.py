import numpy as np
import pytest

from tf_pegasus.training.optimizers import create_optimizer


def test_cosine_schedule_rises_and_falls():
    rate = create_optimizer("adamw", 0.1, "cosine", 10, 110)._learning_rate
    assert float(rate(0)) == 0
    np.testing.assert_allclose([rate(10), rate(60), rate(110)], [0.1, 0.05, 0.0], atol=1e-7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "sgd"}, "optimizer='sgd'"),
        ({"schedule": "step"}, "schedule='step'"),
        ({"learning_rate": 0}, "learning_rate=0"),
        ({"warmup_steps": -1}, "warmup_steps=-1"),
        ({"schedule": "cosine", "warmup_steps": 10, "total_steps": 10}, "total_steps=10"),
    ],
)
def test_invalid_optimizers(arguments, message):
    with pytest.raises(ValueError, match=message):
        create_optimizer(**arguments)
