"""Options and arguments of `generate` compared with the reference implementation."""

import functools
import json

import numpy as np
import pytest
import tensorflow as tf
from helpers.generation import EOS, up_to_end
from helpers.tiny import GOLDEN_MODELS, GOLDENS

from tf_pegasus import GenerationConfig

CASES = json.loads((GOLDENS / "options.json").read_text())


def favoured(input_ids, scores, cur_len):
    """Adds 4 to the score of the token 7 times the length; as in `make_option_goldens`."""
    vocab_size = scores.shape[1]
    return scores + 4.0 * tf.one_hot(7 * cur_len % vocab_size, vocab_size)


def ends_at_sum(input_ids, scores, cur_len):
    """Ends outputs whose ids add up to more than 300."""
    return tf.reduce_sum(input_ids[:, :cur_len], axis=1) > 300


FUNCTIONS = {"logits_processor": favoured, "stopping_criteria": [ends_at_sum]}


@pytest.fixture(scope="module")
def options_golden():
    return dict(np.load(GOLDENS / "options.npz"))


@pytest.fixture(scope="module")
def outputs(goldens, options_golden):
    """Returns a function `(name, number, engine)` that runs a case, once."""

    @functools.cache
    def run(name, number, engine):
        golden, options = goldens[name], dict(CASES[number])
        names = options.pop("call", [])
        given = {
            n: FUNCTIONS[n] if n in FUNCTIONS else options_golden[f"{name}:{number}:{n}"]
            for n in names
        }
        if not {"encoder_outputs", "inputs_embeds"} & set(names):
            given["input_ids"] = golden.source["input_ids"]
        return golden.model.generate(
            attention_mask=golden.source["attention_mask"],
            generation_config=GenerationConfig.from_dict(
                {"max_length": 14, "forced_eos_token_id": EOS, **options}
            ),
            engine=engine,
            return_dict_in_generate=True,
            output_scores=True,
            **given,
        )

    return run


@pytest.mark.parametrize("number", range(len(CASES)))
@pytest.mark.parametrize("name", GOLDEN_MODELS)
def test_ids_and_scores_equal_the_reference(name, number, outputs, options_golden):
    found = outputs(name, number, "eager")
    ends = CASES[number].get("eos_token_id", [EOS])
    if "stopping_criteria" in CASES[number].get("call", []):
        ends = []  # an output may end without eos, and the reference then adds it
    key = f"{name}:{number}"
    expected = up_to_end(options_golden[f"{key}:sequences"], ends)
    assert up_to_end(found.sequences, ends) == expected
    if f"{key}:scores" in options_golden:
        np.testing.assert_allclose(
            found.sequences_scores, options_golden[f"{key}:scores"], rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("number", [0, 1])
def test_transition_scores_equal_the_reference(number, outputs, options_golden, goldens):
    for name in GOLDEN_MODELS:
        found = outputs(name, number, "eager")
        scores = goldens[name].model.compute_transition_scores(
            found.sequences, found.scores, found.beam_indices, normalize_logits=number == 0
        )
        expected = options_golden[f"{name}:{number}:transitions"]
        tokens = np.asarray(found.sequences)[:, 1:]
        assert scores.shape == expected.shape == tokens.shape
        # The reference goes on with other ids after the end of an output.
        counts = (tokens != 0) if number == 0 else np.ones_like(tokens, bool)
        np.testing.assert_allclose(scores.numpy()[counts], expected[counts], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["graph", "xla"])
@pytest.mark.parametrize("number", [1, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 7, 11, 15, 21])
def test_compiled_ids_equal_eager_ones(number, engine, outputs):
    # Each case on one of the models only, because compiling takes most of the time.
    name = GOLDEN_MODELS[number % 4 // 2]
    found, eager = outputs(name, number, engine), outputs(name, number, "eager")
    np.testing.assert_array_equal(found.sequences, eager.sequences)
    np.testing.assert_allclose(found.sequences_scores, eager.sequences_scores, atol=1e-4)
