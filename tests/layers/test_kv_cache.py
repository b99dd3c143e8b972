import numpy as np
import pytest
import tensorflow as tf

from tf_pegasus import (
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
)
from tf_pegasus.layers.kv_cache import (
    CrossAttentionMemory,
    GrowingCache,
    StaticCache,
    StaticLayerCache,
    attend,
    past_length,
    write_positions,
)

BATCH, HEADS, LENGTH, WIDTH = 2, 3, 5, 4


@pytest.fixture
def parts():
    random = np.random.default_rng(0)
    return [
        tf.constant(random.normal(size=(BATCH, HEADS, LENGTH, WIDTH)), tf.float32) for _ in range(3)
    ]


def plain_attention(query, keys, values, visible):
    """Computes equation 1 of Vaswani et al. row by row."""
    context = np.zeros(query.shape)
    weights = np.zeros((*query.shape[:3], keys.shape[2]))
    for place in np.ndindex(*query.shape[:3]):
        batch, head, position = place
        scores = keys[batch, head] @ query[place]
        scores = np.where(visible[batch, position], scores, -1e30)
        exponents = np.exp(scores - scores.max())
        weights[place] = exponents / exponents.sum()
        context[place] = weights[place] @ values[batch, head]
    return context, weights


def causal():
    return np.tril(np.ones((LENGTH, LENGTH), bool))


def test_attention_equals_the_equation(parts):
    query, keys, values = parts
    visible = np.broadcast_to(causal(), (BATCH, LENGTH, LENGTH))
    context, weights = attend(query, keys, values, tf.constant(visible[:, None]))
    expected = plain_attention(*(part.numpy() for part in parts), visible)
    np.testing.assert_allclose(context, expected[0], atol=1e-5)
    np.testing.assert_allclose(weights, expected[1], atol=1e-6)


def test_fully_masked_row_gets_the_mean(parts):
    query, keys, values = parts
    context, weights = attend(query, keys, values, tf.zeros((BATCH, 1, 1, LENGTH), tf.bool))
    np.testing.assert_allclose(weights, np.full(weights.shape, 1 / LENGTH), atol=1e-6)
    np.testing.assert_allclose(context[:, :, 0], tf.reduce_mean(values, axis=2), atol=1e-5)


def test_weights_are_modified_before_the_product(parts):
    query, keys, values = parts
    context, weights = attend(query, keys, values, None, lambda w: (w, w * 0.0))
    assert not np.any(context)
    np.testing.assert_allclose(
        tf.reduce_sum(weights, axis=-1), np.ones((BATCH, HEADS, LENGTH)), rtol=1e-5
    )


def test_all_caches_agree_position_by_position(parts):
    query, keys, values = parts
    whole, whole_weights, _ = GrowingCache(tf.constant(causal()[None, None])).attend(
        query, lambda: (keys, values)
    )
    growing = GrowingCache(None)
    zeros = tf.zeros((BATCH, HEADS, LENGTH + 2, WIDTH))
    static_keys = static_values = zeros
    for position in range(LENGTH):
        here = slice(position, position + 1)
        new = (keys[:, :, here], values[:, :, here])
        context, weights, growing = growing.attend(query[:, :, here], lambda new=new: new)
        np.testing.assert_allclose(context, whole[:, :, here], atol=1e-5)
        np.testing.assert_allclose(
            weights[:, :, 0], whole_weights[:, :, position, : position + 1], atol=1e-6
        )
        visible = tf.range(LENGTH + 2)[None, None, None] <= position
        static = StaticLayerCache(visible, static_keys, static_values, tf.constant(position))
        context, _, static = static.attend(query[:, :, here], lambda new=new: new)
        static_keys, static_values = static.keys, static.values
        np.testing.assert_allclose(context, whole[:, :, here], atol=1e-5)
    assert growing.keys.shape[2] == LENGTH
    np.testing.assert_array_equal(static_keys[:, :, :LENGTH], keys)


def test_memory_does_not_project_keys_and_values(parts):
    query, keys, values = parts

    def project():
        raise AssertionError("a memory is complete")

    memory = CrossAttentionMemory(None, keys, values)
    context, _, after = memory.attend(query[:, :, :2], project)
    assert after is memory
    np.testing.assert_allclose(context, attend(query[:, :, :2], keys, values)[0])


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("start", [0, 2, 4])
def test_positions_are_written_at_their_index(count, start):
    cached = tf.zeros((1, 1, 7, 2))
    new = tf.ones((1, 1, count, 2)) * (1.0 + tf.range(float(count)))[:, None]
    written = write_positions(cached, new, tf.constant(start))[0, 0, :, 0].numpy()
    expected = np.zeros(7)
    expected[start : start + count] = 1 + np.arange(count)
    np.testing.assert_array_equal(written, expected)


def test_past_length():
    keys = tf.zeros((1, 1, 6, 2))
    assert past_length(None) == 0
    assert past_length(((keys, keys),)) == 6
    static = StaticCache(((keys, keys),), tf.constant(4))
    assert int(past_length(static)) == 4
    assert static.max_length == 6


def test_cache_contains_the_source(config, source, target):
    model = TFPegasusModel(config)
    whole = model(source, decoder_input_ids=target)
    first = model(source, decoder_input_ids=target[:, :3])
    # Only the mask of the source, neither the source nor its states.
    rest = model(
        attention_mask=source["attention_mask"],
        decoder_input_ids=target[:, 3:],
        past_key_values=first.past_key_values,
    )
    np.testing.assert_allclose(rest[0], whole[0][:, 3:], atol=1e-5)
    assert rest.encoder_last_hidden_state is None


def test_cached_decoding_with_masks_and_positions_equals_one_call(config, source, target):
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
