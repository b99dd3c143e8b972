"""The decoder's keys and values of earlier positions.

`past_key_values` of a model's call is, as published, a tuple with one `(keys, values,
source keys, source values)` a layer, each `(batch, heads, length, head_dim)`, that grows by
concatenation. Where shapes must not change (a `tf.while_loop`, XLA) a `StaticCache` has the
place for all positions from the start. Beam search keeps its own, see `beam_cache`.
"""

from typing import NamedTuple

import tensorflow as tf


class StaticCache(NamedTuple):
    """Keys and values of a fixed number of positions, of which some are filled.

    Fields:
        layers: a tuple as `past_key_values`, the first two tensors `max_length` long.
        length: int32 scalar tensor, positions filled so far.
    """

    layers: tuple
    length: tf.Tensor

    @property
    def max_length(self):
        """int or scalar tensor, positions that there is place for."""
        keys = self.layers[0][0]
        return keys.shape[2] or tf.shape(keys)[2]


def past_length(past_key_values):
    """How many positions `past_key_values` (or None) hold: int, or int32 scalar tensor."""
    if past_key_values is None:
        return 0
    if isinstance(past_key_values, StaticCache):
        return past_key_values.length
    keys = past_key_values[0][0]
    return tf.shape(keys)[2] if keys.shape[2] is None else keys.shape[2]


def extend(cached, new_keys, new_values, start):
    """Adds new positions to one layer's `(keys, values, …)`.

    Args:
        cached: the layer's tensors; or None, where there is no past.
        new_keys, new_values: `(batch, heads, n, head_dim)`.
        start: int32 scalar tensor, where to write into a static cache; None concatenates.

    Returns:
        All keys and values, `(batch, heads, length, head_dim)` each.
    """
    if cached is None:
        return new_keys, new_values
    if start is None:
        return tuple(
            tf.concat([tf.cast(old, new.dtype), new], axis=2)
            for old, new in zip(cached[:2], (new_keys, new_values), strict=True)
        )
    return write_positions(cached[0], new_keys, start), write_positions(
        cached[1], new_values, start
    )


def write_positions(cached, new, start):
    """Puts `new` `(…, n, head_dim)` at the positions from `start` of `(…, length, head_dim)`."""
    positions = tf.range(tf.shape(cached)[-2])
    count = new.shape[-2]
    if count == 1:
        return tf.where((positions == start)[:, None], new, cached)
    count = tf.shape(new)[-2] if count is None else count
    offsets = positions - start
    # Every position takes some new one; those that are none of the new keep the old.
    spread = tf.gather(new, tf.clip_by_value(offsets, 0, count - 1), axis=-2)
    return tf.where(((offsets >= 0) & (offsets < count))[:, None], spread, cached)
