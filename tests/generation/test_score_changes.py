"""Processors that change scores, compared with plain Python."""

import math

import numpy as np
import pytest
import tensorflow as tf
from helpers.processors import ids, processed, scores_for, scores_of, seeds, sequences
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus.generation.score_changes import (
    bias_words,
    favour_end,
    favour_source,
    penalize_repetition,
    remove_invalid,
    renormalize,
)


@settings(max_examples=40, deadline=None)
@given(
    sequences,
    seeds,
    st.dictionaries(
        st.lists(ids, min_size=1, max_size=3).map(tuple), st.floats(-9, 9), min_size=1, max_size=4
    ),
)
def test_biases_are_added_where_their_words_would_be_complete(rows, seed, biases):
    scores = scores_for(rows, seed)
    expected = scores.copy()
    for n, row in enumerate(rows):
        for word, bias in biases.items():
            is_long_enough = len(word) == 1 or len(row) >= len(word)
            if is_long_enough and tuple(row[len(row) - len(word) + 1 :]) == word[:-1]:
                expected[n, word[-1]] += bias
    found = processed(bias_words(list(biases), list(biases.values())), rows, scores)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_words_longer_than_any_output_have_no_bias():
    scores = scores_for([[1]], 0)
    found = processed(bias_words([(1, 2, 3, 4, 5)], [7.0]), [[1]], scores)
    np.testing.assert_array_equal(found, scores)


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(0.2, 5))
def test_tokens_of_the_source_are_favoured_but_not_its_padding(seed, penalty):
    source, mask = np.array([[3, 2, 0], [4, 4, 1]]), np.array([[1, 1, 0], [1, 1, 1]])
    rows = [[0]] * 4  # two beams for each source
    scores = scores_for(rows, seed)
    expected = scores.copy()
    for row in range(4):
        for token in ({2, 3}, {4, 1})[row // 2]:
            score = scores[row, token]
            expected[row, token] = score / penalty if score < 0 else score * penalty
    process = favour_source(penalty, tf.constant(source, tf.int32), tf.constant(mask), 2)
    np.testing.assert_allclose(processed(process, rows, scores), expected, rtol=1e-5)


@settings(max_examples=20, deadline=None)
@given(sequences, seeds, st.integers(0, 4), st.floats(0.5, 2))
def test_ends_are_favoured_exponentially(rows, seed, start, factor):
    scores = scores_for(rows, seed)
    expected = scores.copy()
    beyond = len(rows[0]) - start
    if beyond > 0:
        for token in (1, 3):
            expected[:, token] += np.abs(scores[:, token]) * (factor**beyond - 1)
    found = processed(favour_end((1, 3), start, factor), rows, scores)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_favoured_ends_stay_forbidden_and_finite():
    scores = np.array([[0.0, -math.inf, 2.0, 5.0]], "float32")
    process = favour_end((1, 2), 0, 1e4)
    found = process(tf.zeros((1, 90), tf.int32), tf.constant(80), tf.constant(scores)).numpy()
    assert found[0, 1] == -math.inf
    assert 1e20 < found[0, 2] < math.inf
    np.testing.assert_array_equal(found[0, [0, 3]], [0.0, 5.0])


def test_invalid_scores_become_finite():
    scores = tf.constant([[math.nan, math.inf, -math.inf, 1.5]])
    found = remove_invalid(None, None, scores).numpy()
    np.testing.assert_array_equal(found, [[0.0, tf.float32.max, tf.float32.min, 1.5]])


def test_renormalized_scores_are_log_probabilities():
    found = renormalize(None, None, tf.constant([[1.0, -math.inf, 2.0]]))
    np.testing.assert_allclose(np.exp(found).sum(), 1.0, rtol=1e-6)
    np.testing.assert_allclose(found[0, 2] - found[0, 0], 1.0, rtol=1e-6)


@pytest.mark.parametrize("num_beams", [1, 2])
def test_a_model_that_computes_nan_needs_remove_invalid_values(model, num_beams):
    model.final_logits_bias.assign(tf.where(tf.range(60) == 7, math.nan, 0.0)[None])
    options = {"max_length": 4, "num_beams": num_beams, "engine": "eager"}
    found = model.generate(np.array([[5, 6]]), remove_invalid_values=True, **options)
    assert ((found >= 0) & (found < 60)).numpy().all()


def test_repetition_penalty_divides_positive_and_multiplies_negative_scores():
    sequences = tf.constant([[3, 1, 0, 0]])
    scores = scores_of([1.0, 2.0, -1.0, -2.0])
    result = penalize_repetition(2.0)(sequences, tf.constant(2), scores)
    np.testing.assert_allclose(result, [[1.0, 1.0, -1.0, -4.0]])


@settings(max_examples=40, deadline=None)
@given(sequences, seeds, st.sampled_from([0.5, 1.3, 2.0]))
def test_repetition_penalty_changes_tokens_of_the_sequence(rows, seed, penalty):
    scores = scores_for(rows, seed)
    expected = [
        [
            score if token not in row else score * penalty if score < 0 else score / penalty
            for token, score in enumerate(row_scores)
        ]
        for row, row_scores in zip(rows, scores.tolist(), strict=True)
    ]
    found = processed(penalize_repetition(penalty), rows, scores)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
