import numpy as np
import pytest
import tensorflow as tf

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
    """Equation 1 of Vaswani et al., row by row."""
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


def test_attention_is_the_equation(parts):
    query, keys, values = parts
    visible = np.broadcast_to(causal(), (BATCH, LENGTH, LENGTH))
    context, weights = attend(query, keys, values, tf.constant(visible[:, None]))
    expected = plain_attention(*(part.numpy() for part in parts), visible)
    np.testing.assert_allclose(context, expected[0], atol=1e-5)
    np.testing.assert_allclose(weights, expected[1], atol=1e-6)


def test_a_row_that_sees_nothing_gets_the_mean(parts):
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


def test_all_kinds_agree_on_one_position_after_the_other(parts):
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


def test_a_memory_projects_nothing(parts):
    query, keys, values = parts

    def project():
        raise AssertionError("a memory is complete")

    memory = CrossAttentionMemory(None, keys, values)
    context, _, after = memory.attend(query[:, :, :2], project)
    assert after is memory
    np.testing.assert_allclose(context, attend(query[:, :, :2], keys, values)[0])


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("start", [0, 2, 4])
def test_positions_are_written_in_their_place(count, start):
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
