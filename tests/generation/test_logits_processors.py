"""Each processor and warper compared with values computed by hand and in plain Python."""

import functools
import math

import numpy as np
import pytest
import tensorflow as tf
from helpers.generation import EOS
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus import GenerationConfig
from tf_pegasus.generation.logits_processors import (
    SearchFacts,
    logits_processors,
    logits_warpers,
)
from tf_pegasus.generation.ngrams import forbid_words, no_ngram_of_source, no_repeat_ngram
from tf_pegasus.generation.score_changes import penalize_repetition
from tf_pegasus.generation.token_rules import (
    allow_only,
    forbid_eos_before,
    forbid_tokens,
    force_at,
)
from tf_pegasus.generation.warpers import (
    divide_by_temperature,
    keep_top_k,
    keep_top_p,
    keep_typical,
)

VOCABULARY = 6
ids = st.integers(0, VOCABULARY - 1)
# Sequences of one length, as a step has them, and a random score for each token.
sequences = st.integers(1, 8).flatmap(
    lambda length: st.lists(st.lists(ids, min_size=length, max_size=length), min_size=1, max_size=4)
)
seeds = st.integers(0, 10**6)


def scores_of(*rows):
    return tf.constant(rows, tf.float32)


def kept(process, scores):
    """Returns the tokens that a warper keeps, by row."""
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
    # The entropy of the first row is 1.14: nearest are 0.3 (1.20) and 0.5 (0.69).
    assert kept(keep_typical(0.2, 1), scores)[0] == [2]
    assert kept(keep_typical(0.5, 1), scores)[0] == [0, 2]
    # Among equal scores, top-k keeps all that are as good as the last.
    assert kept(keep_top_k(1), scores_of([1.0, 1.0, 0.0])) == [[0, 1]]
    # Tokens that are forbidden already remain so.
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


def test_invalid_prefixes_are_refused(model):
    ids = np.array([[5, 6]])
    with pytest.raises(ValueError, match=r"prefix_allowed_tokens_fn .* engine='xla'"):
        model.generate(ids, engine="xla", prefix_allowed_tokens_fn=lambda number, ids: [5])
    with pytest.raises(Exception, match=r"outside \[0, 60\)"):
        model.generate(ids, engine="eager", prefix_allowed_tokens_fn=lambda number, ids: [60])


# Against plain Python, one processor at a time


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


# The processors that the options request


def chosen(rows, prompt_length=1, last_length=8, **options):
    """Returns scores that were zero, after all processors of some options."""
    scores = np.zeros((len(rows), VOCABULARY), "float32")
    settings = GenerationConfig(eos_token_id=EOS, **options)
    facts = SearchFacts(
        functools.partial(getattr, settings),
        prompt_length,
        last_length,
        len(rows),
        source_ids=tf.constant([[2, 3, 4]]),
    )
    for process in logits_processors(settings, facts):
        scores = processed(process, rows, scores)
    return [np.flatnonzero(row > -math.inf).tolist() for row in scores]


@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        ([[0, 2]], {}, [[0, 1, 2, 3, 4, 5]]),
        ([[0, 2]], {"no_repeat_ngram_size": 1}, [[1, 3, 4, 5]]),
        ([[0, 2]], {"encoder_no_repeat_ngram_size": 2}, [[0, 1, 2, 4, 5]]),
        ([[0, 2]], {"bad_words_ids": [[2, 5], [4]]}, [[0, 1, 2, 3]]),
        # Eos alone is not a bad word, as in `transformers`.
        ([[0, 2]], {"bad_words_ids": [[EOS], [4]]}, [[0, 1, 2, 3, 5]]),
        ([[0, 2]], {"min_length": 3}, [[0, 2, 3, 4, 5]]),
        ([[0, 2]], {"min_new_tokens": 1}, [[0, 1, 2, 3, 4, 5]]),
        ([[0, 2]], {"min_new_tokens": 2}, [[0, 2, 3, 4, 5]]),
        ([[0]], {"forced_bos_token_id": 5}, [[5]]),
        ([[0, 2]], {"forced_bos_token_id": 5}, [[0, 1, 2, 3, 4, 5]]),
        ([[0, 2, 2, 2, 2, 2, 2]], {"forced_eos_token_id": EOS}, [[EOS]]),
        ([[0, 2, 2, 2, 2, 2]], {"forced_eos_token_id": EOS}, [[0, 1, 2, 3, 4, 5]]),
        # Forced although forbidden, because forcing comes later.
        ([[0, 2, 2, 2, 2, 2, 2]], {"forced_eos_token_id": EOS, "min_length": 9}, [[EOS]]),
        ([[0, 2]], {"suppress_tokens": [0, 5]}, [[1, 2, 3, 4]]),
        ([[0]], {"begin_suppress_tokens": [0, 5]}, [[1, 2, 3, 4]]),
        ([[0, 2]], {"begin_suppress_tokens": [0, 5]}, [[0, 1, 2, 3, 4, 5]]),
        # After a forced first token, the second one counts as the first.
        ([[0, 5]], {"forced_bos_token_id": 5, "begin_suppress_tokens": [2]}, [[0, 1, 3, 4, 5]]),
    ],
    ids=str,
)
def test_options_choose_their_processors(rows, options, expected):
    assert chosen(rows, **options) == expected


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 0),
        ({"temperature": 0.5, "top_k": 3, "top_p": 0.5, "typical_p": 0.5}, 0),
        ({"do_sample": True, "top_k": 0}, 0),
        ({"do_sample": True}, 1),
        (
            {"do_sample": True, "temperature": 0.5, "top_k": 3, "top_p": 0.5, "typical_p": 0.5},
            4,
        ),
    ],
    ids=str,
)
def test_only_sampling_has_warpers(options, count):
    config = GenerationConfig(**options)
    assert len(logits_warpers(config, functools.partial(getattr, config))) == count


def test_sampling_with_beams_keeps_at_least_two_tokens():
    options = {"do_sample": True, "num_beams": 2, "top_k": 1, "top_p": 0.01}
    config = GenerationConfig(**options)
    for warp in logits_warpers(config, functools.partial(getattr, config)):
        assert kept(warp, scores_of([3.0, 9.0, 1.0])) == [[0, 1]]


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


def test_huge_options_cost_no_huge_programs():
    config = GenerationConfig(
        max_length=16,
        no_repeat_ngram_size=3000,
        encoder_no_repeat_ngram_size=3000,
        bad_words_ids=[[i % 50, (i // 50) % 50, i % 7] for i in range(100_000)],
    )
    facts = SearchFacts(None, 1, 16, source_ids=tf.zeros((1, 4000), tf.int32))
    processors = logits_processors(config, facts)

    @tf.function
    def run(sequences, length, scores):
        for process in processors:
            scores = process(sequences, length, scores)
        return scores

    graph = run.get_concrete_function(
        tf.TensorSpec((1, 16), tf.int32), tf.TensorSpec((), tf.int32), tf.TensorSpec((1, 60))
    ).graph
    assert len(graph.get_operations()) < 200
    sequences = np.zeros((1, 16), "int32")
    sequences[0, :4] = [9, 9, 5, 3]
    scores = run(tf.constant(sequences), tf.constant(4), tf.zeros((1, 60)))
    words = {tuple(word) for word in config.bad_words_ids}
    expected = [token for token in range(60) if (5, 3, token) in words]
    assert np.flatnonzero(np.isinf(scores[0])).tolist() == expected
    assert expected
