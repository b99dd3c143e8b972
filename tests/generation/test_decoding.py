"""The common part of searches: sampling, prompts, decoding without cache, runtime options."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.fake_decoding import FakeDecoding, by_hand, log_softmax
from helpers.generation import up_to_eos
from helpers.tiny import GOLDEN_MODELS
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus import GenerationConfig
from tf_pegasus.generation.decoding import RuntimeOptions

# Runtime options: the largest values that a program is traced for, and the values of a call.
LARGEST = {"num_beams": 6, "max_length": 20}
VALUES = [(1, 20, 0.8), (2, 9, -1.0), (3, 20, 2.0), (5, 13, 0.0)]
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
def test_seed_determines_samples_in_all_engines(goldens, number):
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


def test_calls_without_a_seed_draw_different_samples(golden):
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


def test_temperature_near_zero_is_greedy(golden):
    options = {"max_length": 10, "engine": "graph"}
    cold = golden.model.generate(golden.source, do_sample=True, temperature=1e-4, **options)
    greedy = golden.model.generate(golden.source, **options)
    assert up_to_eos(cold) == up_to_eos(greedy)
    alone = golden.model.generate(golden.source, do_sample=True, top_k=1, **options)
    assert up_to_eos(alone) == up_to_eos(greedy)


@pytest.mark.parametrize("engine", ["eager", "xla"])
@pytest.mark.parametrize("options", [{"num_beams": 1}, {"num_beams": 4, "length_penalty": 0.6}])
def test_without_cache_the_ids_are_the_same(golden, options, engine):
    options = {"max_length": 12, "engine": engine, **options}
    np.testing.assert_array_equal(
        golden.model.generate(golden.source, use_cache=False, **options),
        golden.model.generate(golden.source, **options),
    )


def test_a_long_prompt_does_not_enlarge_the_program(model):
    """The tokens of the prompt are processed in one loop."""
    sizes = []
    for length in (2, 12):
        settings = model.generation_config.updated(num_beams=2, max_length=16)
        traced = model._program("graph", length, settings).get_concrete_function()
        sizes.append(len(traced.graph.as_graph_def().SerializeToString()))
    assert sizes[1] < 1.05 * sizes[0]


@pytest.mark.parametrize(
    "options",
    [
        {"early_stopping": False},
        {"early_stopping": "never", "no_repeat_ngram_size": 2},
        {"early_stopping": True, "forced_eos_token_id": 1, "min_length": 4},
        {"length_penalty_type": "gnmt"},
    ],
    ids=str,
)
def test_search_with_runtime_options_equals_generate(goldens, options):
    golden = goldens["tiny-relu"]
    ids, mask = (tf.constant(golden.source[n], tf.int32) for n in ("input_ids", "attention_mask"))
    settings = golden.model.generation_config.updated(
        **LARGEST, **options, num_return_sequences=6, return_dict_in_generate=True
    )
    scalars = [tf.TensorSpec((), dtype) for dtype in (tf.int32, tf.int32, tf.float32)]

    @tf.function(input_signature=scalars, autograph=False)
    def search(num_beams, max_length, length_penalty):
        runtime = RuntimeOptions(num_beams, max_length, length_penalty)
        return golden.model.search(ids, mask, settings, runtime)

    for num_beams, max_length, length_penalty in VALUES:
        if num_beams == 1 and "length_penalty_type" in options:
            continue  # greedy search scores unfinished sequences differently from the authors
        sequences, scores = search(num_beams, max_length, length_penalty)
        expected = golden.model.generate(
            ids,
            mask,
            engine="graph",
            num_beams=num_beams,
            max_length=max_length,
            length_penalty=length_penalty,
            num_return_sequences=1,
            return_dict_in_generate=True,
            **options,
        )
        best = sequences.numpy().reshape(len(ids), 6, 20)[:, 0]
        length = expected.sequences.shape[1]
        np.testing.assert_array_equal(best[:, :length], expected.sequences)
        assert not best[:, length:].any()
        scores = scores.numpy().reshape(len(ids), 6)
        np.testing.assert_allclose(scores[:, 0], expected.sequences_scores, atol=1e-4)
        # Unused beams have found nothing.
        assert (scores[:, num_beams:] == -1e9).all()
    assert search.experimental_get_tracing_count() == 1


def test_gumbel_noise_draws_with_the_frequencies_of_the_distribution():
    probabilities = np.array([0.5, 0.3, 0.15, 0.05])
    count = 20_000
    decoding = FakeDecoding(by_hand({}), do_sample=True, seed=7)
    scores = tf.tile(tf.math.log(tf.constant(probabilities, tf.float32))[None, None], (1, count, 1))
    noisy = decoding.perturbed(scores, tf.constant(3)).numpy()[0]
    order = np.argsort(-noisy, axis=1)
    # Four standard deviations of a share.
    tolerance = 4 * np.sqrt(0.25 / count)
    first = np.bincount(order[:, 0], minlength=4) / count
    np.testing.assert_allclose(first, probabilities, atol=tolerance)
    # The two largest are two samples without replacement.
    for a, b in itertools.permutations(range(4), 2):
        share = np.mean((order[:, 0] == a) & (order[:, 1] == b))
        expected = probabilities[a] * probabilities[b] / (1 - probabilities[a])
        np.testing.assert_allclose(share, expected, atol=tolerance)


def test_noise_depends_only_on_seed_and_position():
    def noise(seed, length):
        decoding = FakeDecoding(by_hand({}), do_sample=True, seed=seed)
        return decoding.perturbed(tf.zeros((2, 3, 5)), tf.constant(length)).numpy()

    np.testing.assert_array_equal(noise(1, 4), noise(1, 4))
    assert np.isfinite(noise(1, 4)).all()
    for other in (noise(2, 4), noise(1, 5)):
        assert not np.any(noise(1, 4) == other)


def test_scores_are_not_perturbed_without_sampling():
    scores = tf.ones((1, 2, 3))
    np.testing.assert_array_equal(FakeDecoding(by_hand({})).perturbed(scores, 2), scores)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.integers(2, 40))
def test_scores_are_log_probabilities(seed, size):
    logits = np.random.default_rng(seed).normal(size=(2, 3, size)).astype("float32") * 5
    sequences = tf.zeros((2, 3, 20), tf.int32)
    for options in ({"num_beams": 3}, {"num_beams": 3, "suppress_tokens": [0]}):
        scores = FakeDecoding(by_hand({}), 2, **options).scored(logits, sequences, tf.constant(1))
        found = np.array(scores.values - scores.normalizer)
        expected = np.array([[log_softmax(row) for row in rows] for rows in logits])
        if "suppress_tokens" in options:
            expected[..., 0] = -np.inf
        np.testing.assert_allclose(found, expected, atol=1e-4)
