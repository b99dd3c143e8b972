"""The decoder's keys and values in beam search, which are written once and never moved.

When beams are reordered, a hypothesis continues the past of another beam. Instead of copying that
past, every beam attends to all beams' keys under a mask: `ancestors` says which beam's slot holds
each position of a hypothesis. The slots are divided into blocks of positions, so that a step does
not read blocks that no hypothesis has reached.
"""

import math
from typing import NamedTuple

import keras
import tensorflow as tf

from tf_pegasus.layers.beam_attention import HIDDEN, attend_to_blocks, attend_to_part
from tf_pegasus.utils.compat import is_in_xla_context

# Smaller blocks read fewer unused slots, but need more operations per step.
_POSITIONS_PER_BLOCK = 64
_MOST_BLOCKS = 8


class BeamCache(NamedTuple):
    """Keys and values of all beams and layers, and the ancestor beams of each hypothesis.

    Fields:
        layers: tuple with one tuple of blocks `(keys, values)` per layer; keys are
            `(batch, heads, head_dim, slots)`, values `(batch, heads, slots, head_dim)`. Slots are
            ordered by position and, within a position, by beam.
        ancestors: int32 `(batch, beams, positions)`, the beam whose slot holds the key of each
            position of a hypothesis.
    """

    layers: tuple
    ancestors: tf.Tensor

    @classmethod
    def empty(cls, num_layers, batch, beams, heads, positions, head_dim, dtype):
        """Returns a cache of zeros for `positions` (int) positions."""
        blocks = tuple(
            (
                tf.zeros((batch, heads, head_dim, length * beams), dtype),
                tf.zeros((batch, heads, length * beams, head_dim), dtype),
            )
            for length in _block_lengths(positions)
        )
        return cls((blocks,) * num_layers, tf.zeros((batch, beams, positions), tf.int32))

    def reordered(self, beam_indices):
        """Returns a cache in which beams continue those at `beam_indices`, int `(batch, beams)`."""
        ancestors = tf.gather(self.ancestors, beam_indices, axis=1, batch_dims=1)
        return BeamCache(self.layers, ancestors)

    def at(self, position, visible=None):
        """Prepares a step.

        Args:
            position: int32 scalar.
            visible: bool `(batch, positions)`, which positions may be attended to, or None for all.

        Returns:
            The cache, in which each beam's own slot holds its key of `position`, and one
            `BeamLayerCache` per layer.
        """
        own = tf.range(self.ancestors.shape[1])[:, None]
        is_position = tf.range(self.ancestors.shape[2]) == position
        cache = BeamCache(self.layers, tf.where(is_position, own, self.ancestors))
        views = _views(cache.ancestors, position, visible)
        return cache, [BeamLayerCache(blocks, views) for blocks in self.layers]


def _block_lengths(positions):
    count = min(max(1, round(positions / _POSITIONS_PER_BLOCK)), _MOST_BLOCKS)
    length = math.ceil(positions / count)
    return [min(length, positions - start) for start in range(0, positions, length)]


class BlockView(NamedTuple):
    """One block of the cache at one step, the same for all layers.

    Fields:
        is_reached: bool scalar, whether any hypothesis has a position in the block.
        is_written: bool scalar, whether the position of this step is in the block.
        slot: int32 scalar, first slot of that position (if it is in the block).
        mask: float32 `(batch, 1, beams, slots)`, 0 if a hypothesis sees a slot, otherwise
            `HIDDEN`.
    """

    is_reached: tf.Tensor
    is_written: tf.Tensor
    slot: tf.Tensor
    mask: tf.Tensor


def _views(ancestors, position, visible=None):
    """Returns the `BlockView`s of a step.

    Args:
        ancestors: int32 `(batch, beams, positions)`, whose entries at `position` already are the
            beams themselves.
        position: int32 scalar, the position of the step.
        visible: see `BeamCache.at`.
    """
    beams, positions = ancestors.shape[1], ancestors.shape[2]
    result, start = [], 0
    for length in _block_lengths(positions):
        stands_in = ancestors[:, :, start : start + length, None] == tf.range(beams)
        seen = stands_in & (start + tf.range(length) <= position)[:, None]
        if visible is not None:
            seen &= visible[:, None, start : start + length, None]
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


class BeamLayerCache(NamedTuple):
    """One layer of a `BeamCache` at one step; follows the protocol of `tf_pegasus.layers.kv_cache`.

    Its queries are the beams, `(batch, heads, beams, head_dim)`, with one new position each.
    """

    blocks: tuple
    views: list

    def attend(self, query, project, modify=None):
        keys, values = project()
        new = (tf.transpose(keys, (0, 1, 3, 2)), values)
        blocks = tuple(
            _write(block, view, *new) for block, view in zip(self.blocks, self.views, strict=True)
        )
        context, weights = _modified(modify, *attend_to_blocks(query, blocks, self.views))
        return context, weights, self._replace(blocks=blocks)


class BeamMemory(NamedTuple):
    """Keys and values of a source, shared by its beams.

    Follows the protocol of `tf_pegasus.layers.kv_cache`.

    Fields:
        mask: float32 `(batch, 1, 1, source_length)`, 0 for tokens to attend to, else `HIDDEN`.
        keys: `(batch, heads, head_dim, source_length)`.
        values: `(batch, heads, source_length, head_dim)`.
    """

    mask: tf.Tensor
    keys: tf.Tensor
    values: tf.Tensor

    @classmethod
    def of(cls, memory):
        """Converts a `CrossAttentionMemory` that has a mask."""
        mask = tf.where(memory.mask, 0.0, HIDDEN)
        return cls(mask, tf.transpose(memory.keys, (0, 1, 3, 2)), memory.values)

    def attend(self, query, project, modify=None):
        part = attend_to_part(query, self.keys, self.values, self.mask)
        return *_modified(modify, part.context, part.weights), self


def _modified(modify, context, weights):
    """Applies a head mask, which scales the weights of a head and therefore its context.

    Dropout would have to come before the product, but searches do not drop anything.
    """
    if modify is None:
        return context, weights
    return modify(context)[1], modify(weights)[0]


def _write(block, view, keys, values):
    """Writes the keys and values of a step into a block, if the block holds its position.

    Args:
        block: keys and values, see `BeamCache.layers`.
        view: `BlockView`.
        keys: `(batch, heads, head_dim, beams)`.
        values: `(batch, heads, beams, head_dim)`.
    """
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
    """Returns `tensor` with `values`, of the same rank, written from index `start` on."""
    if is_in_xla_context():
        return keras.ops.slice_update(tensor, start, values)
    # `XlaDynamicUpdateSlice` is an op of XLA, which TensorFlow compiles by itself wherever it
    # runs, and which TF Serving refuses. This is TensorFlow's own op, which XLA supports only
    # for starts that are static.
    end = tf.stack(start) + tf.shape(values)
    return tf.raw_ops.TensorStridedSliceUpdate(
        input=tensor, begin=tf.stack(start), end=end, strides=[1] * len(start), value=values
    )
