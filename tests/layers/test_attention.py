import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import tiny_config

from tf_pegasus import TFPegasusForCausalLM, TFPegasusForConditionalGeneration


@pytest.mark.parametrize(
    ("attention", "mask"),
    [
        (None, {"head_mask": [[0, 1]]}),
        ("decoder", {"decoder_head_mask": [[1, 1], [1, 0]]}),
        ("cross", {"cross_attn_head_mask": [[1, 0], [1, 1]]}),
    ],
)
def test_pruned_heads_equal_masked_ones(batch, attention, mask):
    model = TFPegasusForConditionalGeneration(tiny_config(init_std=0.5, dropout=0.0))
    expected = model(batch, **{name: np.array(rows) for name, rows in mask.items()}).logits
    assert np.abs(expected - model(batch).logits).max() > 1e-3
    rows = np.array(next(iter(mask.values())))
    heads = {int(layer): [int(head)] for layer, head in np.argwhere(rows == 0)}
    model.prune_heads(heads, attention)
    np.testing.assert_allclose(model(batch).logits, expected, atol=2e-5)


def test_pruned_heads_stay_pruned_in_training(batch):
    model = TFPegasusForConditionalGeneration(tiny_config(init_std=0.5))
    model.prune_heads({0: [1]})
    attention = model.get_encoder().layers[0].self_attn
    pruned = (attention.v_proj.kernel, attention.v_proj.bias, attention.out_proj.kernel)
    with tf.GradientTape() as tape:
        loss = model(batch, training=True).loss
    values, biases, outputs = tape.gradient(loss, [w.value for w in pruned])
    assert not np.any(values[:, 8:])
    assert not np.any(biases[8:])
    assert not np.any(outputs[8:])
    assert np.any(values[:, :8])
    assert np.any(outputs[:8])


def test_heads_that_cannot_be_pruned(config):
    model = TFPegasusForConditionalGeneration(config)
    for heads, attention, message in (
        ({0: [2]}, None, "there is no head 2: there are 2"),
        ({1: [0]}, None, "heads_to_prune has the layer 1: there are 1 layers"),
        ({0: [0]}, "self", "attention='self' must be one of encoder, decoder, cross"),
    ):
        with pytest.raises(ValueError, match=message):
            model.prune_heads(heads, attention)
    with pytest.raises(ValueError, match="attention='encoder' must be one of decoder, cross"):
        TFPegasusForCausalLM(config).prune_heads({0: [0]}, "encoder")
    model.get_encoder().layers[0].self_attn.v_proj.enable_lora(2)
    with pytest.raises(ValueError, match=r"before quantize\(\) and enable_lora\(\)"):
        model.prune_heads({0: [0]})
