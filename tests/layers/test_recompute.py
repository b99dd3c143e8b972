import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import tiny_config

from tf_pegasus import (
    TFPegasusForConditionalGeneration,
)


def gradients(model, batch):
    keras.utils.set_random_seed(5)
    for layer in model._flatten_layers():
        if hasattr(layer, "seed_generator"):
            layer.seed_generator.state.assign([7, 0])
    with tf.GradientTape() as tape:
        loss = model(batch, training=True).loss
    return loss, tape.gradient(loss, [w.value for w in model.trainable_weights])


def test_gradient_checkpointing_can_be_switched_on_and_off(batch):
    dropout = {"dropout": 0.3, "attention_dropout": 0.2, "activation_dropout": 0.2}
    model = TFPegasusForConditionalGeneration(tiny_config(encoder_layers=2, **dropout))
    # One random draw per layer is what checkpointing can repeat: seeds of later layers differ.
    plain_loss, plain = gradients(model, batch)
    model.gradient_checkpointing_enable()
    loss, found = gradients(model, batch)
    assert np.isfinite(loss)
    model.gradient_checkpointing_disable()
    again_loss, again = gradients(model, batch)
    np.testing.assert_allclose(again_loss, plain_loss)
    np.testing.assert_allclose(again[3], plain[3])
    assert all(gradient is not None for gradient in found)


def test_checkpointed_gradients_are_those_of_the_loss(batch):
    """Compared with finite differences of the loss, with the same dropout in both runs."""
    model = TFPegasusForConditionalGeneration(tiny_config(dropout=0.4, attention_dropout=0.3))
    model.gradient_checkpointing_enable()
    _, found = gradients(model, batch)
    index = next(i for i, w in enumerate(model.trainable_weights) if w.path.endswith("fc2/kernel"))
    weight = model.trainable_weights[index]
    direction = np.random.default_rng(0).normal(size=weight.shape).astype("float32")
    # Steep enough for differences of float32 sums to be meaningful.
    start, step = weight.numpy(), 1e-2
    losses = []
    for sign in (1, -1):
        weight.assign(start + sign * step * np.abs(direction) * np.sign(found[index]))
        losses.append(float(gradients(model, batch)[0][0]))
    slope = (losses[0] - losses[1]) / (2 * step)
    expected = np.sum(np.abs(found[index]) * np.abs(direction))
    np.testing.assert_allclose(slope, expected, rtol=2e-2)


def test_checkpointing_without_dropout_is_exact(batch):
    model = TFPegasusForConditionalGeneration(tiny_config(dropout=0.0))
    plain_loss, plain = gradients(model, batch)
    model.gradient_checkpointing_enable()
    loss, found = gradients(model, batch)
    np.testing.assert_allclose(loss, plain_loss, rtol=1e-6)
    for ours, theirs in zip(found, plain, strict=True):
        np.testing.assert_allclose(
            tf.convert_to_tensor(ours), tf.convert_to_tensor(theirs), atol=1e-5
        )


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_fit_learns_with_gradient_checkpointing(batch, policy):
    model = TFPegasusForConditionalGeneration(
        tiny_config(dropout=0.1, encoder_layerdrop=0.2), dtype=policy
    )
    model.gradient_checkpointing_enable()
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    losses = model.fit(batch, epochs=15, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
