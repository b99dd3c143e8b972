"""Functions of the caller: which are accepted, what they see, and what they do."""

import numpy as np
import pytest
import tensorflow as tf
from helpers.fake_decoding import FakeDecoding, at_random, by_hand

from tf_pegasus.generation.beam_search import beam_search
from tf_pegasus.generation.greedy import greedy_or_sampled
from tf_pegasus.generation.hooks import Hooks

# Greedy search takes 2, 3 and 4 for ever.
LINE = by_hand({(): {2: 0.6, 5: 0.4}, (2,): {3: 1.0}, (2, 3): {4: 1.0}, (2, 3, 4): {4: 1.0}})


def searched(table, processors=None, criteria=None, **options):
    """Returns the ids and scores of the hypotheses of a search for one source."""
    hooks = Hooks.checked(None, processors, criteria)
    decoding = FakeDecoding(table, hooks=hooks, **options)
    search = beam_search if options.get("num_beams", 1) > 1 else greedy_or_sampled
    hypotheses, _, _ = search(decoding)
    return hypotheses.sequences.numpy()[0].tolist(), hypotheses.scores.numpy()[0].tolist()


def test_processors_run_in_order_and_see_logits_or_log_probabilities():
    seen = []

    def double(input_ids, scores, cur_len):
        seen.append((input_ids.numpy().tolist(), int(cur_len), tf.reduce_logsumexp(scores)))
        return scores * 2

    def forbid_two(input_ids, scores, cur_len):
        return tf.where(tf.range(scores.shape[1]) == 2, -np.inf, scores)

    table = lambda row, tokens: LINE(row, tokens) + 3.0  # noqa: E731
    ids, _ = searched(table, [double, forbid_two], max_length=3)
    assert ids == [[0, 5, 1]]
    assert [entry[:2] for entry in seen] == [([[0, 0, 0]], 1), ([[0, 5, 0]], 2)]
    np.testing.assert_allclose([entry[2] for entry in seen], [3.0, 3.0], rtol=1e-5)
    seen.clear()
    searched(table, double, max_length=2, num_beams=2)
    np.testing.assert_allclose(seen[0][2], np.log(2.0), atol=1e-5)


def test_a_criterion_ends_outputs_by_row():
    def has_four(input_ids, scores, cur_len):
        return tf.reduce_any(input_ids[:, :cur_len] == 4, axis=1)

    for options in ({}, {"num_beams": 2}):
        ids, scores = searched(LINE, criteria=has_four, max_length=8, **options)
        assert ids[0] == [0, 2, 3, 4, 0, 0, 0, 0]
        np.testing.assert_allclose(scores[0], np.log(0.6) / 3, rtol=1e-5)


@pytest.mark.parametrize("num_beams", [1, 3])
def test_a_criterion_for_all_ends_the_search(num_beams):
    calls = []

    def after_three(input_ids, scores, cur_len):
        calls.append((input_ids.shape, scores.shape, int(cur_len)))
        return cur_len >= 3

    options = {"max_length": 9, "num_beams": num_beams, "num_return_sequences": num_beams}
    ids, scores = searched(at_random(3), criteria=[after_three], min_length=9, **options)
    assert all(row[3:] == [0] * 6 for row in ids)
    assert all(np.isfinite(scores))
    assert [call[2] for call in calls] == [2, 3]
    rows = 1 if num_beams == 1 else 2 * num_beams
    assert calls[0][:2] == ((rows, 9), (rows, 6))


@pytest.mark.parametrize("kind", ["logits_processor", "stopping_criteria"])
def test_invalid_functions_are_refused(model, kind):
    ids = np.array([[5]])
    with pytest.raises(TypeError, match=f"{kind} contains 7, which is not a function"):
        model.generate(ids, **{kind: [7]})
    with pytest.raises(TypeError, match=rf"{kind} .* must take \(input_ids, scores, cur_len\)"):
        model.generate(ids, **{kind: lambda input_ids, scores: scores})
    message = {"logits_processor": r"the shape \(\)", "stopping_criteria": "expected a bool"}[kind]
    with pytest.raises((TypeError, ValueError), match=message):
        model.generate(ids, engine="eager", **{kind: lambda *arguments: 1.0})
    with pytest.raises(TypeError, match="prefix_allowed_tokens_fn=7 must be a function"):
        model.generate(ids, prefix_allowed_tokens_fn=7)


def test_the_same_function_is_traced_once(model):
    traced = []

    def unchanged(input_ids, scores, cur_len):
        traced.append(1)
        return scores

    for number in (5, 6):
        model.generate(
            np.array([[number]]), max_length=3, engine="graph", logits_processor=unchanged
        )
    assert len(traced) == 1
