import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_pegasus.training.adamw import AdamW

SHAPES = [(4, 4), (3,), (5, 2)]


def trained(optimizer_class, **options):
    """Returns variables and the optimizer's state after steps with seeded gradients."""
    random = np.random.default_rng(0)

    def arrays():
        return [random.normal(size=shape).astype("float32") for shape in SHAPES]

    variables = [keras.Variable(value, name=f"kernel_{i}") for i, value in enumerate(arrays())]
    optimizer = optimizer_class(0.05, weight_decay=0.1, **options)
    optimizer.exclude_from_weight_decay(var_names=["kernel_1"])
    optimizer.build(variables)
    apply = tf.function(optimizer.apply)
    for _ in range(5):
        apply(arrays())
    return [variable.numpy() for variable in (*variables, *optimizer.variables)]


@pytest.mark.parametrize(
    "options",
    [
        {"global_clipnorm": 0.5},
        {"clipnorm": 0.1, "use_ema": True},
        {"gradient_accumulation_steps": 2, "global_clipnorm": 2.0},
        {"amsgrad": True},
    ],
)
def test_updates_and_state_are_those_of_keras(options):
    expected = trained(keras.optimizers.AdamW, **options)
    for value, wanted in zip(trained(AdamW, **options), expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-6)


def test_repeated_rows_of_a_sparse_gradient_add_up():
    # Keras' class adds up the squares of the rows instead.
    rows = tf.IndexedSlices(tf.ones((2, 2)), tf.constant([1, 1]), tf.constant([5, 2]))
    tables = []
    for gradient in (rows, tf.convert_to_tensor(rows)):
        table, optimizer = keras.Variable(np.ones((5, 2), "float32")), AdamW(0.1)
        optimizer.build([table])
        optimizer.apply([gradient])
        tables.append(table.numpy())
    np.testing.assert_array_equal(*tables)


def test_gradients_that_are_not_finite_are_not_hidden_by_clipping():
    optimizer = AdamW(0.1, global_clipnorm=1.0)
    clipped = optimizer._clip_gradients([tf.constant([np.inf, 1.0]), None, tf.constant([2.0])])
    assert clipped[1] is None
    assert np.all(np.isnan(clipped[0]))
    assert np.all(np.isnan(clipped[2]))


def test_an_update_is_one_operation():
    optimizer = AdamW(0.1)
    optimizer.build([keras.Variable(np.ones((2, 2), "float32"))])
    graph = tf.function(optimizer.apply).get_concrete_function([tf.ones((2, 2))]).graph
    kinds = [operation.type for operation in graph.get_operations()]
    assert kinds.count("ResourceApplyAdam") == 1
    assert "Sqrt" not in kinds


def test_configuration_is_complete():
    config = keras.saving.serialize_keras_object(AdamW(0.1, weight_decay=0.2, beta_2=0.9))
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is AdamW
    assert (again.weight_decay, again.beta_2) == (0.2, 0.9)
