"""Key/value caches, and attention to them.

An attention layer passes its query to a cache and does not know its kind. All caches have one
method, which returns `(context, weights, cache)`:

    cache.attend(query, project, modify)

- `query`: `(batch, heads, queries, head_dim)`, scaled;
- `project`: function without arguments that returns the keys and values of the new positions,
  `(batch, heads, queries, head_dim)` each; caches that are complete do not call it;
- `modify`: function that is applied to the attention weights (dropout, a head mask), or None;
- `context`: `(batch, heads, queries, head_dim)`;
- `weights`: float32 `(batch, heads, queries, keys)`;
- `cache`: the cache that includes the new positions.

This module has the caches of whole sequences and of step-by-step decoding, `beam_cache` those
of beam search.
"""

from typing import NamedTuple

import tensorflow as tf

from tf_pegasus.layers.dense import saturate


def attend(query, keys, values, mask=None, modify=None):
    """Scaled dot-product attention (Vaswani et al., 2017, equation 1).

    Args:
        query: `(batch, heads, queries, head_dim)`, scaled.
        keys, values: `(batch, heads, keys, head_dim)`.
        mask: bool, broadcastable to `(batch, heads, queries, keys)`; False hides a key.
        modify: see the module.

    Returns:
        Context in the dtype of `values`, and float32 weights. A row whose mask hides all keys
        gets the mean of the values, never NaN.
    """
    scores = tf.matmul(query, keys, transpose_b=True)  # (batch, heads, queries, keys)
    scores = tf.cast(saturate(scores), tf.float32)
    if mask is not None:
        scores = tf.where(mask, scores, scores.dtype.min)
    weights = tf.nn.softmax(scores)
    weights, dropped = (weights, weights) if modify is None else modify(weights)
    return tf.matmul(tf.cast(dropped, values.dtype), values), weights


class GrowingCache(NamedTuple):
    """Keys and values of all positions so far, to which new ones are concatenated.

    Fields:
        mask: see `attend`, for old and new positions; or None.
        keys, values: `(batch, heads, length, head_dim)`, or None if there is no past.
    """

    mask: tf.Tensor | None
    keys: tf.Tensor | None = None
    values: tf.Tensor | None = None

    def attend(self, query, project, modify=None):
        keys, values = project()
        if self.keys is not None:
            keys = tf.concat([tf.cast(self.keys, keys.dtype), keys], axis=2)
            values = tf.concat([tf.cast(self.values, values.dtype), values], axis=2)
        context, weights = attend(query, keys, values, self.mask, modify)
        return context, weights, GrowingCache(None, keys, values)


class StaticLayerCache(NamedTuple):
    """One layer of a `StaticCache`: a fixed number of positions, into which new ones are written.

    Fields:
        mask: see `attend`, for all allocated positions.
        keys, values: `(batch, heads, max_length, head_dim)`.
        start: int32 scalar, the first new position.
    """

    mask: tf.Tensor
    keys: tf.Tensor
    values: tf.Tensor
    start: tf.Tensor

    def attend(self, query, project, modify=None):
        keys, values = project()
        keys = write_positions(self.keys, keys, self.start)
        values = write_positions(self.values, values, self.start)
        context, weights = attend(query, keys, values, self.mask, modify)
        return context, weights, self._replace(keys=keys, values=values)


class CrossAttentionMemory(NamedTuple):
    """Keys and values of the source, which are complete from the start.

    Fields:
        mask: see `attend`, or None.
        keys, values: `(batch, heads, source_length, head_dim)`.
    """

    mask: tf.Tensor | None
    keys: tf.Tensor
    values: tf.Tensor

    def attend(self, query, project, modify=None):
        return *attend(query, self.keys, self.values, self.mask, modify), self


class StaticCache(NamedTuple):
    """`past_key_values` whose shapes never change, for a `tf.while_loop` or XLA.

    The `past_key_values` of a model's call grow by concatenation: as published, they are a tuple
    with one `(keys, values, source keys, source values)` per layer, each
    `(batch, heads, length, head_dim)`. A `StaticCache` allocates all positions in advance, see
    `init_cache`.

    Fields:
        layers: tuple like `past_key_values`, whose first two tensors are `max_length` long.
        length: int32 scalar tensor, number of positions filled so far.
    """

    layers: tuple
    length: tf.Tensor

    @property
    def max_length(self):
        """int or scalar tensor, number of allocated positions."""
        keys = self.layers[0][0]
        return keys.shape[2] or tf.shape(keys)[2]


def past_length(past_key_values):
    """Returns the number of positions in a cache (or None): int, or int32 scalar tensor."""
    if past_key_values is None:
        return 0
    if isinstance(past_key_values, StaticCache):
        return past_key_values.length
    keys = past_key_values[0][0]
    return tf.shape(keys)[2] if keys.shape[2] is None else keys.shape[2]


def write_positions(cached, new, start):
    """Writes `new` `(…, n, head_dim)` at `start` and later of `(…, length, head_dim)`."""
    positions = tf.range(tf.shape(cached)[-2])
    count = new.shape[-2]
    if count == 1:
        return tf.where((positions == start)[:, None], new, cached)
    count = tf.shape(new)[-2] if count is None else count
    offsets = positions - start
    # Every position gathers a new value; those outside of the new range then keep the old one.
    spread = tf.gather(new, tf.clip_by_value(offsets, 0, count - 1), axis=-2)
    return tf.where(((offsets >= 0) & (offsets < count))[:, None], spread, cached)
