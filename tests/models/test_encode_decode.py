import numpy as np
import pytest
from helpers.tiny import EVERYTHING, tiny_config

from tf_pegasus import (
    TFPegasusForConditionalGeneration,
)


def test_encode_then_decode_equals_the_call(config, source, target):
    model = TFPegasusForConditionalGeneration(config)
    whole = model(source, decoder_input_ids=target, **EVERYTHING)
    encoded = model.encode(source, **EVERYTHING)
    decoded = model.decode(target, encoded, source["attention_mask"], **EVERYTHING)
    np.testing.assert_allclose(decoded.logits, whole.logits, atol=1e-6)
    assert type(decoded).__name__ == "TFCausalLMOutputWithCrossAttentions"
    assert list(decoded) == [
        "logits",
        "past_key_values",
        "hidden_states",
        "attentions",
        "cross_attentions",
    ]
    bare = model.model.decode(target, encoded, source["attention_mask"], return_dict=False)
    np.testing.assert_allclose(bare[0], decoded.hidden_states[-1], atol=1e-6)


def test_decoding_that_is_not_deterministic_applies_dropout(source, target):
    model = TFPegasusForConditionalGeneration(tiny_config(dropout=0.5))
    encoded = model.encode(**source)
    logits = [
        model.decode(target, encoded, deterministic=value).logits for value in (True, True, False)
    ]
    np.testing.assert_array_equal(logits[0], logits[1])
    assert np.abs(logits[2] - logits[0]).max() > 1e-3
    assert np.abs(model.model.decode(target, encoded, deterministic=False)[0]).max() > 0


def test_positions_of_the_source_can_be_given(config, source, target):
    model = TFPegasusForConditionalGeneration(config)
    ids = source["input_ids"]
    shifted = np.broadcast_to(np.arange(3, 3 + ids.shape[1]), ids.shape)
    encoder = model.get_encoder()
    states = encoder(ids, position_ids=shifted).last_hidden_state
    # The same embeddings, with the sum of their positions given as inputs.
    tables = encoder.embed_positions.table
    embedded = encoder.embed_tokens(ids) + tables[shifted] - tables[: ids.shape[1]]
    expected = encoder(inputs_embeds=embedded).last_hidden_state
    np.testing.assert_allclose(states, expected, atol=1e-5)
    assert np.abs(states - encoder(ids).last_hidden_state).max() > 1e-3
    np.testing.assert_array_equal(model.encode(ids, None, shifted).last_hidden_state, states)
    whole = model(ids, decoder_input_ids=target, position_ids=shifted)
    np.testing.assert_array_equal(whole.encoder_last_hidden_state, states)


def test_dropout_is_asked_for_once(model, batch, target):
    encoded = model.encode(batch["input_ids"])
    for options in (
        {"deterministic": True, "training": True},
        dict.fromkeys(("deterministic", "training"), False),
    ):
        with pytest.raises(ValueError, match="contradict"):
            model.decode(target, encoded, **options)
    model.decode(target, encoded, deterministic=True, training=False)
