"""Warpers compared with values computed by hand, plain Python and the reference."""

import math

import numpy as np
import pytest
import tensorflow as tf
from helpers.processors import kept, scores_for, scores_of, seeds
from helpers.tiny import GOLDENS
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus.generation.warpers import (
    divide_by_temperature,
    keep_above_epsilon,
    keep_above_eta,
    keep_top_k,
    keep_top_p,
    keep_typical,
)


def test_warpers_keep_the_tokens_computed_by_hand():
    probs = np.array([[0.5, 0.05, 0.3, 0.15], [0.1, 0.2, 0.3, 0.4]])
    scores = scores_of(*np.log(probs))
    assert kept(keep_top_k(2), scores) == [[0, 2], [2, 3]]
    assert kept(keep_top_k(9), scores) == [[0, 1, 2, 3]] * 2
    assert kept(keep_top_p(0.75, 1), scores) == [[0, 2], [1, 2, 3]]
    assert kept(keep_top_p(0.01, 1), scores) == [[0], [3]]
    assert kept(keep_top_p(0.01, 2), scores) == [[0, 2], [2, 3]]
    # The entropy of the first row is 1.14: nearest are 0.3 (1.20) and 0.5 (0.69).
    assert kept(keep_typical(0.2, 1), scores)[0] == [2]
    assert kept(keep_typical(0.5, 1), scores)[0] == [0, 2]
    # Among equal scores, top-k keeps all that are as good as the last.
    assert kept(keep_top_k(1), scores_of([1.0, 1.0, 0.0])) == [[0, 1]]
    # Tokens that are forbidden already remain so.
    assert kept(keep_typical(0.99, 1), scores_of([0.0, 0.0, -math.inf])) == [[0, 1]]


def kept_in_python(warp, row):
    """Returns the sorted ids of the tokens that a plain-Python warper keeps of a row of scores."""
    return sorted(warp(row, sorted(range(len(row)), key=lambda token: -row[token])))


def probabilities(row):
    exponentials = [math.exp(score) for score in row]
    return [value / sum(exponentials) for value in exponentials]


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 8))
def test_top_k_keeps_the_k_best(seed, k):
    scores = scores_for([[]] * 3, seed)
    expected = [kept_in_python(lambda row, best: best[:k], row) for row in scores.tolist()]
    assert kept(keep_top_k(k), tf.constant(scores)) == expected


@settings(max_examples=40, deadline=None)
@given(seeds, st.floats(0.05, 0.99), st.integers(1, 2))
def test_top_p_keeps_the_best_tokens_that_reach_p(seed, p, least):
    def nucleus(row, best):
        share, mass = probabilities(row), 0.0
        for count, token in enumerate(best, start=1):
            mass += share[token]
            if mass >= p:
                return best[: max(count, least)]
        return best

    scores = scores_for([[]] * 3, seed)
    expected = [kept_in_python(nucleus, row) for row in scores.tolist()]
    assert kept(keep_top_p(p, least), tf.constant(scores)) == expected


@settings(max_examples=40, deadline=None)
@given(seeds, st.floats(0.05, 0.99), st.integers(1, 2))
def test_typical_keeps_the_nearest_to_the_entropy(seed, mass, least):
    def typical(row, best):
        share = probabilities(row)
        entropy = -sum(value * math.log(value) for value in share)
        nearest = sorted(range(len(row)), key=lambda token: abs(-math.log(share[token]) - entropy))
        reached = 0.0
        for count, token in enumerate(nearest, start=1):
            reached += share[token]
            if reached >= mass:
                return nearest[: max(count, least)]
        return nearest

    scores = scores_for([[]] * 3, seed)
    expected = [kept_in_python(typical, row) for row in scores.tolist()]
    assert kept(keep_typical(mass, least), tf.constant(scores)) == expected


def test_temperature_divides_scores():
    scores = scores_for([[]], 0)
    found = divide_by_temperature(0.5)(None, None, tf.constant(scores))
    np.testing.assert_allclose(found, scores * 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "warp"),
    [
        ("epsilon", keep_above_epsilon(0.03, 2)),
        ("epsilon-most", keep_above_epsilon(0.9, 2)),
        ("eta", keep_above_eta(0.05, 1)),
        ("eta-most", keep_above_eta(0.9, 2)),
    ],
)
def test_the_tokens_of_the_reference_are_kept(name, warp):
    arrays = np.load(GOLDENS / "options.npz")
    found = warp(None, None, arrays["warpers:scores"]).numpy()
    expected = arrays[f"warpers:{name}"]
    np.testing.assert_array_equal(np.isfinite(found), expected)
    np.testing.assert_array_equal(found[expected], arrays["warpers:scores"][expected])
    assert 1 <= expected.sum(axis=1).min() < 40
