import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import GOLDEN_MODELS, tiny_config
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus import GenerationConfig, TFPegasusForConditionalGeneration
from tf_pegasus.generation.logits_processors import (
    keep_top_k,
    keep_top_p,
    keep_typical,
    no_repeat_ngram,
    penalize_repetition,
)
from tf_pegasus.generation.top_k import best_continuations

EOS = 1
NUM_CASES = 33


def up_to_eos(rows):
    """The rows as lists, start token left out, cut behind the first eos.

    The peer fills finished rows with eos where we fill with pad.
    """
    cut = []
    for row in np.asarray(rows)[:, 1:].tolist():
        cut.append(row[: row.index(EOS) + 1] if EOS in row else [i for i in row if i != 0])
    return cut


def generate(golden, number, engine):
    options = {"forced_eos_token_id": EOS, **golden.cases[number]}
    return golden.model.generate(
        golden.source,
        decoder_input_ids=options.pop("decoder_input_ids", None),
        generation_config=GenerationConfig.from_dict(options),
        engine=engine,
        return_dict_in_generate=True,
    )


def assert_is_the_peers(golden, number, outputs):
    expected = golden.arrays[f"sequences_{number}"]
    assert up_to_eos(outputs.sequences) == up_to_eos(expected), golden.cases[number]
    assert outputs.sequences.shape[1] <= expected.shape[1]
    if f"scores_{number}" in golden.arrays:
        np.testing.assert_allclose(
            outputs.sequences_scores, golden.arrays[f"scores_{number}"], atol=1e-4
        )


def test_every_golden_case_is_tested(golden):
    assert len(golden.cases) == NUM_CASES


@pytest.mark.parametrize("number", range(NUM_CASES))
def test_eager_ids_and_scores_are_the_peers(golden, number):
    assert_is_the_peers(golden, number, generate(golden, number, "eager"))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["graph", "xla"])
@pytest.mark.parametrize("number", range(NUM_CASES))
def test_compiled_ids_and_scores_are_the_peers_and_eagers(goldens, number, engine):
    # Each case on one of the models: compiling is what takes the time.
    golden = goldens[GOLDEN_MODELS[number % 2]]
    outputs = generate(golden, number, engine)
    assert_is_the_peers(golden, number, outputs)
    eager = generate(golden, number, "eager")
    np.testing.assert_array_equal(outputs.sequences, eager.sequences)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_inside_a_function_of_the_user(golden, jit_compile):
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


def test_a_row_does_not_depend_on_its_batch(golden):
    options = {"num_beams": 4, "max_length": 12, "engine": "graph"}
    together = golden.model.generate(golden.source, **options)
    for index in range(4):
        length = golden.source["attention_mask"][index].sum()
        alone = golden.model.generate(
            golden.source["input_ids"][index : index + 1, :length], **options
        )
        assert up_to_eos(alone) == up_to_eos(together[index : index + 1])


def test_mask_defaults_to_all_but_pad(golden):
    ids = golden.source["input_ids"]
    with_mask = golden.model.generate(golden.source, engine="eager", num_beams=2)
    np.testing.assert_array_equal(
        golden.model.generate(ids, engine="eager", num_beams=2), with_mask
    )


@pytest.mark.parametrize("num_beams", [1, 3])
def test_row_without_tokens_gets_none(golden, num_beams):
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


def test_every_row_empty(golden):
    ids = np.zeros((2, 3), int)
    assert golden.model.generate(ids, engine="eager", num_beams=2).shape == (2, 1)


def test_score_is_the_models_log_probability(golden):
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


def test_more_beams_find_no_worse_hypotheses(golden):
    scores = [
        golden.model.generate(
            golden.source,
            num_beams=beams,
            length_penalty=0.0,
            early_stopping="never",
            max_length=8,
            engine="graph",
            return_dict_in_generate=True,
        ).sequences_scores.numpy()
        for beams in (1, 16)
    ]
    assert (scores[1] >= scores[0] - 1e-5).all()


@pytest.mark.parametrize("num_beams", [1, 4])
def test_no_ngram_is_repeated(golden, num_beams):
    sequences = golden.model.generate(
        golden.source, num_beams=num_beams, no_repeat_ngram_size=2, max_length=40, engine="graph"
    )
    for tokens in up_to_eos(sequences):
        pairs = list(itertools.pairwise(tokens))
        assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize("num_beams", [1, 4])
def test_lengths_are_bounded(golden, num_beams):
    sequences = golden.model.generate(
        golden.source, num_beams=num_beams, min_length=7, max_length=10, engine="graph"
    )
    lengths = [len(tokens) + 1 for tokens in up_to_eos(sequences)]
    assert min(lengths) >= 8  # eos stands behind the seven that min_length asks for
    assert max(lengths) <= 10


def test_training_changes_what_is_generated(batch):
    model = TFPegasusForConditionalGeneration(tiny_config(dropout=0.0, init_std=0.2))
    source = {name: batch[name] for name in ("input_ids", "attention_mask")}
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    model.generate(source, num_beams=2, max_length=6, engine="graph")
    model.fit(batch, epochs=120, verbose=0)
    learnt = model.generate(source, num_beams=2, max_length=6, engine="graph")
    assert up_to_eos(learnt) == [[i for i in row if i > 0] for row in batch["labels"].tolist()]


def test_the_configurations_output_options_change_nothing(batch):
    settings = {"return_dict": False, "output_attentions": True, "output_hidden_states": True}
    model = TFPegasusForConditionalGeneration(tiny_config())
    other = TFPegasusForConditionalGeneration(tiny_config(**settings))
    other.set_weights(model.get_weights())
    options = {"num_beams": 2, "engine": "eager"}
    expected = model.generate(batch["input_ids"], **options)
    np.testing.assert_array_equal(other.generate(batch["input_ids"], **options), expected)


def test_shapes_share_one_trace(config):
    model = TFPegasusForConditionalGeneration(config)
    traces = []
    encoder_call = model.model.encoder.call
    model.model.encoder.call = lambda *a, **k: (traces.append(1), encoder_call(*a, **k))[1]
    for rows, length in ((3, 5), (4, 16), (3, 11), (1, 30)):
        model.generate(np.full((rows, length), 7), num_beams=2, max_length=4, engine="graph")
    assert len(traces) == 1


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_generates(config, policy, batch):
    model = TFPegasusForConditionalGeneration(config, dtype=policy)
    outputs = model.generate(
        batch["input_ids"], num_beams=2, engine="graph", return_dict_in_generate=True
    )
    assert np.isfinite(outputs.sequences_scores).all()


# Sampling

SAMPLING = [
    {},
    {"temperature": 0.6, "top_k": 5},
    {"top_k": 0, "top_p": 0.8, "num_return_sequences": 3},
    {"top_k": 20, "typical_p": 0.7, "repetition_penalty": 1.4},
    {"num_beams": 3, "temperature": 1.5},
    {"num_beams": 4, "top_p": 0.9, "num_return_sequences": 2, "no_repeat_ngram_size": 2},
]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(SAMPLING)))
def test_a_seed_draws_the_same_in_all_engines(goldens, number):
    golden = goldens[GOLDEN_MODELS[number % 2]]
    options = {"do_sample": True, "max_length": 12, **SAMPLING[number]}
    drawn = {
        (engine, seed): golden.model.generate(golden.source, engine=engine, seed=seed, **options)
        for engine in ("eager", "graph", "xla")
        for seed in (0, 1, 99)
    }
    for seed in (0, 1, 99):
        for engine in ("graph", "xla"):
            np.testing.assert_array_equal(drawn[engine, seed], drawn["eager", seed])
    assert up_to_eos(drawn["eager", 0]) != up_to_eos(drawn["eager", 1])
    assert len(drawn["eager", 0]) == 4 * options.get("num_return_sequences", 1)


def test_without_a_seed_each_call_draws_anew(golden):
    options = {"do_sample": True, "engine": "graph", "max_length": 12, "top_k": 0}
    first, second = (golden.model.generate(golden.source, **options) for _ in range(2))
    assert up_to_eos(first) != up_to_eos(second)
    keras.utils.set_random_seed(4)
    third = golden.model.generate(golden.source, **options)
    keras.utils.set_random_seed(4)
    np.testing.assert_array_equal(golden.model.generate(golden.source, **options), third)


def test_samples_follow_the_models_distribution(golden):
    source = {name: value[:1] for name, value in golden.source.items()}
    count = 4000
    sequences = golden.model.generate(
        source,
        do_sample=True,
        top_k=0,
        max_length=2,
        num_return_sequences=count,
        forced_eos_token_id=None,
        generation_config=GenerationConfig(),
        engine="graph",
        seed=3,
    ).numpy()
    start = np.zeros((1, 1), int)
    logits = golden.model(source, decoder_input_ids=start).logits[0, 0].numpy()
    expected = np.exp(logits - logits.max())
    expected /= expected.sum()
    drawn = np.bincount(sequences[:, 1], minlength=len(expected)) / count
    # Four standard deviations of a share of 4,000.
    np.testing.assert_allclose(
        drawn, expected, atol=4 * np.sqrt(expected.max() * (1 - expected.max()) / count)
    )


def test_a_temperature_near_zero_is_greedy(golden):
    options = {"max_length": 10, "engine": "graph"}
    cold = golden.model.generate(golden.source, do_sample=True, temperature=1e-4, **options)
    greedy = golden.model.generate(golden.source, **options)
    assert up_to_eos(cold) == up_to_eos(greedy)
    alone = golden.model.generate(golden.source, do_sample=True, top_k=1, **options)
    assert up_to_eos(alone) == up_to_eos(greedy)


# Parts


def scores_of(*rows):
    return tf.constant(rows, tf.float32)


def kept(process, scores):
    """Which tokens a warper leaves, by row."""
    result = process(None, None, scores).numpy()
    np.testing.assert_array_equal(result[np.isfinite(result)], scores.numpy()[np.isfinite(result)])
    return [np.flatnonzero(np.isfinite(row)).tolist() for row in result]


def test_warpers_keep_what_they_should():
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


def test_repetition_penalty_by_sign():
    sequences = tf.constant([[3, 1, 0, 0]])
    scores = scores_of([1.0, 2.0, -1.0, -2.0])
    result = penalize_repetition(2.0)(sequences, tf.constant(2), scores)
    np.testing.assert_allclose(result, [[1.0, 1.0, -1.0, -4.0]])


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 700),
    st.integers(1, 16),
    st.integers(0, 2**31),
    st.sampled_from([1, 5, 1000]),
)
def test_two_stage_top_k_is_exact(batch, rows, n, k, seed, distinct):
    k = min(k, rows * n)
    random = np.random.default_rng(seed)
    scores = random.integers(0, distinct, (batch, rows, n)).astype("float32")
    scores[random.random(scores.shape) < 0.3] = -math.inf
    offsets = random.integers(0, 3, (batch, rows, 1)).astype("float32")
    values, indices = best_continuations(tf.constant(scores), tf.constant(offsets), k)
    expected = tf.math.top_k((scores + offsets).reshape(batch, rows * n), k)
    np.testing.assert_array_equal(values, expected.values)
    np.testing.assert_array_equal(indices, expected.indices)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4), st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_no_repeat_ngram_forbids_just_what_repeats(size, tokens):
    padded = np.full((1, 14), 2, "int32")
    padded[0, : len(tokens)] = tokens
    result = no_repeat_ngram(size)(tf.constant(padded), tf.constant(len(tokens)), tf.zeros((1, 5)))
    seen = {tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)}
    start = len(tokens) - size + 1
    prefix = tuple(tokens[start:]) if start >= 0 else None
    forbidden = [prefix is not None and (*prefix, token) in seen for token in range(5)]
    np.testing.assert_array_equal(np.isinf(result[0]), forbidden)


# Options


def test_generation_config_round_trip(tmp_path):
    config = GenerationConfig.from_dict({"num_beams": 8, "max_length": 64, "top_h": 50})
    config.save_pretrained(tmp_path)
    again = GenerationConfig.from_pretrained(tmp_path)
    assert again == config
    assert again.extra == {"top_h": 50}


def test_generation_config_of_the_peer(golden):
    config = GenerationConfig.from_pretrained(golden.path)
    assert config.forced_eos_token_id == EOS
    assert config.num_beams == 1


def test_old_options_in_the_model_configuration():
    model = TFPegasusForConditionalGeneration(tiny_config(num_beams=3, length_penalty=0.6))
    assert model.generation_config.num_beams == 3
    assert model.generation_config.length_penalty == 0.6
    assert model.generation_config.forced_eos_token_id == EOS


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
        ({"begin_suppress_tokens": [1.5]}, ValueError, "begin_suppress_tokens must hold ids"),
        ({"bad_words_ids": [[1], []]}, ValueError, "bad_words_ids holds an empty word"),
        ({"bad_words_ids": [7]}, ValueError, "bad_words_ids must hold ids"),
        ({"bad_words_ids": 7}, TypeError, "bad_words_ids=7 must be a list of lists"),
        ({"temperature": 0.0}, ValueError, "temperature=0.0 must be above 0"),
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
            "num_beam_groups=2 excludes do_sample=True",
        ),
        (
            {"num_beams": 4, "diversity_penalty": 0.5},
            ValueError,
            "diversity_penalty=0.5 needs num_beam_groups above 1",
        ),
        (
            {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": -1.0},
            ValueError,
            "diversity_penalty=-1.0 must be at least 0",
        ),
        (
            {"use_cache": False, "output_attentions": True},
            ValueError,
            "output_attentions=True needs use_cache=True",
        ),
        ({"output_scores": 1}, TypeError, "output_scores=1 must be a bool"),
        ({"num_beems": 2}, TypeError, "unknown generation option 'num_beems'"),
        ({"engine": "onnx"}, ValueError, "engine='onnx'"),
    ],
)
def test_bad_options(model, options, error, message):
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
            "max_length=20 leaves nothing to generate behind decoder_input_ids of 20",
        ),
        (
            {"input_ids": np.ones((1, 3), int), "decoder_input_ids": np.zeros((1, 0), int)},
            "its length must be known and at least 1",
        ),
        ({"input_ids": np.ones((1, 33), int)}, "33 tokens a row"),
        ({"input_ids": np.array([2, 3])}, r"shape \(batch, length\)"),
        (
            {"input_ids": np.ones((1, 3), int), "attention_mask": np.ones((1, 2), int)},
            r"attention_mask has the shape \(1, 2\)",
        ),
        ({"attention_mask": np.ones((1, 2), int)}, "input_ids is missing"),
    ],
)
def test_bad_sources(model, inputs, message):
    with pytest.raises(ValueError, match=message):
        model.generate(**inputs)


def test_damaged_generation_config(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no generation_config\.json"):
        GenerationConfig.from_pretrained(tmp_path)
    (tmp_path / "generation_config.json").write_text("{")
    with pytest.raises(ValueError, match="not valid JSON"):
        GenerationConfig.from_pretrained(tmp_path)
