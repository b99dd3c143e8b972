"""Attention of beams, one new position each, to keys that they share.

The softmax over all keys is taken in parts, which are merged at the end (Milakov and
Gimelshein, 2018): parts that hold nothing yet are left out.
"""

from typing import NamedTuple

import tensorflow as tf

from tf_pegasus.layers.beam_cache import HIDDEN
from tf_pegasus.layers.half_precision import finite


class Part(NamedTuple):
    """What a part of the keys contributes; all float32.

    Fields:
        context: `(batch, heads, beams, head_dim)`, the mean of its values by their weights.
        weights: `(batch, heads, beams, keys)`, softmax of the scores.
        greatest: `(batch, heads, beams, 1)`, the greatest score.
        total: `(batch, heads, beams, 1)`, sum of exp(score - greatest).
    """

    context: tf.Tensor
    weights: tf.Tensor
    greatest: tf.Tensor
    total: tf.Tensor


def attend_to(query, keys, values, mask):
    """Attends to one part.

    Args:
        query: `(batch, heads, beams, head_dim)`, scaled.
        keys: `(batch, heads, head_dim, keys)`.
        values: `(batch, heads, keys, head_dim)`.
        mask: float32, added to the scores: broadcastable to `(batch, heads, beams, keys)`.

    Returns:
        A `Part`. Where the mask hides all keys the context is some mean of the values.
    """
    scores = tf.cast(finite(tf.matmul(query, keys)), tf.float32) + mask
    greatest = tf.reduce_max(scores, axis=-1, keepdims=True)
    exponents = tf.exp(scores - greatest)
    total = tf.reduce_sum(exponents, axis=-1, keepdims=True)
    weights = exponents / total
    context = tf.matmul(tf.cast(weights, values.dtype), values)
    return Part(tf.cast(context, tf.float32), weights, greatest, total)


def attend_to_blocks(query, blocks, views):
    """Attends to those blocks of a layer's cache that hold positions.

    Args:
        query: `(batch, heads, beams, head_dim)`, scaled.
        blocks, views: see `tf_pegasus.layers.beam_cache`.

    Returns:
        float32 context `(batch, heads, beams, head_dim)`, and the weights
        `(batch, heads, beams, slots)`.
    """
    parts = [attend_to(query, *blocks[0], views[0].mask)]
    for block, view in zip(blocks[1:], views[1:], strict=True):
        parts.append(
            tf.cond(
                view.is_reached,
                lambda block=block, view=view: attend_to(query, *block, view.mask),
                lambda view=view: _nothing(parts[0], view),
            )
        )
    if len(parts) == 1:
        return parts[0].context, parts[0].weights
    greatest = tf.reduce_max(tf.stack([part.greatest for part in parts]), axis=0)
    shares = [part.total * tf.exp(part.greatest - greatest) for part in parts]
    whole = tf.add_n(shares)
    shares = [share / whole for share in shares]
    context = tf.add_n([p.context * share for p, share in zip(parts, shares, strict=True)])
    weights = [p.weights * share for p, share in zip(parts, shares, strict=True)]
    return context, tf.concat(weights, axis=-1)


def _nothing(part, view):
    """The `Part` of a block without positions: its share is zero."""
    shape = tf.concat([tf.shape(part.weights)[:-1], tf.shape(view.mask)[-1:]], axis=0)
    return Part(
        context=tf.zeros_like(part.context),
        weights=tf.zeros(shape),
        greatest=tf.fill(tf.shape(part.greatest), 2 * HIDDEN),
        total=tf.zeros_like(part.total),
    )
