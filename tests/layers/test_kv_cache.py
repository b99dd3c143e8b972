import numpy as np
import pytest
import tensorflow as tf

from tf_pegasus import (
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
)
from tf_pegasus.layers.kv_cache import StaticCache


def test_a_cache_knows_the_source(config, source, target):
    model = TFPegasusModel(config)
    whole = model(source, decoder_input_ids=target)
    first = model(source, decoder_input_ids=target[:, :3])
    # Neither the source nor its states: only its mask.
    rest = model(
        attention_mask=source["attention_mask"],
        decoder_input_ids=target[:, 3:],
        past_key_values=first.past_key_values,
    )
    np.testing.assert_allclose(rest[0], whole[0][:, 3:], atol=1e-5)
    assert rest.encoder_last_hidden_state is None


def test_cached_decoding_with_masks_and_positions_equals_the_whole(config, source, target):
    model = TFPegasusModel(config)
    mask = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 0]])
    positions = np.array([[0, 2, 4, 6]] * 3)
    whole = model(
        source,
        decoder_input_ids=target,
        decoder_attention_mask=mask,
        decoder_position_ids=positions,
    )
    past, pieces = None, []
    for start, end in ((0, 2), (2, 3), (3, 4)):
        outputs = model(
            source,
            decoder_input_ids=target[:, start:end],
            decoder_attention_mask=mask[:, :end],
            decoder_position_ids=positions[:, start:end],
            past_key_values=past,
        )
        past = outputs.past_key_values
        pieces.append(outputs[0])
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole[0], atol=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_loop_over_a_static_cache_compiles(config, source, target, jit_compile):
    model = TFPegasusForConditionalGeneration(config)
    whole = model(source, decoder_input_ids=target).logits

    @tf.function(jit_compile=jit_compile)
    def decode(ids, mask, decoder_ids):
        encoded = model.encode(ids, mask)
        cache = model.init_cache(3, 4, encoded)

        def step(i, cache, logits):
            outputs = model.decode(decoder_ids[:, i : i + 1], encoded, mask, past_key_values=cache)
            here = (tf.range(4) == i)[:, None]
            return i + 1, outputs.past_key_values, tf.where(here, outputs.logits, logits)

        start = (tf.constant(0), cache, tf.zeros((3, 4, config.vocab_size)))
        return tf.while_loop(lambda i, *_: i < 4, step, start)[2]

    logits = decode(*map(tf.constant, (*source.values(), target)))
    np.testing.assert_allclose(logits, whole, atol=1e-5)


def test_a_full_static_cache_is_refused(config, source, target):
    model = TFPegasusModel(config)
    encoded = model.encode(**source)
    cache = model.init_cache(3, 3, encoded)
    assert isinstance(cache, StaticCache)
    cache = model.decode(target[:, :3], encoded, past_key_values=cache).past_key_values
    assert int(cache.length) == 3
    with pytest.raises(ValueError, match=r"past_key_values is full.*\(3, 4\)"):
        model.decode(target[:, 3:], encoded, past_key_values=cache)
