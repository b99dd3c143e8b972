"""Processors that forbid n-grams and words.

See `tf_pegasus.generation.logits_processors` for the form of a processor.
"""

import math
from collections import defaultdict

import numpy as np
import tensorflow as tf

from tf_pegasus.generation.token_rules import FORBIDDEN, forbid_tokens

# Longer n-grams are compared in a loop, so that programs stay small.
_UNROLLED = 8


def no_repeat_ngram(size):
    """Forbids a token that would complete an n-gram the sequence already has."""

    def process(sequences, length, scores):
        windows = sequences.shape[1] - size + 1
        if windows < 1:
            return scores
        ends = tf.range(windows) + size - 1
        return _forbid_completions(sequences, length, scores, size, sequences, ends < length)

    return process


def no_ngram_of_source(size, source_ids, beams):
    """Forbids a token that would complete an n-gram of the source."""
    texts = tf.repeat(source_ids, beams, axis=0)  # (rows, source_length)

    def process(sequences, length, scores):
        if size > sequences.shape[1]:
            # No output is long enough to hold the n-gram.
            return scores
        return _forbid_completions(sequences, length, scores, size, texts, True)

    return process


def _forbid_completions(sequences, length, scores, size, texts, counts):
    """Forbids the last token of each n-gram whose other tokens are the end of the sequence.

    Args:
        sequences, length, scores: see the module.
        size: int, n.
        texts: int32 `(rows, n)`, the texts that contain the n-grams.
        counts: bool `(n - size + 1,)`, which of their n-grams are considered.
    """
    windows = tf.maximum(tf.shape(texts)[1] - size + 1, 0)
    rows = tf.shape(sequences)[0]

    def compare(offset, matches):
        position = tf.maximum(length - (size - 1) + offset, 0)
        token = tf.gather(sequences, position, axis=1)
        return matches & (tf.slice(texts, [0, offset], [rows, windows]) == token[:, None])

    matches = tf.broadcast_to(counts, (rows, windows))
    if size <= _UNROLLED:
        for offset in range(size - 1):
            matches = compare(offset, matches)
    else:
        _, matches = tf.while_loop(
            lambda offset, matches: offset < size - 1,
            lambda offset, matches: (
                offset + 1,
                tf.ensure_shape(compare(offset, matches), matches.shape),
            ),
            (tf.constant(0), matches),
        )
    matches &= length >= size - 1
    lasts = texts[:, size - 1 :]
    indices = tf.broadcast_to(tf.range(rows)[:, None], tf.shape(lasts))
    places = tf.stack([indices, lasts], axis=-1)  # (rows, windows, 2)
    return tf.tensor_scatter_nd_min(scores, places, tf.where(matches, FORBIDDEN, math.inf))


def forbid_words(words):
    """Forbids the last token of each word (a tuple of ids) if its other tokens precede it."""
    by_length = defaultdict(list)
    for word in words:
        by_length[len(word)].append(word)
    single = forbid_tokens([word[0] for word in by_length.pop(1, [])])
    tables = {size: np.array(same, "int32") for size, same in sorted(by_length.items())}

    def process(sequences, length, scores):
        rows, vocab_size = tf.shape(sequences)[0], scores.shape[1]
        scores = single(sequences, length, scores)
        for size, table in tables.items():
            if size > sequences.shape[1]:
                # No output is long enough to hold the word.
                continue
            positions = tf.maximum(length - size + 1 + tf.range(size - 1), 0)
            ending = tf.gather(sequences, positions, axis=1)  # (rows, size - 1)
            matches = tf.reduce_all(ending[:, None] == table[:, :-1], axis=2) & (length >= size)
            lasts = tf.broadcast_to(table[:, -1], tf.shape(matches))
            indices = tf.broadcast_to(tf.range(rows)[:, None], tf.shape(matches))
            counts = tf.scatter_nd(
                tf.stack([indices, lasts], axis=-1), tf.cast(matches, tf.int32), (rows, vocab_size)
            )
            scores = tf.where(counts > 0, FORBIDDEN, scores)
        return scores

    return process
