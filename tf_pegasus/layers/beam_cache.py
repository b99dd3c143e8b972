"""The decoder's keys and values in beam search: written once, never moved.

When beams are reordered, a hypothesis continues another one's past. Instead of copying that
past, every beam sees all beams' keys under a mask: `origins` says which beam's slot holds each
position of a hypothesis. The slots are kept in blocks of positions, so that a step does not
read those that no hypothesis has reached.
"""

import math
from typing import NamedTuple

import keras
import tensorflow as tf

from tf_pegasus.utils.compat import is_in_xla_context

# More blocks waste less reading, but each is more operations at every step.
_POSITIONS_A_BLOCK = 64
_MOST_BLOCKS = 8
# Finite, so that a sum or difference of two stays a number.
HIDDEN = -1e9


class BeamCache(NamedTuple):
    """Keys and values of all beams, and who may see which.

    Fields:
        layers: a tuple with one tuple of blocks `(keys, values)` a layer; keys are
            `(batch, heads, head_dim, slots)`, values `(batch, heads, slots, head_dim)`. A slot
            is a position of a beam: `beams` slots for each position, in order.
        origins: int32 `(batch, beams, positions)`, the beam in whose slot the hypothesis' key
            of each position stands.
    """

    layers: tuple
    origins: tf.Tensor

    def continued(self, beam_indices):
        """Makes each beam continue another: `beam_indices` is int `(batch, beams)`."""
        origins = tf.gather(self.origins, beam_indices, axis=1, batch_dims=1)
        return BeamCache(self.layers, origins)


def empty_beam_cache(num_layers, batch, beams, heads, positions, head_dim, dtype):
    """A `BeamCache` of zeros with place for `positions` (int)."""
    lengths = _block_lengths(positions)
    blocks = tuple(
        (
            tf.zeros((batch, heads, head_dim, length * beams), dtype),
            tf.zeros((batch, heads, length * beams, head_dim), dtype),
        )
        for length in lengths
    )
    return BeamCache((blocks,) * num_layers, tf.zeros((batch, beams, positions), tf.int32))


def _block_lengths(positions):
    count = min(max(1, round(positions / _POSITIONS_A_BLOCK)), _MOST_BLOCKS)
    length = math.ceil(positions / count)
    return [min(length, positions - start) for start in range(0, positions, length)]


class BlockView(NamedTuple):
    """One block at one step, the same for all layers.

    Fields:
        is_reached: bool scalar, whether any hypothesis has a position in it.
        is_written: bool scalar, whether the step's position is in it.
        slot: int32 scalar, where the position's slots begin (if it is in the block).
        mask: float32 `(batch, 1, beams, slots)`, 0 where a hypothesis sees a slot, else `HIDDEN`.
    """

    is_reached: tf.Tensor
    is_written: tf.Tensor
    slot: tf.Tensor
    mask: tf.Tensor


def views(origins, position):
    """Lists the `BlockView`s of a step.

    Args:
        origins: int32 `(batch, beams, positions)`, its entry at `position` already the beams' own.
        position: int32 scalar, the step's.
    """
    beams, positions = origins.shape[1], origins.shape[2]
    result, start = [], 0
    for length in _block_lengths(positions):
        stands_in = origins[:, :, start : start + length, None] == tf.range(beams)
        seen = stands_in & (start + tf.range(length) <= position)[:, None]
        mask = tf.where(seen, 0.0, HIDDEN)  # (batch, beams, length, beams)
        result.append(
            BlockView(
                is_reached=position >= start,
                is_written=(position >= start) & (position < start + length),
                slot=tf.clip_by_value(position - start, 0, length - 1) * beams,
                mask=tf.reshape(mask, (-1, 1, beams, length * beams)),
            )
        )
        start += length
    return result


def own_slots(origins, position):
    """Notes that the keys of `position` stand in each beam's own slot."""
    own = tf.range(origins.shape[1])[:, None]
    return tf.where(tf.range(origins.shape[2]) == position, own, origins)


def write(block, view, keys, values):
    """Puts a step's keys `(batch, heads, head_dim, beams)` and values
    `(batch, heads, beams, head_dim)` into a block, if its position is there."""
    places = ([0, 0, 0, view.slot], [0, 0, view.slot, 0])
    return tuple(
        _replace_slice(
            cached,
            place,
            tf.where(view.is_written, new, tf.slice(cached, place, tf.shape(new))),
        )
        for cached, place, new in zip(block, places, (keys, values), strict=True)
    )


def _replace_slice(tensor, start, values):
    """`tensor` with `values`, of the same rank, from the place `start`."""
    if is_in_xla_context():
        return keras.ops.slice_update(tensor, start, values)
    # That is an op of XLA's, which TensorFlow compiles by itself wherever it runs, and TF Serving
    # refuses; this is TensorFlow's own, which XLA has only for starts that never change.
    end = tf.stack(start) + tf.shape(values)
    return tf.raw_ops.TensorStridedSliceUpdate(
        input=tensor, begin=tf.stack(start), end=end, strides=[1] * len(start), value=values
    )
