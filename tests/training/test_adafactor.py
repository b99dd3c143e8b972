import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_pegasus.training.adafactor import Adafactor

SHAPES = [(4, 6), (3,), (2, 3, 5), ()]


def trained(optimizer_class, **options):
    random = np.random.default_rng(0)
    variables = [keras.Variable(random.normal(size=shape).astype("float32")) for shape in SHAPES]
    optimizer = optimizer_class(**options)
    optimizer.build(variables)
    apply = tf.function(optimizer.apply)
    for _ in range(5):
        apply([random.normal(size=shape).astype("float32") for shape in SHAPES])
    return [variable.numpy() for variable in variables], optimizer


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": 0.5, "weight_decay": 0.1, "use_ema": True},
        {"learning_rate": 0.01, "relative_step": False, "global_clipnorm": 0.1},
        {"learning_rate": 0.1, "gradient_accumulation_steps": 2, "clip_threshold": 0.5},
    ],
)
def test_updates_are_those_of_keras(options):
    expected, _ = trained(keras.optimizers.Adafactor, **options)
    found, _ = trained(Adafactor, **options)
    for value, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-6)


def test_state_is_factored_and_restored():
    _, optimizer = trained(Adafactor, relative_step=False)
    sizes = sum(np.prod(variable.shape) for variable in optimizer.variables)
    # Iterations and rate; rows and columns of matrices; vectors and scalars.
    assert sizes == 2 + (4 + 6) + 3 + (2 * 3 + 2 * 5) + 1
    config = keras.saving.serialize_keras_object(optimizer)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is Adafactor
    assert not again.relative_step
    again.build([keras.Variable(np.zeros(shape, "float32")) for shape in SHAPES])
    store = {}
    optimizer.save_own_variables(store)
    again.load_own_variables(store)
    for value, wanted in zip(again.variables, optimizer.variables, strict=True):
        np.testing.assert_array_equal(value, wanted)
