import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_pegasus.layers.dense import PegasusDense, int8_product, saturate


def dense_layer(units=6, in_dim=8, **options):
    layer = PegasusDense(units, init_std=0.5, **options)
    layer.build((None, None, in_dim))
    layer.bias.assign(np.linspace(-1, 1, units))
    return layer


@pytest.fixture
def inputs():
    return np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")


def expected(layer, inputs):
    return inputs @ np.asarray(layer.kernel, "float32") + np.asarray(layer.bias, "float32")


def cosine(a, b):
    a, b = np.ravel(a), np.ravel(b)
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_equals_keras_dense(inputs):
    layer = dense_layer()
    theirs = keras.layers.Dense(6)
    theirs.build((None, None, 8))
    theirs.set_weights(layer.get_weights())
    np.testing.assert_allclose(layer(inputs), theirs(inputs), rtol=1e-6)
    assert layer(inputs).shape == (2, 5, 6)
    assert layer(inputs[0, 0][None]).shape == (1, 6)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16", "bfloat16"])
@pytest.mark.parametrize("output_dtype", [None, "float32"])
def test_output_dtype(inputs, policy, output_dtype):
    layer = dense_layer(dtype=policy, output_dtype=output_dtype)
    outputs = layer(inputs)
    assert outputs.dtype == (output_dtype or layer.compute_dtype)
    np.testing.assert_allclose(
        tf.cast(outputs, tf.float32), expected(layer, inputs), atol=0.1, rtol=0.02
    )


def test_float16_saturates_or_widens():
    layer = dense_layer(units=2, in_dim=2, dtype="mixed_float16")
    wide = dense_layer(units=2, in_dim=2, dtype="mixed_float16", output_dtype="float32")
    for one in (layer, wide):
        one.kernel.assign([[1000.0, -1000.0], [1000.0, 1.0]])
    inputs = np.array([[[300.0, 300.0]]], "float32")
    np.testing.assert_array_equal(layer(inputs)[0, 0], [65504, -65504])
    np.testing.assert_allclose(wide(inputs)[0, 0], [6e5 - 1, -299700 + 1], rtol=1e-3)


def test_saturate_does_not_change_other_dtypes():
    infinite = tf.constant([np.inf, 1.0])
    assert saturate(infinite) is infinite
    np.testing.assert_array_equal(saturate(tf.cast(infinite, tf.float16)), [65504, 1])


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("adapted", [False, True])
def test_frozen_weights_give_the_same(inputs, policy, quantized, adapted):
    layer = dense_layer(dtype=policy)
    if quantized and policy == "mixed_float16":
        with pytest.raises(ValueError, match=r"int8.*float16"):
            layer.quantize("int8")
        return
    if quantized:
        layer.quantize("int8")
    if adapted:
        layer.enable_lora(2)
        layer.lora_kernel_b.assign(np.ones(layer.lora_kernel_b.shape))
    np.testing.assert_array_equal(layer.freeze()(inputs), layer(inputs))


def test_int8_is_close_to_float(inputs):
    layer = dense_layer()
    before = layer(inputs)
    layer.quantize("int8")
    np.testing.assert_allclose(layer(inputs), before, atol=0.05)
    assert layer.freeze().kernel.dtype == tf.int8


@pytest.mark.parametrize(
    ("policy", "quantized"),
    [
        ("float32", False),
        ("mixed_float16", False),
        ("mixed_bfloat16", False),
        ("float32", True),
        ("mixed_bfloat16", True),
    ],
)
def test_adapter_changes_the_output_and_is_trained(inputs, policy, quantized):
    layer = dense_layer(dtype=policy, output_dtype="float32")
    if quantized:
        layer.quantize("int8")
    before = layer(inputs)
    layer.enable_lora(2, lora_alpha=4)
    np.testing.assert_allclose(layer(inputs), before, atol=1e-2)  # it starts as zeros
    layer.lora_kernel_b.assign(np.full(layer.lora_kernel_b.shape, 0.3))
    delta = 2 * inputs @ np.asarray(layer.lora_kernel_a) @ np.full((2, 6), 0.3)
    np.testing.assert_allclose(layer(inputs) - before, delta, atol=0.1)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(layer(inputs)))
    gradients = tape.gradient(loss, [w.value for w in layer.trainable_weights])
    assert {w.name for w in layer.trainable_weights} == {"bias", "lora_kernel_a", "lora_kernel_b"}
    assert all(float(tf.norm(gradient)) > 0 for gradient in gradients)


def test_int8_passes_the_gradient_of_the_float_product(inputs):
    layer = dense_layer()
    gradients = []
    for mode in (None, "int8"):
        if mode:
            layer.quantize(mode)
        states = tf.constant(inputs)
        with tf.GradientTape() as tape:
            tape.watch(states)
            loss = tf.reduce_sum(tf.square(layer(states)))
        gradients.append(tape.gradient(loss, states).numpy())
    assert cosine(*gradients) > 0.999
    assert np.linalg.norm(gradients[1]) == pytest.approx(np.linalg.norm(gradients[0]), rel=0.02)


@pytest.mark.parametrize("transposed", [False, True])
def test_int8_product_and_its_gradient_in_xla(transposed):
    random = np.random.default_rng(1)
    rows = random.normal(size=(4, 8)).astype("float32")
    kernel = random.normal(size=(8, 6)).astype("float32")
    scale = 127 / np.abs(kernel).max(axis=0)
    quantized = np.round(kernel * scale).astype("int8")
    stored = tf.constant(quantized.T if transposed else quantized)

    @tf.function(jit_compile=True)
    def run(rows):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            outputs = int8_product(rows, stored, tf.constant(scale, tf.float32), transposed)
        return outputs, tape.gradient(outputs, rows)

    outputs, gradient = run(tf.constant(rows))
    np.testing.assert_allclose(outputs, rows @ kernel, atol=0.15)
    np.testing.assert_allclose(gradient, np.ones((4, 6)) @ kernel.T, atol=0.1)


def test_other_quantizations_are_refused():
    with pytest.raises(ValueError, match="mode='float8' must be 'int8'"):
        dense_layer().quantize("float8")


def test_configuration_survives_saving(tmp_path, inputs):
    outer = keras.Sequential([keras.Input((5, 8)), PegasusDense(6, output_dtype="float32")])
    path = tmp_path / "dense.keras"
    outer.save(path)
    loaded = keras.models.load_model(path)
    np.testing.assert_array_equal(loaded(inputs), outer(inputs))
    assert loaded.layers[0].output_dtype == "float32"


def test_unknown_lengths_keep_their_shape():
    layer = dense_layer()

    @tf.function(input_signature=[tf.TensorSpec((None, None, 8))])
    def run(states):
        outputs = layer(states)
        assert outputs.shape.as_list() == [None, None, 6]
        return outputs

    assert run(tf.ones((2, 3, 8))).shape == (2, 3, 6)
