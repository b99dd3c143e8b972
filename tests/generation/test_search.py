"""Token ids, seeds and shared programs, in all engines."""

import numpy as np
import pytest
import tensorflow as tf

from tf_pegasus import GenerationConfig

SEVERAL_ENDS = {"eos_token_id": [1, 29, 12], "max_length": 14}


def test_token_ids_come_from_options_then_the_models_options_then_its_configuration(model):
    model.generation_config.eos_token_id = [1, 7]
    model.generation_config.pad_token_id = None
    found = model.with_token_ids(GenerationConfig(decoder_start_token_id=5))
    assert (found.eos_token_ids, found.pad_token_id) == ((1, 7), 0)
    assert found.decoder_start_token_id == 5
    assert model.with_token_ids(GenerationConfig(eos_token_id=3)).eos_token_ids == (3,)


@pytest.mark.slow
@pytest.mark.parametrize("num_beams", [1, 3])
def test_an_exported_search_ends_with_several_ids(goldens, num_beams):
    golden = goldens["tiny-relu"]
    ids, mask = (tf.constant(golden.source[n], tf.int32) for n in ("input_ids", "attention_mask"))
    options = GenerationConfig(num_beams=num_beams, max_length=14)
    free = golden.model.generate(ids, mask, generation_config=options, engine="eager").numpy()
    # The ids in the middle of outputs become ends.
    options.eos_token_id = [1, *sorted(set(free[:, 5].tolist()) - {0, 1})]
    # As in `serving`.
    search = tf.function(lambda ids, mask: golden.model.search(ids, mask, options)[0])
    found = search(ids, mask).numpy()
    expected = golden.model.generate(ids, mask, generation_config=options, engine="eager").numpy()
    np.testing.assert_array_equal(found[:, : expected.shape[1]], expected)
    assert (found[:, 6:] == 0).any(axis=0).any()
    assert np.any(found[:, :6] != free[:, :6]) or np.any(found[:, 6:9] != free[:, 6:9])


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["graph", "xla"])
def test_samples_with_several_ends_are_the_same_in_all_engines(goldens, engine):
    golden = goldens["tiny-gelu"]
    options = {
        **SEVERAL_ENDS,
        "do_sample": True,
        "num_beams": 2,
        "epsilon_cutoff": 0.01,
        "eta_cutoff": 0.02,
        "renormalize_logits": True,
        "seed": [3, 4],
    }
    expected = golden.model.generate(golden.source, engine="eager", **options)
    found = golden.model.generate(golden.source, engine=engine, **options)
    np.testing.assert_array_equal(found, expected)
    other = golden.model.generate(golden.source, engine=engine, **{**options, "seed": 3})
    assert other.shape != found.shape or np.any(other != found)


def test_values_of_numbers_share_a_program(goldens):
    golden = goldens["tiny-gelu"]
    golden.model.programs.clear()
    values = [
        {
            "sequence_bias": {(12,): bias, (29, 12): -bias},
            "exponential_decay_length_penalty": (start, factor),
            "encoder_repetition_penalty": factor,
        }
        for bias, start, factor in ((3.0, 2, 1.4), (-2.0, 5, 0.7))
    ]
    outputs = []
    for options in values:
        options = {"max_length": 12, **options}
        outputs.append(golden.model.generate(golden.source, engine="graph", **options).numpy())
        expected = golden.model.generate(golden.source, engine="eager", **options)
        np.testing.assert_array_equal(outputs[-1], expected)
    assert len(golden.model.programs) == 1
    assert outputs[0].shape != outputs[1].shape or np.any(outputs[0] != outputs[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": [1, 2, 3]}, r"seed=\[1, 2, 3\] must be an int, or two ints"),
        ({"eos_token_id": [1, 60]}, "eos_token_id=60 must be below vocab_size=60"),
        ({"decoder_start_token_id": 60}, "decoder_start_token_id=60 must be below"),
        ({"pad_token_id": 60}, "pad_token_id=60 must be below"),
        ({"sequence_bias": {(5, 60): 1.0}}, "sequence_bias=60 must be below"),
        (
            {"num_beams": 21, "eos_token_id": [1, 2]},
            "num_beams=21 needs a vocabulary of at least three times as many ids",
        ),
        ({"head_mask": np.ones((2, 2))}, r"head_mask has the shape \(2, 2\), expected .*\(1, 2\)"),
        (
            {"decoder_head_mask": np.ones((1, 2))},
            r"decoder_head_mask has the shape \(1, 2\), expected .*\(2, 2\)",
        ),
        (
            {"decoder_attention_mask": np.ones((1, 2))},
            r"decoder_attention_mask has the shape \(1, 2\), decoder_input_ids \(1, 1\)",
        ),
        (
            {"inputs_embeds": np.ones((1, 3, 16))},
            "input_ids and inputs_embeds exclude each other",
        ),
        (
            {"encoder_outputs": np.ones((1, 2, 16))},
            r"encoder_outputs has the shape \(1, 2, 16\), input_ids \(1, 1\)",
        ),
        (
            {"encoder_outputs": np.ones((1, 1, 8))},
            r"encoder_outputs must have the shape \(batch, length, d_model=16\)",
        ),
    ],
    ids=str,
)
def test_invalid_arguments_are_named(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        model.generate(np.array([[5]]), **arguments)


@pytest.mark.parametrize(
    "option", [{"encoder_repetition_penalty": 2.0}, {"encoder_no_repeat_ngram_size": 2}]
)
def test_options_that_look_at_the_source_need_its_ids(model, option):
    (name,) = option
    states = np.ones((1, 3, 16), "float32")
    for argument in ("encoder_outputs", "inputs_embeds"):
        with pytest.raises(ValueError, match=f"{name}=.* needs input_ids"):
            model.generate(**{argument: states}, **option)
    ids = np.array([[5, 6, 7]])
    model.generate(ids, encoder_outputs=states, engine="eager", max_length=4, **option)


def test_the_first_argument_is_also_called_inputs(model):
    ids, options = np.array([[5, 6]]), {"max_length": 4, "engine": "eager"}
    expected = model.generate(ids, **options)
    np.testing.assert_array_equal(model.generate(inputs=ids, **options), expected)
    with pytest.raises(ValueError, match="input_ids and inputs are names of the same argument"):
        model.generate(ids, inputs=ids)


def test_given_encoder_outputs_are_returned(model):
    ids, flags = np.array([[5, 6]]), {"output_hidden_states": True, "return_dict_in_generate": True}
    encoded = model.encode(ids, output_hidden_states=True)
    outputs = model.generate(encoder_outputs=encoded, engine="eager", max_length=4, **flags)
    expected = model.generate(ids, engine="eager", max_length=4, **flags)
    assert list(outputs) == list(expected)
    np.testing.assert_array_equal(outputs.sequences, expected.sequences)
    for a, b in zip(outputs.encoder_hidden_states, expected.encoder_hidden_states, strict=True):
        np.testing.assert_array_equal(a, b)
