"""The processors that the options request, and their order."""

import functools
import math

import numpy as np
import pytest
import tensorflow as tf
from helpers.generation import EOS
from helpers.processors import VOCABULARY, kept, processed, scores_of

from tf_pegasus import GenerationConfig
from tf_pegasus.generation.logits_processors import (
    SearchFacts,
    logits_processors,
    logits_warpers,
)


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
