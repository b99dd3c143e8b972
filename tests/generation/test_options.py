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
    """Returns a function `(name, number)` that runs a case, once."""

    @functools.cache
    def run(name, number):
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
            engine="eager",
            return_dict_in_generate=True,
            output_scores=True,
            **given,
        )

    return run


@pytest.mark.parametrize("number", range(len(CASES)))
@pytest.mark.parametrize("name", GOLDEN_MODELS)
def test_ids_and_scores_equal_the_reference(name, number, outputs, options_golden):
    found = outputs(name, number)
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
        found = outputs(name, number)
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
@pytest.mark.parametrize("num_beams", [1, 3])
def test_all_together_give_the_same_ids_in_all_engines(goldens, options_golden, num_beams, engine):
    """Each option by itself would need a program by itself."""
    golden = goldens["tiny-gelu"]
    arrays = {
        name.split(":")[2]: value
        for name, value in options_golden.items()
        if name.startswith("tiny-gelu") and value.dtype in (np.float32, np.int64)
    }
    arguments = {name: arrays[name] for name in ("head_mask", "decoder_head_mask")}
    arguments |= {name: arrays[name] for name in ("cross_attn_head_mask", "decoder_input_ids")}
    arguments |= {"decoder_attention_mask": arrays["decoder_attention_mask"], **FUNCTIONS}
    options = {
        "max_length": 14,
        "num_beams": num_beams,
        "eos_token_id": [1, 24, 57],
        "sequence_bias": {(42, 42): -4.0, (48,): 1.0},
        "exponential_decay_length_penalty": (4, 1.2),
        "remove_invalid_values": True,
        "bad_words_ids": [[33, 33]],
        "renormalize_logits": True,
    }
    if num_beams == 1:
        arguments["inputs_embeds"] = arrays["inputs_embeds"]
    else:
        arguments["input_ids"] = golden.source["input_ids"]
        arguments["encoder_outputs"] = arrays["encoder_outputs"]
        options["encoder_repetition_penalty"] = 1.5
    found, eager = (
        golden.model.generate(
            attention_mask=golden.source["attention_mask"],
            engine=name,
            return_dict_in_generate=True,
            **arguments,
            **options,
        )
        for name in (engine, "eager")
    )
    np.testing.assert_array_equal(found.sequences, eager.sequences)
    np.testing.assert_allclose(found.sequences_scores, eager.sequences_scores, atol=1e-4)
    assert len(set(map(tuple, eager.sequences.numpy().tolist()))) == 4
