"""Records of every step of a search, for the `output_…` options."""

from typing import NamedTuple

import tensorflow as tf


class Records(NamedTuple):
    """Per-step outputs of a search: one `tf.TensorArray` by name, with one entry per step.

    `arrays` is a dict, empty if nothing is recorded. Names and shapes of the entries, where rows
    are `batch * beams`:
        scores, logits: float32 `(rows, vocab_size)`.
        decoder_hidden_states: float32 `(layers + 1, rows, 1, d_model)`.
        decoder_attentions: float32 `(layers, rows, heads, 1, max_length - 1)`.
        cross_attentions: float32 `(layers, rows, heads, 1, source_length)`.
    """

    arrays: dict

    @classmethod
    def empty(cls, options, steps, has_source=True):
        """Returns arrays with `steps` (int) entries for the outputs that the options request.

        There are no cross-attentions unless `has_source`.
        """
        names = [
            *(["scores"] if options.output_scores else []),
            *(["logits"] if options.output_logits else []),
            *(["decoder_hidden_states"] if options.output_hidden_states else []),
            *(["decoder_attentions"] if options.output_attentions else []),
            *(["cross_attentions"] if options.output_attentions and has_source else []),
        ]
        return cls({n: tf.TensorArray(tf.float32, steps, clear_after_read=False) for n in names})

    def written(self, step, decoded, logits, scores):
        """Writes one entry of each array.

        Args:
            step: int32 scalar, counted from 0.
            decoded: `DecodedStep`.
            logits: float32 `(batch, beams, vocab_size)`.
            scores: function that returns the scores, of the same shape.
        """
        makers = {
            "scores": lambda: _rows(scores()),
            "logits": lambda: _rows(logits),
            "decoder_hidden_states": lambda: tf.stack(
                [_rows(states)[:, None] for states in decoded.hidden_states]
            ),
            "decoder_attentions": lambda: tf.stack(
                [_by_position(weights) for weights in decoded.attentions]
            ),
            "cross_attentions": lambda: tf.stack(
                [_rows_of_beams(weights) for weights in decoded.cross_attentions]
            ),
        }
        arrays = {name: array.write(step, makers[name]()) for name, array in self.arrays.items()}
        return Records(arrays)

    def stacked(self):
        """Returns a dict of the entries as tensors `(steps, …)`."""
        return {name: array.stack() for name, array in self.arrays.items()}


def _rows(tensor):
    # (batch, beams, n) -> (rows, n)
    return tf.reshape(tensor, (-1, tensor.shape[-1]))


def _rows_of_beams(weights):
    # (batch, heads, beams, keys) -> (rows, heads, 1, keys)
    by_beam = tf.transpose(weights, (0, 2, 1, 3))
    shape = tf.shape(by_beam)
    return tf.reshape(by_beam, (-1, shape[2], 1, shape[3]))


def _by_position(weights):
    # (batch, heads, beams, positions * beams) -> (rows, heads, 1, positions)
    by_beam = _rows_of_beams(weights)
    beams = weights.shape[2]
    # A hypothesis sees one beam's slot per position: the weights of the others are 0.
    split = tf.reshape(by_beam, (*tf.unstack(tf.shape(by_beam)[:3]), -1, beams))
    return tf.reduce_sum(split, axis=-1)
