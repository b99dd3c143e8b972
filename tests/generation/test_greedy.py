"""Greedy search and sampling over a fake language model."""

import numpy as np
import pytest
from helpers.fake_decoding import EOS, FakeDecoding, at_random, by_hand, log_softmax, padded

from tf_pegasus.generation.greedy import greedy_or_sampled

TABLE = by_hand({(): {2: 0.5, 3: 0.4, EOS: 0.1}, (2,): {4: 0.4, 5: 0.35, EOS: 0.25}})


def test_the_most_probable_token_is_taken_until_eos():
    hypotheses, _, steps = greedy_or_sampled(FakeDecoding(TABLE, max_length=8))
    np.testing.assert_array_equal(hypotheses.sequences[0], [padded([2, 4, EOS], 8)])
    np.testing.assert_allclose(hypotheses.scores[0], [np.log(0.2) / 3], atol=1e-5)
    assert int(steps) == 3


def test_sequences_without_eos_end_at_max_length():
    hypotheses, _, _ = greedy_or_sampled(FakeDecoding(TABLE, max_length=3, length_penalty=0.0))
    np.testing.assert_array_equal(hypotheses.sequences[0], [[0, 2, 4]])
    np.testing.assert_allclose(hypotheses.scores[0], [np.log(0.2)], atol=1e-5)


@pytest.mark.parametrize(("kind", "base"), [("length", 3), ("gnmt", 8 / 6)])
def test_scores_are_divided_by_the_length_penalty(kind, base):
    decoding = FakeDecoding(TABLE, max_length=8, length_penalty=0.7, length_penalty_type=kind)
    hypotheses, _, _ = greedy_or_sampled(decoding)
    np.testing.assert_allclose(hypotheses.scores[0], [np.log(0.2) / base**0.7], atol=1e-5)


def test_finished_and_empty_rows_are_filled_with_pad():
    endings = {0: [EOS], 1: [EOS], 2: [3, 5, EOS]}

    def table(row, tokens):
        place = min(len(tokens), len(endings[row]) - 1)
        return by_hand({tokens: {endings[row][place]: 1.0}})(row, tokens)

    hypotheses, _, _ = greedy_or_sampled(FakeDecoding(table, 3, [1], max_length=5))
    expected = [[padded([EOS], 5)], [padded([], 5)], [padded([3, 5, EOS], 5)]]
    np.testing.assert_array_equal(hypotheses.sequences, expected)
    np.testing.assert_allclose(hypotheses.scores, np.zeros((3, 1)), atol=1e-5)


def test_a_forced_eos_costs_nothing():
    decoding = FakeDecoding(TABLE, max_length=3, length_penalty=0.0, forced_eos_token_id=EOS)
    hypotheses, _, _ = greedy_or_sampled(decoding)
    np.testing.assert_array_equal(hypotheses.sequences[0], [[0, 2, EOS]])
    np.testing.assert_allclose(hypotheses.scores[0], [np.log(0.5)], atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_sampled_sequences_have_the_scores_of_their_tokens(seed):
    table = at_random(seed)
    hypotheses, _, _ = greedy_or_sampled(
        FakeDecoding(table, 2, (), seed, do_sample=True, num_return_sequences=6, max_length=6)
    )
    sequences = hypotheses.sequences.numpy()
    assert sequences.shape == (2, 6, 6)
    assert len({tuple(tokens) for tokens in sequences[0]}) > 1
    for row, row_scores in enumerate(hypotheses.scores.numpy()):
        for sequence, score in zip(sequences[row].tolist(), row_scores, strict=True):
            tokens = sequence[1:]
            tokens = tokens[: tokens.index(EOS) + 1] if EOS in tokens else tokens
            gains = [
                log_softmax(table(row, tuple(tokens[:place])))[token]
                for place, token in enumerate(tokens)
            ]
            np.testing.assert_allclose(score, sum(gains) / len(tokens), atol=1e-4)
            assert not any(sequence[1 + len(tokens) :])
