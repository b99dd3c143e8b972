"""Tokens that are forbidden, forced or allowed, compared with plain Python."""

import math

import numpy as np
import pytest
from helpers.generation import EOS
from helpers.processors import (
    VOCABULARY,
    assert_forbidden,
    ids,
    processed,
    scores_for,
    seeds,
    sequences,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus.generation.token_rules import (
    allow_only,
    forbid_eos_before,
    forbid_tokens,
    force_at,
)


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


def test_a_forced_end_need_not_be_allowed(golden):
    outputs = golden.model.generate(
        golden.source,
        max_length=5,
        engine="eager",
        forced_eos_token_id=EOS,
        prefix_allowed_tokens_fn=lambda number, ids: [20, 30],
    ).numpy()
    assert set(outputs[:, 1:4].ravel()) <= {20, 30}
    assert set(outputs[:, 4]) == {EOS}


def test_invalid_prefixes_are_refused(model):
    ids = np.array([[5, 6]])
    with pytest.raises(ValueError, match=r"prefix_allowed_tokens_fn .* engine='xla'"):
        model.generate(ids, engine="xla", prefix_allowed_tokens_fn=lambda number, ids: [5])
    with pytest.raises(Exception, match=r"outside \[0, 60\)"):
        model.generate(ids, engine="eager", prefix_allowed_tokens_fn=lambda number, ids: [60])


@settings(max_examples=20, deadline=None)
@given(sequences, seeds, st.integers(0, 9), st.sets(ids, min_size=1, max_size=3))
def test_eos_is_forbidden_before_min_length(rows, seed, min_length, eos):
    assert_forbidden(
        forbid_eos_before(min_length, eos),
        rows,
        seed,
        lambda n, row, token: token in eos and len(row) < min_length,
    )


@settings(max_examples=20, deadline=None)
@given(sequences, seeds, st.lists(ids, min_size=1, max_size=3), st.none() | st.integers(1, 8))
def test_tokens_are_forbidden_everywhere_or_at_a_position(rows, seed, tokens, position):
    assert_forbidden(
        forbid_tokens(tokens, position),
        rows,
        seed,
        lambda n, row, token: token in tokens and position in (None, len(row)),
    )


@settings(max_examples=20, deadline=None)
@given(sequences, seeds, st.sets(ids, min_size=1, max_size=3), st.integers(1, 8))
def test_a_token_is_forced_at_a_position(rows, seed, forced, position):
    scores = scores_for(rows, seed)
    expected = scores.copy()
    if position == len(rows[0]):
        expected[:] = -math.inf
        expected[:, list(forced)] = 0
    found = processed(force_at(forced, position), rows, scores)
    np.testing.assert_array_equal(found, expected)


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 3), st.integers(1, 2), st.integers(1, 5))
def test_only_allowed_tokens_are_kept(seed, sources, beams, length):
    rows = np.random.default_rng(seed).integers(0, VOCABULARY, (sources * beams, length)).tolist()

    def allowed(number, tokens):
        return [(number + sum(tokens)) % VOCABULARY, number]

    assert_forbidden(
        allow_only(allowed, beams),
        rows,
        seed,
        lambda n, row, token: token not in allowed(n // beams, row),
    )
