"""The results of `generate` compared with the reference implementation, and invalid arguments."""

import functools
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.generation import EOS, up_to_eos
from helpers.tiny import GOLDEN_MODELS, tiny_config

from tf_pegasus import GenerationConfig, TFPegasusForConditionalGeneration

NUM_CASES = 33


def generate(golden, number, engine):
    options = {"forced_eos_token_id": EOS, **golden.cases[number]}
    return golden.model.generate(
        golden.source,
        decoder_input_ids=options.pop("decoder_input_ids", None),
        generation_config=GenerationConfig.from_dict(options),
        engine=engine,
        return_dict_in_generate=True,
    )


@pytest.fixture(scope="module")
def eager_outputs(goldens):
    """Returns a function `(name, number)` that runs a case with the eager engine, once."""
    return functools.cache(lambda name, number: generate(goldens[name], number, "eager"))


def assert_equals_the_reference(golden, number, outputs):
    expected = golden.arrays[f"sequences_{number}"]
    assert up_to_eos(outputs.sequences) == up_to_eos(expected), golden.cases[number]
    assert outputs.sequences.shape[1] <= expected.shape[1]
    if f"scores_{number}" in golden.arrays:
        np.testing.assert_allclose(
            outputs.sequences_scores, golden.arrays[f"scores_{number}"], atol=1e-4
        )


def test_all_golden_cases_are_tested(golden):
    assert len(golden.cases) == NUM_CASES


@pytest.mark.parametrize("number", range(NUM_CASES))
def test_eager_ids_and_scores_equal_the_reference(golden, number, eager_outputs):
    assert_equals_the_reference(golden, number, eager_outputs(golden.path.name, number))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["graph", "xla"])
@pytest.mark.parametrize("number", range(NUM_CASES))
def test_compiled_ids_and_scores_equal_the_reference_and_eager_ones(
    goldens, number, engine, eager_outputs
):
    # Each case on one of the models only, because compiling takes most of the time.
    golden = goldens[GOLDEN_MODELS[number % 2]]
    outputs = generate(golden, number, engine)
    assert_equals_the_reference(golden, number, outputs)
    eager = eager_outputs(golden.path.name, number)
    np.testing.assert_array_equal(outputs.sequences, eager.sequences)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_generate_works_inside_a_tf_function(golden, jit_compile):
    options = {"num_beams": 2, "max_length": 9}

    @tf.function(jit_compile=jit_compile)
    def function(ids, mask):
        return golden.model.generate(ids, mask, **options)

    inside = function(*(tf.constant(value) for value in golden.source.values()))
    assert inside.shape == (4, 9)
    outside = golden.model.generate(golden.source, engine="eager", **options)
    width = outside.shape[1]
    np.testing.assert_array_equal(inside[:, :width], outside)
    assert not np.any(inside[:, width:])


def test_rows_do_not_depend_on_their_batch(golden):
    options = {"num_beams": 4, "max_length": 12, "engine": "graph"}
    together = golden.model.generate(golden.source, **options)
    for index in range(4):
        length = golden.source["attention_mask"][index].sum()
        alone = golden.model.generate(
            golden.source["input_ids"][index : index + 1, :length], **options
        )
        assert up_to_eos(alone) == up_to_eos(together[index : index + 1])


def test_attention_mask_defaults_to_all_tokens_but_pad(golden):
    ids = golden.source["input_ids"]
    with_mask = golden.model.generate(golden.source, engine="eager", num_beams=2)
    np.testing.assert_array_equal(
        golden.model.generate(ids, engine="eager", num_beams=2), with_mask
    )


@pytest.mark.parametrize("num_beams", [1, 3])
def test_a_source_without_tokens_gets_no_output_tokens(golden, num_beams):
    mask = golden.source["attention_mask"].copy()
    mask[2] = 0
    outputs = golden.model.generate(
        golden.source["input_ids"],
        mask,
        num_beams=num_beams,
        engine="eager",
        return_dict_in_generate=True,
    )
    assert not np.any(outputs.sequences[2])
    assert float(outputs.sequences_scores[2]) == 0.0


def test_a_batch_without_tokens_gets_no_output_tokens(golden):
    ids = np.zeros((2, 3), int)
    assert golden.model.generate(ids, engine="eager", num_beams=2).shape == (2, 1)


def test_score_is_the_log_probability_over_the_length_penalty(golden):
    outputs = golden.model.generate(
        golden.source,
        num_beams=4,
        length_penalty=0.7,
        max_length=14,
        forced_eos_token_id=None,
        engine="eager",
        return_dict_in_generate=True,
        generation_config=GenerationConfig(),
    )
    sequences = outputs.sequences.numpy()
    logits = golden.model(golden.source, decoder_input_ids=sequences[:, :-1]).logits
    log_probs = tf.nn.log_softmax(logits).numpy()
    for row, row_log_probs, score in zip(
        sequences, log_probs, outputs.sequences_scores, strict=True
    ):
        tokens = up_to_eos(row[None])[0]
        total = sum(row_log_probs[place, token] for place, token in enumerate(tokens))
        np.testing.assert_allclose(total / len(tokens) ** 0.7, score, rtol=1e-4)


@pytest.mark.parametrize("num_beams", [1, 4])
def test_no_ngram_is_repeated(golden, num_beams):
    sequences = golden.model.generate(
        golden.source, num_beams=num_beams, no_repeat_ngram_size=2, max_length=40, engine="graph"
    )
    for tokens in up_to_eos(sequences):
        pairs = list(itertools.pairwise(tokens))
        assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize("num_beams", [1, 4])
def test_lengths_are_between_min_length_and_max_length(golden, num_beams):
    sequences = golden.model.generate(
        golden.source, num_beams=num_beams, min_length=7, max_length=10, engine="graph"
    )
    lengths = [len(tokens) + 1 for tokens in up_to_eos(sequences)]
    assert min(lengths) >= 8  # eos follows the seven tokens that min_length requires
    assert max(lengths) <= 10


def test_training_changes_generated_ids(batch):
    model = TFPegasusForConditionalGeneration(tiny_config(dropout=0.0, init_std=0.2))
    source = {name: batch[name] for name in ("input_ids", "attention_mask")}
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    model.generate(source, num_beams=2, max_length=6, engine="graph")
    # One epoch of many steps, because starting an epoch takes longer than a step.
    model.fit(tf.data.Dataset.from_tensors(batch).repeat(120), verbose=0)
    learnt = model.generate(source, num_beams=2, max_length=6, engine="graph")
    assert up_to_eos(learnt) == [[i for i in row if i > 0] for row in batch["labels"].tolist()]


def test_output_options_of_the_model_configuration_change_nothing(batch):
    settings = {"return_dict": False, "output_attentions": True, "output_hidden_states": True}
    model = TFPegasusForConditionalGeneration(tiny_config())
    other = TFPegasusForConditionalGeneration(tiny_config(**settings))
    other.set_weights(model.get_weights())
    options = {"num_beams": 2, "engine": "eager"}
    expected = model.generate(batch["input_ids"], **options)
    np.testing.assert_array_equal(other.generate(batch["input_ids"], **options), expected)


def test_sources_of_several_shapes_share_one_trace(config):
    model = TFPegasusForConditionalGeneration(config)
    traces = []
    encoder_call = model.model.encoder.call
    model.model.encoder.call = lambda *a, **k: (traces.append(1), encoder_call(*a, **k))[1]
    for rows, length in ((3, 5), (4, 16), (3, 11), (1, 30)):
        model.generate(np.full((rows, length), 7), num_beams=2, max_length=4, engine="graph")
    assert len(traces) == 1


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_gives_finite_scores(config, policy, batch):
    model = TFPegasusForConditionalGeneration(config, dtype=policy)
    outputs = model.generate(
        batch["input_ids"], num_beams=2, engine="graph", return_dict_in_generate=True
    )
    assert np.isfinite(outputs.sequences_scores).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"num_beams": 0}, ValueError, "num_beams=0 must be at least 1"),
        ({"num_beams": 2.0}, TypeError, "num_beams=2.0 must be an int"),
        ({"num_beams": 31}, ValueError, "num_beams=31 needs a vocabulary"),
        ({"max_length": 1}, ValueError, "max_length=1"),
        ({"max_length": 33}, ValueError, "max_length=33 .* max_position_embeddings=32"),
        ({"min_length": 21}, ValueError, "min_length=21 must not be above max_length=20"),
        ({"num_return_sequences": 2}, ValueError, "num_return_sequences=2 .* num_beams=1"),
        ({"early_stopping": "always"}, ValueError, "early_stopping='always'"),
        ({"length_penalty": "1"}, TypeError, "length_penalty='1'"),
        ({"forced_eos_token_id": 60}, ValueError, "forced_eos_token_id=60"),
        ({"forced_bos_token_id": -1}, ValueError, "forced_bos_token_id=-1 must be at least 0"),
        ({"suppress_tokens": [60]}, ValueError, "suppress_tokens=60 must be below vocab_size=60"),
        ({"begin_suppress_tokens": [1.5]}, ValueError, "begin_suppress_tokens must contain ids"),
        ({"bad_words_ids": [[1], []]}, ValueError, "bad_words_ids contains an empty word"),
        ({"bad_words_ids": [7]}, ValueError, "bad_words_ids must contain ids"),
        ({"bad_words_ids": 7}, TypeError, "bad_words_ids=7 must be a list of lists"),
        ({"temperature": 0.0}, ValueError, "temperature=0.0 must be between"),
        ({"temperature": "hot"}, TypeError, "temperature='hot' must be a float"),
        ({"top_p": 1.2}, ValueError, "top_p=1.2 must be above 0 and at most 1"),
        ({"top_k": -1}, ValueError, "top_k=-1 must be at least 0"),
        ({"do_sample": 1}, TypeError, "do_sample=1 must be a bool"),
        ({"max_new_tokens": 0}, ValueError, "max_new_tokens=0 must be at least 1"),
        ({"max_new_tokens": 32}, ValueError, "max_length=33"),
        (
            {"max_new_tokens": 3, "min_new_tokens": 4},
            ValueError,
            "min_new_tokens=4 must not be above max_new_tokens=3",
        ),
        (
            {"num_beams": 2, "num_return_sequences": 3, "do_sample": True},
            ValueError,
            "num_return_sequences=3 must not be above num_beams=2",
        ),
        (
            {"num_beams": 4, "num_beam_groups": 3},
            ValueError,
            "num_beam_groups=3 must divide num_beams=4",
        ),
        (
            {"num_beams": 4, "num_beam_groups": 2, "do_sample": True},
            ValueError,
            "num_beam_groups=2 cannot be combined with do_sample=True",
        ),
        (
            {"num_beams": 4, "diversity_penalty": 0.5},
            ValueError,
            "diversity_penalty=0.5 needs num_beam_groups above 1",
        ),
        (
            {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": -1.0},
            ValueError,
            "diversity_penalty=-1.0 must be between 0",
        ),
        (
            {"use_cache": False, "output_attentions": True},
            ValueError,
            "output_attentions=True needs use_cache=True",
        ),
        ({"output_scores": 1}, TypeError, "output_scores=1 must be a bool"),
        ({"num_beems": 2}, TypeError, "unknown generation option 'num_beems'"),
        ({"low_memory": True}, TypeError, "'low_memory': it is for contrastive search only"),
        ({"labels": [[1]]}, TypeError, "'labels': they do not change the outputs: give generate"),
        ({"disable_compile": True}, TypeError, "'disable_compile': it would not change the outp"),
        ({"return_dict": True}, TypeError, "'return_dict': use return_dict_in_generate"),
        ({"engine": "onnx"}, ValueError, "engine='onnx'"),
    ],
)
def test_invalid_option_is_named_with_its_value(model, options, error, message):
    with pytest.raises(error, match=message):
        model.generate(np.array([[2, 3]]), **options)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"input_ids": np.array([[60]])}, "ids outside"),
        (
            {"input_ids": np.ones((2, 3), int), "decoder_input_ids": np.ones((1, 3), int)},
            "decoder_input_ids has 1 rows, input_ids 2",
        ),
        (
            {"input_ids": np.ones((1, 3), int), "decoder_input_ids": np.array([[60]])},
            "decoder_input_ids holds ids outside",
        ),
        (
            {"input_ids": np.ones((1, 3), int), "decoder_input_ids": np.zeros((1, 20), int)},
            "max_length=20 leaves nothing to generate after decoder_input_ids of 20",
        ),
        (
            {"input_ids": np.ones((1, 3), int), "decoder_input_ids": np.zeros((1, 0), int)},
            "its length must be static and at least 1",
        ),
        ({"input_ids": np.ones((1, 33), int)}, "33 tokens per row"),
        ({"input_ids": np.array([2, 3])}, r"shape \(batch, length\)"),
        (
            {"input_ids": np.ones((1, 3), int), "attention_mask": np.ones((1, 2), int)},
            r"attention_mask has the shape \(1, 2\)",
        ),
        ({"attention_mask": np.ones((1, 2), int)}, "input_ids is missing"),
    ],
)
def test_invalid_source_is_refused(model, inputs, message):
    with pytest.raises(ValueError, match=message):
        model.generate(**inputs)


def test_options_may_be_the_second_argument(model):
    ids = np.array([[2, 3]])
    options = GenerationConfig(max_length=4, min_length=4)
    expected = model.generate(ids, generation_config=options, engine="eager")
    np.testing.assert_array_equal(model.generate(ids, options, engine="eager"), expected)
    assert expected.shape == (1, 4)
    with pytest.raises(TypeError, match="attention_mask, got a GenerationConfig, and generation_c"):
        model.generate(ids, options, generation_config=options)
