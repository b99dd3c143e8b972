"""Beam search against the reference implementations, and what a step may copy."""

import json

import numpy as np
import pytest
from helpers.generation import up_to_eos
from helpers.tiny import GOLDEN_MODELS, GOLDENS, tiny_config

from tf_pegasus import GenerationConfig, TFPegasusForConditionalGeneration

GROUP_CASES = json.loads((GOLDENS / "groups.json").read_text())


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


@pytest.mark.parametrize("number", range(len(GROUP_CASES)))
@pytest.mark.parametrize("name", GOLDEN_MODELS)
def test_diverse_beams_equal_the_reference(goldens, name, number):
    reference = np.load(GOLDENS / "groups.npz")
    outputs = goldens[name].model.generate(
        goldens[name].source,
        max_length=14,
        engine="eager",
        return_dict_in_generate=True,
        **GROUP_CASES[number],
    )
    assert up_to_eos(outputs.sequences) == up_to_eos(reference[f"{name}:sequences_{number}"])
    expected = reference[f"{name}:scores_{number}"]
    np.testing.assert_allclose(outputs.sequences_scores, expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["graph", "xla"])
@pytest.mark.parametrize("number", range(len(GROUP_CASES)))
def test_compiled_diverse_beams_equal_eager_ones(goldens, number, engine):
    golden = goldens[GOLDEN_MODELS[number % 2]]
    options = {"max_length": 14, **GROUP_CASES[number]}
    np.testing.assert_array_equal(
        golden.model.generate(golden.source, engine=engine, **options),
        golden.model.generate(golden.source, engine="eager", **options),
    )


@pytest.mark.parametrize("engine", ["eager", "graph", "xla"])
@pytest.mark.parametrize("alpha", [0.0, 0.8])
def test_gnmt_penalty_reproduces_the_authors_search(alpha, engine):
    """Their beam search, run on their own graph, prefers finished hypotheses."""
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
    """The while loop's body of a traced search: a function graph."""
    settings = GenerationConfig(**options)
    traced = model._program("graph", 1, settings).get_concrete_function()
    loops = [op for op in traced.graph.get_operations() if op.type in ("While", "StatelessWhile")]
    assert len(loops) == 1
    return traced.graph._get_function(loops[0].get_attr("body").name).graph


def sizes_of(graph, types, static):
    """Sizes of the outputs of a graph's operations, unknown dimensions counted as `static`."""
    sizes = {}
    for op in graph.get_operations():
        if op.type in types:
            shape = [static if n is None else n for n in op.outputs[0].shape]
            sizes[op.name] = int(np.prod(shape))
    return sizes


def test_a_step_copies_neither_cache_nor_source():
    """Reordering beams gathers sequences and origins, not keys and values; and the source's
    keys and values are not repeated for the beams."""
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
    # Neither are the source's keys transposed again, nor weights read anew.
    assert all(size < source * source * config.d_model for size in casts.values())
