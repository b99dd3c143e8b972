"""What changes the next token's log-probabilities before a choice is made.

A processor maps `(sequences, length, log_probs)` to new log-probabilities: sequences are
int32 `(rows, max_length)` of which the first `length` (int scalar tensor) are filled, and
log_probs float32 `(rows, vocab_size)`.
"""

import math

import tensorflow as tf


def logits_processors(options, eos_token_id):
    """Lists the processors that the options ask for, in `transformers`' order."""
    processors = []
    if options.no_repeat_ngram_size > 0:
        processors.append(no_repeat_ngram(options.no_repeat_ngram_size))
    if options.min_length > 0:
        processors.append(forbid_eos_before(options.min_length, eos_token_id))
    if options.forced_eos_token_id is not None:
        processors.append(force_at_end(options.forced_eos_token_id, options.max_length))
    return processors


def no_repeat_ngram(size):
    """Forbids a token that would complete an n-gram the sequence already has."""

    def process(sequences, length, log_probs):
        windows = sequences.shape[1] - size + 1
        if windows < 1:
            return log_probs
        # The n-gram in the making is the last size - 1 tokens; a window that starts with
        # them forbids its last token.
        ends = tf.range(windows) + size - 1
        matches = tf.broadcast_to(ends < length, (tf.shape(sequences)[0], windows))
        for offset in range(size - 1):
            position = tf.maximum(length - (size - 1) + offset, 0)
            token = tf.gather(sequences, position, axis=1)
            matches &= sequences[:, offset : offset + windows] == token[:, None]
        matches &= length >= size - 1
        rows = tf.range(tf.shape(sequences)[0])[:, None] + tf.zeros((1, windows), tf.int32)
        places = tf.stack([rows, sequences[:, size - 1 :]], axis=-1)  # (rows, windows, 2)
        penalties = tf.where(matches, -math.inf, math.inf)
        return tf.tensor_scatter_nd_min(log_probs, places, penalties)

    return process


def forbid_eos_before(min_length, eos_token_id):
    """Forbids eos while the sequence is shorter than `min_length`."""

    def process(sequences, length, log_probs):
        is_eos = tf.range(log_probs.shape[1]) == eos_token_id
        return tf.where(is_eos & (length < min_length), -math.inf, log_probs)

    return process


def force_at_end(token_id, max_length):
    """Allows only `token_id` as the last token before `max_length`."""

    def process(sequences, length, log_probs):
        forced = tf.where(tf.range(log_probs.shape[1]) == token_id, 0.0, -math.inf)
        return tf.where(length == max_length - 1, forced[None], log_probs)

    return process
