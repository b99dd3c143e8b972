import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_pegasus.training.config import OPTIMIZERS
from tf_pegasus.training.optimizers import create_optimizer


def test_cosine_schedule_rises_and_falls():
    rate = create_optimizer("adamw", 0.1, "cosine", 10, 110)._learning_rate
    assert float(rate(0)) == 0
    np.testing.assert_allclose([rate(10), rate(60), rate(110)], [0.1, 0.05, 0.0], atol=1e-7)


def test_inverse_square_root_schedule():
    rate = create_optimizer("adafactor", 0.01, "inverse_sqrt", 100)._learning_rate
    np.testing.assert_allclose([rate(0), rate(49), rate(99)], [1e-4, 5e-3, 1e-2], rtol=1e-5)
    np.testing.assert_allclose(rate(399), 0.01 / 2, rtol=1e-5)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(rate))
    assert again(7) == rate(7)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_minimize(name):
    variable = keras.Variable(tf.fill((4, 4), 2.0), name="kernel")
    optimizer = create_optimizer(name, 0.05, max_grad_norm=0.5)
    assert optimizer.global_clipnorm == 0.5
    optimizer.build([variable])
    optimizer.apply([tf.ones((4, 4))])
    assert np.all(np.array(variable) < 2.0)


def test_only_adamw_clips_gradients_by_default():
    norms = {name: create_optimizer(name).global_clipnorm for name in OPTIMIZERS}
    assert norms == {"adafactor": None, "adamw": 1.0, "lion": None, "muon": None}


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
