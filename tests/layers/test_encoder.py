import numpy as np
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
