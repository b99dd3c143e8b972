"""Each processor and warper against values by hand and plain Python."""

import math

import numpy as np
import pytest
import tensorflow as tf
from helpers.generation import EOS
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus.generation.logits_processors import (
    keep_top_k,
    keep_top_p,
    keep_typical,
    no_repeat_ngram,
    penalize_repetition,
)


def scores_of(*rows):
    return tf.constant(rows, tf.float32)


def kept(process, scores):
    """Which tokens a warper leaves, by row."""
    result = process(None, None, scores).numpy()
    np.testing.assert_array_equal(result[np.isfinite(result)], scores.numpy()[np.isfinite(result)])
    return [np.flatnonzero(np.isfinite(row)).tolist() for row in result]


def test_warpers_keep_the_tokens_computed_by_hand():
    probs = np.array([[0.5, 0.05, 0.3, 0.15], [0.1, 0.2, 0.3, 0.4]])
    scores = scores_of(*np.log(probs))
    assert kept(keep_top_k(2), scores) == [[0, 2], [2, 3]]
    assert kept(keep_top_k(9), scores) == [[0, 1, 2, 3]] * 2
    assert kept(keep_top_p(0.75, 1), scores) == [[0, 2], [1, 2, 3]]
    assert kept(keep_top_p(0.01, 1), scores) == [[0], [3]]
    assert kept(keep_top_p(0.01, 2), scores) == [[0, 2], [2, 3]]
    # The first row's entropy is 1.14: nearest are 0.3 (1.20) and 0.5 (0.69).
    assert kept(keep_typical(0.2, 1), scores)[0] == [2]
    assert kept(keep_typical(0.5, 1), scores)[0] == [0, 2]
    # Of equal ones top-k keeps all that are as good as the last.
    assert kept(keep_top_k(1), scores_of([1.0, 1.0, 0.0])) == [[0, 1]]
    # What is forbidden already stays so.
    assert kept(keep_typical(0.99, 1), scores_of([0.0, 0.0, -math.inf])) == [[0, 1]]


def test_repetition_penalty_divides_positive_and_multiplies_negative_scores():
    sequences = tf.constant([[3, 1, 0, 0]])
    scores = scores_of([1.0, 2.0, -1.0, -2.0])
    result = penalize_repetition(2.0)(sequences, tf.constant(2), scores)
    np.testing.assert_allclose(result, [[1.0, 1.0, -1.0, -4.0]])


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


@pytest.mark.parametrize("engine", ["eager", "graph", "auto"])
@pytest.mark.parametrize("num_beams", [1, 3])
def test_only_allowed_prefixes_are_generated(golden, num_beams, engine):
    seen = []

    def allowed(number, ids):
        seen.append((number, tuple(ids)))
        return [20 + number, 30 + number] if len(ids) < 4 else [EOS]

    outputs = golden.model.generate(
        golden.source,
        num_beams=num_beams,
        max_length=8,
        engine=engine,
        prefix_allowed_tokens_fn=allowed,
    ).numpy()
    assert {number for number, _ in seen} == {0, 1, 2, 3}
    assert all(ids[0] == 0 for _, ids in seen)
    for number, row in enumerate(outputs):
        assert set(row[1:4]) <= {20 + number, 30 + number}
        assert row[4] == EOS


def test_bad_prefixes_are_refused(model):
    ids = np.array([[5, 6]])
    with pytest.raises(ValueError, match=r"prefix_allowed_tokens_fn .* engine='xla'"):
        model.generate(ids, engine="xla", prefix_allowed_tokens_fn=lambda number, ids: [5])
    with pytest.raises(Exception, match=r"outside \[0, 60\)"):
        model.generate(ids, engine="eager", prefix_allowed_tokens_fn=lambda number, ids: [60])
