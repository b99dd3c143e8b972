import numpy as np
import pytest
import tensorflow as tf

from tf_pegasus.layers.beam_attention import attend_to_part
from tf_pegasus.layers.beam_cache import BeamCache, BeamMemory
from tf_pegasus.layers.kv_cache import CrossAttentionMemory, attend

BATCH, BEAMS, HEADS, WIDTH = 2, 3, 2, 4


def copying_cache(history):
    """Returns keys and values of each beam, `(batch, beams, heads, length, width)`.

    They are those of a cache that copies a hypothesis' past in every reordering.
    """
    keys = values = None
    for parents, new_keys, new_values in history:
        if keys is not None:
            keys = np.stack([k[p] for k, p in zip(keys, parents, strict=True)])
            values = np.stack([v[p] for v, p in zip(values, parents, strict=True)])
        new_keys, new_values = (
            part.transpose(0, 2, 1, 3)[:, :, :, None] for part in (new_keys, new_values)
        )
        keys = new_keys if keys is None else np.concatenate([keys, new_keys], axis=3)
        values = new_values if values is None else np.concatenate([values, new_values], axis=3)
    return keys, values


# XLA compiles a step for every position outside of a loop, so it runs few.
@pytest.mark.parametrize(("positions", "jit_compile"), [(7, False), (7, True), (100, False)])
def test_beams_see_the_past_of_their_ancestors(positions, jit_compile):
    random = np.random.default_rng(positions)
    cache = BeamCache.empty(1, BATCH, BEAMS, HEADS, positions, WIDTH, tf.float32)
    assert len(cache.layers[0]) == {7: 1, 100: 2}[positions]

    @tf.function(jit_compile=jit_compile)
    def step(blocks, ancestors, parents, position, query, keys, values):
        cache = BeamCache((blocks,), ancestors).reordered(parents)
        cache, (layer,) = cache.at(position)
        context, weights, layer = layer.attend(query, lambda: (keys, values))
        return context, weights, layer.blocks, cache.ancestors

    history = []
    blocks, ancestors = cache.layers[0], cache.ancestors
    for position in range(positions):
        parents = random.integers(0, BEAMS, (BATCH, BEAMS)).astype("int32")
        query, keys, values = random.normal(size=(3, BATCH, HEADS, BEAMS, WIDTH)).astype("float32")
        history.append((parents, keys, values))
        context, weights, blocks, ancestors = step(
            blocks, ancestors, parents, tf.constant(position), query, keys, values
        )
        if position not in (0, 1, 6, 49, 50, 51, 99):
            continue
        own_keys, own_values = copying_cache(history)
        expected = attend(
            query.transpose(0, 2, 1, 3)[:, :, :, None],
            tf.constant(own_keys),
            tf.constant(own_values),
        )[0]
        np.testing.assert_allclose(
            tf.transpose(context, (0, 2, 1, 3)), expected[:, :, :, 0], atol=1e-5
        )
        np.testing.assert_allclose(tf.reduce_sum(weights, -1), np.ones(context.shape[:3]), 1e-5)


def test_beams_share_the_source():
    random = np.random.default_rng(0)
    keys, values = random.normal(size=(2, BATCH, HEADS, 5, WIDTH)).astype("float32")
    query = random.normal(size=(BATCH, HEADS, BEAMS, WIDTH)).astype("float32")
    mask = tf.constant([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]) > 0
    memory = CrossAttentionMemory(mask[:, None, None], tf.constant(keys), tf.constant(values))
    context, weights, _ = memory.attend(query, None)
    beams = BeamMemory.of(memory)
    shared, shared_weights, after = beams.attend(query, None)
    assert after is beams
    np.testing.assert_allclose(shared, context, atol=1e-6)
    np.testing.assert_allclose(shared_weights, weights, atol=1e-6)


def test_a_head_mask_scales_weights_and_context():
    random = np.random.default_rng(4)
    query, new = random.normal(size=(2, BATCH, HEADS, BEAMS, WIDTH)).astype("float32")
    cache = BeamCache.empty(1, BATCH, BEAMS, HEADS, 4, WIDTH, tf.float32)
    _, (layer,) = cache.at(tf.constant(0))
    factors = tf.range(HEADS, dtype=tf.float32)[:, None, None]
    context, weights, _ = layer.attend(query, lambda: (new, new))
    masked = layer.attend(query, lambda: (new, new), lambda w: (w * factors, w * factors))
    np.testing.assert_allclose(masked[0], context * factors, atol=1e-6)
    np.testing.assert_allclose(masked[1], weights * factors, atol=1e-6)


def test_invisible_positions_have_no_weight():
    random = np.random.default_rng(5)
    cache = BeamCache.empty(1, 1, 2, 1, 3, WIDTH, tf.float32)
    visible = tf.constant([[False, True, True]])
    for position in (0, 1):
        new = tf.constant(random.normal(size=(1, 1, 2, WIDTH)).astype("float32"))
        cache, (layer,) = cache.at(tf.constant(position), visible)
        context, weights, layer = layer.attend(new, lambda new=new: (new, new))
        cache = cache._replace(layers=(layer.blocks,))
    # Each beam sees its own slot of position 1 alone.
    np.testing.assert_array_equal(weights[0, 0], [[0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0]])
    np.testing.assert_allclose(context, new)


def test_parts_merge_to_the_whole_softmax():
    random = np.random.default_rng(3)
    query = random.normal(size=(1, 1, 2, WIDTH)).astype("float32") * 5
    keys, values = random.normal(size=(2, 1, 1, 6, WIDTH)).astype("float32")
    whole = attend_to_part(query, tf.transpose(keys, (0, 1, 3, 2)), values, 0.0)
    parts = [
        attend_to_part(query, tf.transpose(keys[:, :, part], (0, 1, 3, 2)), values[:, :, part], 0.0)
        for part in (slice(0, 2), slice(2, 6))
    ]
    scaled = [p.denominator * np.exp(p.max_score - whole.max_score) for p in parts]
    np.testing.assert_allclose(sum(scaled), whole.denominator, rtol=1e-5)
    context = sum(p.context * s for p, s in zip(parts, scaled, strict=True)) / sum(scaled)
    np.testing.assert_allclose(context, whole.context, atol=1e-5)
