"""Processors that forbid or force tokens by themselves.

See `tf_pegasus.generation.logits_processors` for the form of a processor.
"""

import math

import numpy as np
import tensorflow as tf

FORBIDDEN = -math.inf


def forbid_eos_before(min_length, eos_token_ids):
    """Forbids the ids that end an output while the sequence is shorter than `min_length`."""
    forbid = forbid_tokens(eos_token_ids)

    def process(sequences, length, scores):
        return tf.where(length < min_length, forbid(sequences, length, scores), scores)

    return process


def forbid_tokens(tokens, at=None):
    """Forbids some tokens: everywhere, or only at the position `at`."""

    def process(sequences, length, scores):
        forbidden = among(tokens, scores.shape[1])
        if at is not None:
            forbidden &= length == at
        return tf.where(forbidden, FORBIDDEN, scores)

    return process


def force_at(tokens, position):
    """Allows only `tokens` at a position, with the score 0."""

    def process(sequences, length, scores):
        forced = tf.where(among(tokens, scores.shape[1]), 0.0, FORBIDDEN)
        return tf.where(length == position, forced[None], scores)

    return process


def among(tokens, vocab_size):
    """Returns which ids of the vocabulary are among `tokens`, bool `(vocab_size,)`."""
    mask = np.zeros(vocab_size, bool)
    mask[list(tokens)] = True
    return tf.constant(mask)


def allow_only(allowed_tokens, beams):
    """Allows only the tokens that a Python function returns (De Cao et al., 2021).

    The function gets the index of the row's source and the row's ids so far.
    """

    def allowed(sequences, length, vocab_size):
        mask = np.zeros((len(sequences), vocab_size), bool)
        for row, sequence in enumerate(sequences):
            tokens = np.asarray(allowed_tokens(row // beams, sequence[:length]), int)
            if not np.all((tokens >= 0) & (tokens < vocab_size)):
                raise ValueError(
                    f"prefix_allowed_tokens_fn returned ids outside [0, {vocab_size}): {tokens}"
                )
            mask[row, tokens] = True
        return mask

    def process(sequences, length, scores):
        mask = tf.numpy_function(
            allowed, (sequences, length, scores.shape[1]), tf.bool, stateful=False
        )
        return tf.where(tf.ensure_shape(mask, scores.shape), scores, FORBIDDEN)

    return process
