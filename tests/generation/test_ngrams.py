"""N-grams and words, compared with plain Python."""

import numpy as np
import pytest
import tensorflow as tf
from helpers.processors import assert_forbidden, ids, seeds, sequences
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus.generation.ngrams import forbid_words, no_ngram_of_source, no_repeat_ngram


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_no_repeat_ngram_forbids_exactly_the_repeating_tokens(size, tokens):
    padded = np.full((1, 14), 2, "int32")
    padded[0, : len(tokens)] = tokens
    result = no_repeat_ngram(size)(tf.constant(padded), tf.constant(len(tokens)), tf.zeros((1, 5)))
    seen = {tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)}
    start = len(tokens) - size + 1
    prefix = tuple(tokens[start:]) if start >= 0 else None
    forbidden = [prefix is not None and (*prefix, token) in seen for token in range(5)]
    np.testing.assert_array_equal(np.isinf(result[0]), forbidden)


@settings(max_examples=40, deadline=None)
@given(sequences, seeds, st.integers(1, 3), st.lists(ids, min_size=1, max_size=9))
def test_no_ngram_of_the_source_is_completed(rows, seed, size, source):
    ngrams = {tuple(source[i : i + size]) for i in range(len(source) - size + 1)}
    process = no_ngram_of_source(size, tf.constant([source]), len(rows))
    assert_forbidden(
        process,
        rows,
        seed,
        lambda n, row, token: (
            len(row) >= size - 1 and (*row[len(row) - size + 1 :], token) in ngrams
        ),
    )


@settings(max_examples=40, deadline=None)
@given(
    sequences,
    seeds,
    st.lists(st.lists(ids, min_size=1, max_size=3).map(tuple), min_size=1, max_size=3),
)
def test_bad_words_are_not_completed(rows, seed, words):
    assert_forbidden(
        forbid_words(words),
        rows,
        seed,
        lambda n, row, token: any(
            token == word[-1]
            and len(row) >= len(word)
            and tuple(row[len(row) - len(word) + 1 :]) == word[:-1]
            for word in words
        ),
    )


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("size", [3, 12])
def test_long_ngrams_are_compared_in_a_loop(size, jit_compile):
    tokens = [*range(size), 30, *range(size - 1)]
    padded = np.zeros((2, 40), "int32")
    padded[0, : len(tokens)] = tokens
    padded[1, : len(tokens)] = [*tokens[1:], 31]
    for process in (
        no_repeat_ngram(size),
        no_ngram_of_source(size, tf.constant(padded[:1, :size]), 2),
    ):
        run = tf.function(process, jit_compile=jit_compile)
        scores = run(tf.constant(padded), tf.constant(len(tokens)), tf.zeros((2, 40)))
        forbidden = np.isinf(scores)
        assert np.flatnonzero(forbidden[0]).tolist() == [size - 1]
        assert not forbidden[1].any()
