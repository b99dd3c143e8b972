import numpy as np
import tensorflow as tf
from helpers.tiny import tiny_config

from tf_pegasus import (
    TFPegasusModel,
)
from tf_pegasus.layers.embeddings import sinusoidal_positions


def test_positions_follow_their_formulas():
    ours = sinusoidal_positions(7, 6)
    for position in range(7):
        for i in range(3):
            angle = position / 10000 ** (2 * i / 6)
            np.testing.assert_allclose(ours[position, [i, 3 + i]], [np.sin(angle), np.cos(angle)])
    original = sinusoidal_positions(7, 6, "original")
    np.testing.assert_allclose(original[5, 1], np.sin(5 / 10000 ** (1 / 2)), rtol=1e-6)


def test_embeddings_replace_ids(source, target):
    model = TFPegasusModel(tiny_config(scale_embedding=True))
    table = model.get_input_embeddings()
    embeds = {
        "inputs_embeds": table(tf.constant(source["input_ids"])) * 4,  # sqrt(d_model = 16)
        "decoder_inputs_embeds": table(tf.constant(target)) * 4,
    }
    expected = model(source, decoder_input_ids=target)
    found = model(attention_mask=source["attention_mask"], **embeds)
    np.testing.assert_allclose(found[0], expected[0], atol=1e-6)
