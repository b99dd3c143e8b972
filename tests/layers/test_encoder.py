import keras
import numpy as np
import pytest
from helpers.tiny import tiny_config

from tf_pegasus import (
    TFPegasusEncoder,
)


def test_layerdrop_of_one_skips_every_layer(batch):
    config = tiny_config(encoder_layerdrop=1.0, dropout=0.0)
    encoder = TFPegasusEncoder(config)
    skipped = encoder(batch["input_ids"], training=True).last_hidden_state
    expected = encoder.layer_norm(encoder.embed(batch["input_ids"]))
    np.testing.assert_allclose(skipped, expected, atol=1e-6)
    assert not np.allclose(encoder(batch["input_ids"]).last_hidden_state, expected)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_layers_behind_it_ignore_padding(config, policy):
    ids = keras.Input((None,), dtype="int32")
    mask = keras.Input((None,), dtype="int32")
    states = TFPegasusEncoder(config, dtype=policy)(ids, attention_mask=mask).last_hidden_state
    pooled = keras.Model([ids, mask], keras.layers.GlobalAveragePooling1D(dtype=policy)(states))
    rows = np.array([[3, 4, 5], [6, 7, 1]], "int32")
    longer = np.pad(rows, [(0, 0), (0, 2)], constant_values=9)
    expected = pooled([rows, np.ones_like(rows)])
    masked = pooled([longer, np.pad(np.ones_like(rows), [(0, 0), (0, 2)])])
    np.testing.assert_allclose(masked, expected, atol=1e-6)


def test_output_shapes(config, model):
    encoder = TFPegasusEncoder(config)
    expected = {"last_hidden_state": (2, 7, 16)}
    assert dict(encoder.compute_output_shape((2, 7))) == expected
    shapes = {"input_ids": (2, 7), "attention_mask": (2, 7)}
    assert dict(encoder.compute_output_shape(shapes)) == expected
    shapes = model.compute_output_shape([(2, 7), (2, 7), (2, 4)])
    assert shapes["logits"] == (2, 4, 60)
