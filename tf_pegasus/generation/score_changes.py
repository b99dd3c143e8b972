"""Processors that change scores without forbidding tokens.

See `tf_pegasus.generation.logits_processors` for the form of a processor.
"""

import tensorflow as tf

from tf_pegasus.generation.token_rules import among

# Far beyond any score, but sums and products of a few are still finite.
_MOST = 1e30


def penalize_repetition(penalty):
    """Makes tokens less likely that the sequence contains (Keskar et al., 2019, section 4.1).

    Positive scores are divided by the penalty, negative ones multiplied.
    """

    def process(sequences, length, scores):
        filled = tf.range(sequences.shape[1]) < length
        return tf.where(
            _occurs(sequences, filled, scores.shape[1]), _penalized(scores, penalty), scores
        )

    return process


def favour_source(penalty, source_ids, source_mask, beams):
    """Makes tokens of the source more likely: the opposite of `penalize_repetition`."""

    def process(sequences, length, scores):
        in_source = _occurs(source_ids, source_mask != 0, scores.shape[1])
        in_source = tf.repeat(in_source, beams, axis=0)
        return tf.where(in_source, _penalized(scores, 1.0 / penalty), scores)

    return process


def _penalized(scores, penalty):
    return tf.where(scores < 0, scores * penalty, scores / penalty)


def _occurs(sequences, counts, vocab_size):
    """Returns which ids occur in each row.

    Args:
        sequences: int32 `(rows, length)`.
        counts: bool, broadcastable to `(rows, length)`, the places that are considered.
        vocab_size: int.

    Returns:
        bool `(rows, vocab_size)`.
    """
    # Other places are mapped to no token.
    tokens = tf.where(counts, sequences, vocab_size)
    rows = tf.broadcast_to(tf.range(tf.shape(tokens)[0])[:, None], tf.shape(tokens))
    seen = tf.scatter_nd(
        tf.stack([rows, tokens], axis=-1),
        tf.ones_like(tokens),
        (tf.shape(tokens)[0], vocab_size + 1),
    )
    return seen[:, :vocab_size] > 0


def bias_words(words, biases):
    """Adds biases to the last token of words (tuples of ids) whose other tokens precede it.

    Args:
        words: tuple of tuples of int.
        biases: one float or scalar tensor for each word.
    """

    def process(sequences, length, scores):
        columns, gains = [], []
        for word, bias in zip(words, biases, strict=True):
            if len(word) > sequences.shape[1]:
                # No output is long enough to hold the word.
                continue
            positions = tf.maximum(length - len(word) + 1 + tf.range(len(word) - 1), 0)
            ending = tf.gather(sequences, positions, axis=1)  # (rows, len(word) - 1)
            matches = tf.reduce_all(ending == tf.constant(word[:-1], tf.int32), axis=1)
            matches &= (length >= len(word)) | (len(word) == 1)
            columns.append(word[-1])
            gains.append(tf.where(matches, tf.cast(bias, tf.float32), 0.0))
        if not columns:
            return scores
        spread = tf.one_hot(columns, scores.shape[1])  # (words, vocab_size)
        return scores + tf.matmul(tf.stack(gains, axis=1), spread)

    return process


def favour_end(eos_token_ids, start, factor):
    """Raises the scores of the ids that end an output, exponentially from length `start` on."""

    def process(sequences, length, scores):
        beyond = tf.cast(length, tf.float32) - start
        growth = tf.minimum(tf.cast(factor, tf.float32) ** tf.maximum(beyond, 0.0), _MOST) - 1.0
        raised = tf.clip_by_value(scores + tf.abs(scores) * growth, -_MOST, _MOST)
        # Other ends stay forbidden.
        changes = among(eos_token_ids, scores.shape[1]) & tf.math.is_finite(scores) & (beyond > 0)
        return tf.where(changes, raised, scores)

    return process


def remove_invalid(sequences, length, scores):
    """Replaces NaN by 0, infinite scores by the largest and smallest finite ones."""
    scores = tf.where(tf.math.is_nan(scores), 0.0, scores)
    return tf.clip_by_value(scores, scores.dtype.min, scores.dtype.max)


def renormalize(sequences, length, scores):
    """Makes scores log-probabilities."""
    return tf.nn.log_softmax(scores)
