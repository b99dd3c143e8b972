"""Weights whose products overflow float16."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import EVERYTHING

from tf_pegasus import (
    TFPegasusForConditionalGeneration,
)


def overflowing(model):
    """Scales weights until plain float16 overflows: feed-forward outputs beyond 65,504."""
    for stack in model.get_stacks().values():
        for layer in stack.layers:
            layer.feed_forward.fc1.kernel.assign(layer.feed_forward.fc1.kernel * 8000)
            layer.feed_forward.fc2.kernel.assign(layer.feed_forward.fc2.kernel * 8000)
            for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
                kernel = getattr(layer.self_attn, name).kernel
                kernel.assign(kernel * 8000)
    return model


def test_the_scaled_weights_overflow_plain_float16(config, batch):
    model = overflowing(TFPegasusForConditionalGeneration(config))
    layer = model.get_encoder().layers[0]
    states = layer.final_layer_norm(model.get_encoder().embed(tf.constant(batch["input_ids"])))
    wide = layer.feed_forward(states)
    assert np.abs(wide).max() > 2 * 65504
    # As `transformers` would compute it: all products and sums in float16.
    narrow = tf.cast(states, tf.float16)
    for dense in (layer.feed_forward.fc1, layer.feed_forward.fc2):
        narrow = tf.nn.relu(tf.matmul(narrow, tf.cast(dense.kernel, tf.float16)))
    assert np.isinf(narrow).any()


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_weights_that_overflow_float16_train_and_generate(config, batch, policy):
    wide = overflowing(TFPegasusForConditionalGeneration(config))
    model = TFPegasusForConditionalGeneration(config, dtype=policy)
    model.set_weights(wide.get_weights())
    outputs, expected = model(batch, **EVERYTHING), wide(batch, **EVERYTHING)
    assert all(np.isfinite(part).all() for part in tf.nest.flatten(outputs))
    # Not only finite: sums beyond float16's range are correct.
    state = expected.encoder_hidden_states[0]
    fed = wide.get_encoder().layers[0].feed_forward(state)
    ours = model.get_encoder().layers[0].feed_forward(state)
    assert np.abs(fed).max() > 65504
    np.testing.assert_allclose(ours, fed, atol=0.02 * np.abs(fed).max())
    generated = model.generate(
        batch["input_ids"], num_beams=2, max_length=8, return_dict_in_generate=True
    )
    assert np.isfinite(generated.sequences_scores).all()
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    losses = model.fit(batch, epochs=30, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.95 * losses[0]
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def test_float16_scales_its_loss_and_learns(config, batch):
    model = TFPegasusForConditionalGeneration(config, dtype="mixed_float16")
    model.compile(keras.optimizers.Adam(1e-2))
    losses = model.fit(batch, epochs=15, verbose=0).history["loss"]
    assert type(model.optimizer).__name__ == "LossScaleOptimizer"
    assert losses[-1] < 0.9 * losses[0]
