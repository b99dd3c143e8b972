"""Attention of beams, with one new position each, to keys that they share.

The softmax over all keys is computed in parts, which are merged at the end (Milakov and
Gimelshein, 2018); parts without positions are skipped.
"""

from typing import NamedTuple

import tensorflow as tf

from tf_pegasus.layers.dense import saturate

# Added to the scores of keys that a beam must not see. Finite, so that the sum or difference of
# two such scores is never NaN.
HIDDEN = -1e9


class PartialSoftmax(NamedTuple):
    """The result of attention to one part of the keys; all fields are float32.

    Fields:
        context: `(batch, heads, beams, head_dim)`, mean of the part's values by their weights.
        weights: `(batch, heads, beams, keys)`, softmax of the scores.
        max_score: `(batch, heads, beams, 1)`.
        denominator: `(batch, heads, beams, 1)`, sum of exp(score - max_score).
    """

    context: tf.Tensor
    weights: tf.Tensor
    max_score: tf.Tensor
    denominator: tf.Tensor


def attend_to_part(query, keys, values, mask):
    """Attends to one part of the keys.

    Args:
        query: `(batch, heads, beams, head_dim)`, scaled.
        keys: `(batch, heads, head_dim, keys)`.
        values: `(batch, heads, keys, head_dim)`.
        mask: float32, added to the scores: broadcastable to `(batch, heads, beams, keys)`.

    Returns:
        A `PartialSoftmax`. If the mask hides all keys, the context is the mean of the values.
    """
    scores = tf.cast(saturate(tf.matmul(query, keys)), tf.float32) + mask
    max_score = tf.reduce_max(scores, axis=-1, keepdims=True)
    exponents = tf.exp(scores - max_score)
    denominator = tf.reduce_sum(exponents, axis=-1, keepdims=True)
    weights = exponents / denominator
    context = tf.matmul(tf.cast(weights, values.dtype), values)
    return PartialSoftmax(tf.cast(context, tf.float32), weights, max_score, denominator)


def attend_to_blocks(query, blocks, views):
    """Attends to those blocks of a layer's cache that hold any positions.

    Args:
        query: `(batch, heads, beams, head_dim)`, scaled.
        blocks, views: see `tf_pegasus.layers.beam_cache`.

    Returns:
        A tuple of the context, float32 `(batch, heads, beams, head_dim)`, and the weights, float32
        `(batch, heads, beams, slots)`.
    """
    parts = [attend_to_part(query, *blocks[0], views[0].mask)]
    for block, view in zip(blocks[1:], views[1:], strict=True):
        parts.append(
            tf.cond(
                view.is_reached,
                lambda block=block, view=view: attend_to_part(query, *block, view.mask),
                lambda view=view: _empty_part(parts[0], view),
            )
        )
    if len(parts) == 1:
        return parts[0].context, parts[0].weights
    max_score = tf.reduce_max(tf.stack([part.max_score for part in parts]), axis=0)
    shares = [part.denominator * tf.exp(part.max_score - max_score) for part in parts]
    denominator = tf.add_n(shares)
    shares = [share / denominator for share in shares]
    context = tf.add_n([p.context * share for p, share in zip(parts, shares, strict=True)])
    weights = [p.weights * share for p, share in zip(parts, shares, strict=True)]
    return context, tf.concat(weights, axis=-1)


def _empty_part(part, view):
    """Returns the `PartialSoftmax` of a block without positions, whose share is zero."""
    shape = tf.concat([tf.shape(part.weights)[:-1], tf.shape(view.mask)[-1:]], axis=0)
    return PartialSoftmax(
        context=tf.zeros_like(part.context),
        weights=tf.zeros(shape),
        max_score=tf.fill(tf.shape(part.max_score), 2 * HIDDEN),
        denominator=tf.zeros_like(part.denominator),
    )
