"""The decoder's key/value cache during generation.

A cache is a tuple with one `(keys, values)` pair a layer, each
`(batch, beams, heads, max_length, head_dim)`. Its shape never changes, so that the same
code runs eagerly, in a graph and under XLA.
"""

import tensorflow as tf


def empty_cache(num_layers, batch, beams, heads, max_length, head_dim, dtype):
    """Returns a cache of zeros."""
    zeros = tf.zeros((batch, beams, heads, max_length, head_dim), dtype)
    return tuple((zeros, zeros) for _ in range(num_layers))


def write_position(cached, new, position):
    """Puts `new` `(batch, beams, heads, 1, head_dim)` at `position` of one cached tensor."""
    here = tf.range(tf.shape(cached)[3]) == position
    return tf.where(here[:, None], new, cached)


def select_beams(cache, beam_indices):
    """Makes each beam continue another: `beam_indices` is int `(batch, beams)`."""
    return tf.nest.map_structure(
        lambda cached: tf.gather(cached, beam_indices, axis=1, batch_dims=1), cache
    )
