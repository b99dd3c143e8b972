"""Beam search over a fake language model, and compared with the reference implementations."""

import functools
import json

import numpy as np
import pytest
from helpers.fake_decoding import (
    EOS,
    PAD,
    FakeDecoding,
    all_hypotheses,
    at_random,
    by_hand,
    log_softmax,
    padded,
)
from helpers.generation import up_to_eos
from helpers.plain_beam_search import plain_beam_search
from helpers.tiny import GOLDEN_MODELS, GOLDENS, tiny_config
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus import GenerationConfig, TFPegasusForConditionalGeneration
from tf_pegasus.generation.beam_search import beam_search

GROUP_CASES = json.loads((GOLDENS / "groups.json").read_text())
BOTH_PENALTIES = [("length", lambda length: length), ("gnmt", lambda length: (5 + length) / 6)]
# Greedy search takes 2, 4 and ends with 0.2; the best hypothesis is 3, 4 with 0.36.
GARDEN_PATH = by_hand(
    {
        (): {2: 0.5, 3: 0.4, EOS: 0.1},
        (2,): {4: 0.4, 5: 0.35, EOS: 0.25},
        (3,): {4: 0.9, EOS: 0.1},
    }
)


def search(table, **options):
    """Returns the `(score, tokens)` of each hypothesis of a search for one source."""
    hypotheses, _, _ = beam_search(FakeDecoding(table, **options))
    found = []
    for score, sequence in zip(
        hypotheses.scores[0].numpy(), hypotheses.sequences[0].numpy().tolist(), strict=True
    ):
        assert sequence[0] == PAD
        tokens = sequence[1:]
        found.append((score, tokens[: tokens.index(EOS) + 1] if EOS in tokens else tokens))
    return found


def assert_found(found, expected):
    """Compares lists of `(score, tokens)`."""
    assert [tokens for _, tokens in found] == [list(tokens) for _, tokens in expected]
    np.testing.assert_allclose([s for s, _ in found], [s for s, _ in expected], atol=1e-4)


def test_beams_find_the_hypothesis_that_greedy_search_misses():
    found = search(GARDEN_PATH, num_beams=2, num_return_sequences=2, max_length=4)
    assert_found(found, [(np.log(0.36) / 3, [3, 4, EOS]), (np.log(0.2) / 3, [2, 4, EOS])])


@pytest.mark.parametrize("exponent", [0.0, 0.8, 2.0])
@pytest.mark.parametrize(("kind", "base"), BOTH_PENALTIES)
def test_scores_are_divided_by_the_length_penalty(kind, base, exponent):
    found = search(
        GARDEN_PATH, num_beams=2, max_length=4, length_penalty=exponent, length_penalty_type=kind
    )
    assert_found(found, [(np.log(0.36) / base(3) ** exponent, [3, 4, EOS])])


@pytest.mark.parametrize(
    ("early_stopping", "second"), [(True, (0.22, [2, EOS])), (False, (0.25, [3, 4, EOS]))]
)
def test_early_stopping_stops_before_a_better_hypothesis_finishes(early_stopping, second):
    # After two tokens, two hypotheses are finished, 0.35 and 0.22, and 0.25 is still running.
    table = by_hand({(): {EOS: 0.35, 2: 0.4, 3: 0.25}, (2,): {EOS: 0.55, 4: 0.45}, (3,): {4: 1.0}})
    found = search(
        table,
        num_beams=2,
        num_return_sequences=2,
        max_length=6,
        length_penalty=0.0,
        early_stopping=early_stopping,
    )
    assert_found(found, [(np.log(0.35), [EOS]), (np.log(second[0]), second[1])])


@pytest.mark.parametrize(
    ("early_stopping", "second"),
    [(False, (np.log(0.45), [EOS])), ("never", (np.log(0.1) / 4, [2, 4, 5, EOS]))],
)
def test_never_waits_for_hypotheses_that_the_length_penalty_may_improve(early_stopping, second):
    # The running hypothesis has 0.1: log(0.1) / 2 is below log(0.45), log(0.1) / 4 is not.
    table = by_hand({(): {EOS: 0.45, 2: 0.5, 3: 0.05}, (2,): {EOS: 0.8, 4: 0.2}, (2, 4): {5: 1.0}})
    found = search(
        table,
        num_beams=2,
        num_return_sequences=2,
        max_length=5,
        length_penalty=1.0,
        early_stopping=early_stopping,
    )
    assert_found(found, [(np.log(0.4) / 2, [2, EOS]), second])


def test_hypotheses_at_max_length_count_as_finished():
    found = search(GARDEN_PATH, num_beams=2, num_return_sequences=2, max_length=3)
    assert_found(found, [(np.log(0.36) / 2, [3, 4]), (np.log(0.2) / 2, [2, 4])])


def test_gnmt_search_prefers_finished_hypotheses():
    found = search(
        GARDEN_PATH,
        num_beams=2,
        num_return_sequences=2,
        max_length=3,
        length_penalty=0.0,
        length_penalty_type="gnmt",
    )
    # 3, 4 has 0.36 but has not ended.
    assert_found(found, [(np.log(0.125), [2, EOS]), (np.log(0.1), [EOS])])


def test_a_forced_eos_costs_nothing():
    found = search(
        GARDEN_PATH, num_beams=2, max_length=3, length_penalty=0.0, forced_eos_token_id=EOS
    )
    assert_found(found, [(np.log(0.5), [2, EOS])])


def test_groups_avoid_the_tokens_of_earlier_groups():
    found = search(
        GARDEN_PATH,
        num_beams=2,
        num_beam_groups=2,
        num_return_sequences=2,
        diversity_penalty=10.0,
        max_length=4,
        length_penalty=0.0,
    )
    # The second group may take neither 2 nor, after 3, the 4 that the first one takes.
    assert_found(found, [(np.log(0.2), [2, 4, EOS]), (np.log(0.04), [3, EOS])])


def test_groups_avoid_the_tokens_earlier_groups_continue_with():
    # As in `transformers`: the first group continues with 2, also in the last step.
    found = search(
        by_hand({(): {EOS: 0.6, 2: 0.3, 3: 0.1}}),
        num_beams=2,
        num_beam_groups=2,
        num_return_sequences=2,
        diversity_penalty=10.0,
        max_length=2,
    )
    assert_found(found, [(np.log(0.6), [EOS]), (np.log(0.6), [EOS])])


def test_source_without_tokens_gets_no_tokens_and_score_zero():
    hypotheses, _, _ = beam_search(
        FakeDecoding(
            GARDEN_PATH, rows=3, empty_rows=[1], num_beams=2, num_return_sequences=2, max_length=4
        )
    )
    assert not np.any(hypotheses.sequences[1])
    assert not np.any(hypotheses.scores[1])
    expected = [padded([3, 4, EOS], 4), padded([2, 4, EOS], 4)]
    for row in (0, 2):
        np.testing.assert_array_equal(hypotheses.sequences[row], expected)


def test_batch_without_tokens_takes_no_step():
    decoding = FakeDecoding(GARDEN_PATH, rows=2, empty_rows=[0, 1], num_beams=2, max_length=4)
    _, _, steps = beam_search(decoding)
    assert int(steps) == 0


def test_the_search_stops_when_no_source_can_improve():
    table = by_hand({(): {EOS: 0.6, 2: 0.4}})
    _, _, steps = beam_search(FakeDecoding(table, num_beams=2, max_length=30))
    assert int(steps) == 2


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), exponent=st.floats(-2, 3))
def test_with_beams_for_all_hypotheses_the_search_is_exhaustive(seed, exponent):
    table = at_random(seed, vocab_size=4)
    hypotheses = all_hypotheses(table, 0, steps=3)
    scored = sorted(
        ((total / len(tokens) ** exponent, tokens) for tokens, total in hypotheses.items()),
        reverse=True,
    )
    found = search(
        table,
        num_beams=len(hypotheses),
        num_return_sequences=5,
        max_length=4,
        length_penalty=exponent,
        early_stopping="never",
    )
    assert_found(found, scored[:5])


@settings(max_examples=16, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    num_beams=st.integers(2, 4),
    max_length=st.integers(2, 6),
    options=st.fixed_dictionaries(
        {
            "length_penalty": st.sampled_from([-1.0, 0.0, 0.6, 2.0]),
            "length_penalty_type": st.sampled_from(["length", "gnmt"]),
            "early_stopping": st.sampled_from([True, False, "never"]),
            "forced_eos_token_id": st.sampled_from([None, EOS]),
            "min_length": st.sampled_from([0, 2]),
            "eos_token_id": st.sampled_from([EOS, (EOS, 3), (4, EOS, 2)]),
        }
    ),
)
def test_beam_search_equals_plain_python(seed, num_beams, max_length, options):
    table = at_random(seed, vocab_size=16)
    options = {"num_beams": num_beams, "max_length": max_length, **options}
    options["num_return_sequences"] = num_beams
    assert_equals_plain_python(table, options)


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    groups=st.sampled_from([(2, 2), (4, 2), (3, 3), (6, 3)]),
    penalty=st.sampled_from([0.0, 0.4, 3.0]),
    early_stopping=st.sampled_from([True, False, "never"]),
    eos=st.sampled_from([EOS, (EOS, 3)]),
)
def test_diverse_beam_search_equals_plain_python(seed, groups, penalty, early_stopping, eos):
    num_beams, num_groups = groups
    assert_equals_plain_python(
        at_random(seed, vocab_size=12),
        {
            "num_beams": num_beams,
            "num_beam_groups": num_groups,
            "num_return_sequences": num_beams,
            "diversity_penalty": penalty,
            "early_stopping": early_stopping,
            "eos_token_id": eos,
            "forced_eos_token_id": EOS,
            "max_length": 5,
        },
    )


def assert_equals_plain_python(table, options):
    # Some sources are finished while others are not.
    hypotheses, _, _ = beam_search(FakeDecoding(table, rows=8, **options))
    for row in range(8):
        expected = plain_beam_search(table, row, GenerationConfig(**options))
        expected = expected[: options["num_return_sequences"]]
        # A forced eos can leave fewer candidates than there are beams.
        expected = [(score, tokens) for score, tokens in expected if score > -np.inf]
        np.testing.assert_array_equal(
            hypotheses.sequences[row, : len(expected)],
            [padded(tokens, options["max_length"]) for _, tokens in expected],
        )
        scores = hypotheses.scores[row].numpy()
        np.testing.assert_allclose(
            scores[: len(expected)], [score for score, _ in expected], atol=1e-4
        )
        assert (scores[len(expected) :] < -1e8).all()


@pytest.mark.parametrize("seed", range(3))
def test_sampled_beams_have_the_scores_of_their_tokens(seed):
    table = at_random(seed)
    found = search(
        table,
        num_beams=3,
        num_return_sequences=3,
        do_sample=True,
        top_k=0,
        max_length=5,
        seed=seed,
    )
    for score, tokens in found:
        gains = [
            log_softmax(table(0, tuple(tokens[:place])))[token]
            for place, token in enumerate(tokens)
        ]
        np.testing.assert_allclose(score, sum(gains) / len(tokens), atol=1e-4)
    assert [score for score, _ in found] == sorted((s for s, _ in found), reverse=True)


def test_more_beams_do_not_find_worse_hypotheses(golden):
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


def diverse_beams(golden, number, engine):
    return golden.model.generate(
        golden.source,
        max_length=14,
        engine=engine,
        return_dict_in_generate=True,
        **GROUP_CASES[number],
    )


@pytest.fixture(scope="module")
def eager_diverse_beams(goldens):
    """Returns a function `(name, number)` that runs a case with the eager engine, once."""
    return functools.cache(lambda name, number: diverse_beams(goldens[name], number, "eager"))


@pytest.mark.parametrize("number", range(len(GROUP_CASES)))
@pytest.mark.parametrize("name", GOLDEN_MODELS)
def test_diverse_beams_equal_the_reference(eager_diverse_beams, name, number):
    reference = np.load(GOLDENS / "groups.npz")
    outputs = eager_diverse_beams(name, number)
    assert up_to_eos(outputs.sequences) == up_to_eos(reference[f"{name}:sequences_{number}"])
    expected = reference[f"{name}:scores_{number}"]
    np.testing.assert_allclose(outputs.sequences_scores, expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["graph", "xla"])
@pytest.mark.parametrize("number", range(len(GROUP_CASES)))
def test_compiled_diverse_beams_equal_eager_ones(goldens, number, engine, eager_diverse_beams):
    name = GOLDEN_MODELS[number % 2]
    np.testing.assert_array_equal(
        diverse_beams(goldens[name], number, engine).sequences,
        eager_diverse_beams(name, number).sequences,
    )


@pytest.mark.parametrize("engine", ["eager", "graph", "xla"])
@pytest.mark.parametrize("alpha", [0.0, 0.8])
def test_gnmt_penalty_reproduces_the_authors_search(alpha, engine):
    """The authors' beam search, run on their own graph, prefers finished hypotheses."""
    model = TFPegasusForConditionalGeneration.from_pretrained(
        GOLDENS / "tiny-original" / "model.ckpt-1500",
        encoder_attention_heads=4,
        decoder_attention_heads=4,
    )
    authors = np.load(GOLDENS / "tiny-original" / "outputs.npz")
    outputs = model.generate(
        authors["input_ids"],
        generation_config=GenerationConfig(
            num_beams=4, max_new_tokens=8, length_penalty=alpha, length_penalty_type="gnmt"
        ),
        engine=engine,
    )
    np.testing.assert_array_equal(outputs[:, 1:], authors[f"sequences:{alpha}"])


def body_of_the_search(model, **options):
    """Returns the body of the while loop of a traced search, a function graph."""
    settings = model.with_token_ids(GenerationConfig(**options))
    traced = model._program("graph", 1, settings).get_concrete_function()
    loops = [op for op in traced.graph.get_operations() if op.type in ("While", "StatelessWhile")]
    assert len(loops) == 1
    return traced.graph._get_function(loops[0].get_attr("body").name).graph


def sizes_of(graph, types, static):
    """Returns sizes of the outputs of a graph's ops, counting unknown dimensions as `static`."""
    sizes = {}
    for op in graph.get_operations():
        if op.type in types:
            shape = [static if n is None else n for n in op.outputs[0].shape]
            sizes[op.name] = int(np.prod(shape))
    return sizes


def test_a_step_copies_neither_cache_nor_source():
    """Reordering beams gathers sequences and ancestors, but not keys and values.

    The keys and values of the source are not repeated for the beams.
    """
    beams, length, source = 4, 30, 11
    config = tiny_config()
    model = TFPegasusForConditionalGeneration(config)
    graph = body_of_the_search(model, num_beams=beams, max_length=length)
    gathered = sizes_of(graph, {"GatherV2", "GatherNd", "ResourceGather"}, static=1)
    cache = beams * length * config.d_model
    assert gathered
    assert max(gathered.values()) < cache / 4
    repeated = sizes_of(graph, {"Tile", "BroadcastTo"}, static=source)
    assert all(size < beams * source * config.d_model for size in repeated.values())
    casts = sizes_of(graph, {"Transpose"}, static=source)
    # The source's keys are not transposed again either, and weights are not read again.
    assert all(size < source * source * config.d_model for size in casts.values())
