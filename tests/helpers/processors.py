"""Runs processors of scores on plain sequences."""

import math

import numpy as np
import tensorflow as tf
from hypothesis import strategies as st

VOCABULARY = 6
ids = st.integers(0, VOCABULARY - 1)
# Sequences of one length, as a step has them, and a random score for each token.
sequences = st.integers(1, 8).flatmap(
    lambda length: st.lists(st.lists(ids, min_size=length, max_size=length), min_size=1, max_size=4)
)
seeds = st.integers(0, 10**6)


def scores_of(*rows):
    return tf.constant(rows, tf.float32)


def scores_for(rows, seed):
    scores = np.random.default_rng(seed).normal(size=(len(rows), VOCABULARY)) * 3
    return scores.astype("float32")


def processed(process, rows, scores):
    """Returns the scores of a processor; ids that it must ignore follow the sequences."""
    padded = np.array([[*row, *[VOCABULARY - 1] * 3] for row in rows], "int32")
    return process(tf.constant(padded), tf.constant(len(rows[0])), tf.constant(scores)).numpy()


def assert_forbidden(process, rows, seed, is_forbidden):
    """Checks that exactly the tokens with `is_forbidden(number, row, token)` are set to -inf."""
    scores = scores_for(rows, seed)
    expected = scores.copy()
    for n, row in enumerate(rows):
        for token in range(VOCABULARY):
            if is_forbidden(n, row, token):
                expected[n, token] = -math.inf
    np.testing.assert_array_equal(processed(process, rows, scores), expected)


def kept(process, scores):
    """Returns the tokens that a warper keeps, by row."""
    result = process(None, None, scores).numpy()
    np.testing.assert_array_equal(result[np.isfinite(result)], scores.numpy()[np.isfinite(result)])
    return [np.flatnonzero(np.isfinite(row)).tolist() for row in result]
