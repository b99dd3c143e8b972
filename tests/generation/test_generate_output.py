"""What `generate` can return besides ids, and the searches that other goldens are made of."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import GOLDEN_MODELS, GOLDENS, tiny_config

from tf_pegasus import GenerationConfig, TFPegasusForConditionalGeneration

EOS = 1
GROUP_CASES = json.loads((GOLDENS / "groups.json").read_text())
RECORD_CASES = {
    "greedy": {"num_beams": 1, "repetition_penalty": 1.2, "no_repeat_ngram_size": 2},
    "beams": {"num_beams": 3, "num_return_sequences": 2, "min_length": 4},
    "prompt": {"num_beams": 2, "decoder_input_ids": np.array([[0, 7, 9], [0, 11, 5]])},
}
RECORDS = {
    "return_dict_in_generate": True,
    "output_scores": True,
    "output_logits": True,
    "output_attentions": True,
    "output_hidden_states": True,
}


def up_to_eos(rows):
    rows = np.asarray(rows).tolist()
    return [row[: row.index(EOS) + 1] if EOS in row else [i for i in row if i] for row in rows]


# Diverse beams


@pytest.mark.parametrize("number", range(len(GROUP_CASES)))
@pytest.mark.parametrize("name", GOLDEN_MODELS)
def test_diverse_beams_are_the_peers(goldens, name, number):
    peers = np.load(GOLDENS / "groups.npz")
    outputs = goldens[name].model.generate(
        goldens[name].source,
        max_length=14,
        engine="eager",
        return_dict_in_generate=True,
        **GROUP_CASES[number],
    )
    assert up_to_eos(outputs.sequences) == up_to_eos(peers[f"{name}:sequences_{number}"])
    expected = peers[f"{name}:scores_{number}"]
    np.testing.assert_allclose(outputs.sequences_scores, expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["graph", "xla"])
@pytest.mark.parametrize("number", range(len(GROUP_CASES)))
def test_diverse_beams_compiled(goldens, number, engine):
    golden = goldens[GOLDEN_MODELS[number % 2]]
    options = {"max_length": 14, **GROUP_CASES[number]}
    np.testing.assert_array_equal(
        golden.model.generate(golden.source, engine=engine, **options),
        golden.model.generate(golden.source, engine="eager", **options),
    )


# Records of every step


def generate_records(golden, name, engine):
    source = {key: value[:2] for key, value in golden.source.items()}
    return golden.model.generate(
        source, max_length=7, engine=engine, **RECORDS, **RECORD_CASES[name]
    )


def flat(outputs):
    """The fields as a dict of arrays, named as the golden ones are."""
    arrays = {}
    for field, value in outputs.items():
        if not isinstance(value, tuple):
            arrays[field] = value
            continue
        for step, entry in enumerate(value):
            if isinstance(entry, tuple):
                arrays.update({f"{field}:{step}:{i}": layer for i, layer in enumerate(entry)})
            else:
                arrays[f"{field}:{step}"] = entry
    return {key: np.asarray(value) for key, value in arrays.items()}


@pytest.mark.parametrize("engine", ["eager", "graph", "xla"])
@pytest.mark.parametrize("name", RECORD_CASES)
def test_records_are_the_peers(goldens, name, engine):
    peers = np.load(GOLDENS / "records.npz")
    ours = flat(generate_records(goldens["tiny-gelu"], name, engine))
    expected = {
        key.removeprefix(f"{name}:"): peers[key] for key in peers if key.startswith(f"{name}:")
    }
    ours.pop("sequences_scores")
    assert set(ours) == set(expected)
    assert up_to_eos(ours.pop("sequences")) == up_to_eos(expected.pop("sequences"))
    for key, value in expected.items():
        np.testing.assert_allclose(ours[key], value, atol=1e-4, err_msg=key)


def test_nothing_is_recorded_unasked(model):
    plain = model.generate(np.array([[5, 6]]), engine="eager", return_dict_in_generate=True)
    assert list(plain) == ["sequences", "sequences_scores"]
    ids = model.generate(np.array([[5, 6]]), engine="eager", output_scores=True)
    np.testing.assert_array_equal(ids, plain.sequences)


def test_records_inside_a_function(model):
    @tf.function
    def function(ids):
        return model.generate(ids, num_beams=2, max_length=6, **RECORDS)

    outputs = function(tf.constant([[5, 6, 7]]))
    assert outputs.sequences.shape == (1, 6)
    assert len(outputs.scores) == len(outputs.decoder_attentions) == 5
    assert outputs.decoder_attentions[2][0].shape == (2, 2, 1, 3)


# Without cache, prefixes, the authors' search


@pytest.mark.parametrize("engine", ["eager", "xla"])
@pytest.mark.parametrize("options", [{"num_beams": 1}, {"num_beams": 4, "length_penalty": 0.6}])
def test_without_cache_the_ids_are_the_same(golden, options, engine):
    options = {"max_length": 12, "engine": engine, **options}
    np.testing.assert_array_equal(
        golden.model.generate(golden.source, use_cache=False, **options),
        golden.model.generate(golden.source, **options),
    )


@pytest.mark.parametrize("engine", ["eager", "graph", "auto"])
@pytest.mark.parametrize("num_beams", [1, 3])
def test_only_allowed_prefixes(golden, num_beams, engine):
    seen = []

    def allowed(number, ids):
        seen.append((number, tuple(ids)))
        return [20 + number, 30 + number] if len(ids) < 4 else [EOS]

    outputs = golden.model.generate(
        golden.source,
        num_beams=num_beams,
        max_length=8,
        engine=engine,
        prefix_allowed_tokens_fn=allowed,
    ).numpy()
    assert {number for number, _ in seen} == {0, 1, 2, 3}
    assert all(ids[0] == 0 for _, ids in seen)
    for number, row in enumerate(outputs):
        assert set(row[1:4]) <= {20 + number, 30 + number}
        assert row[4] == EOS


def test_bad_prefixes(model):
    ids = np.array([[5, 6]])
    with pytest.raises(ValueError, match=r"prefix_allowed_tokens_fn .* engine='xla'"):
        model.generate(ids, engine="xla", prefix_allowed_tokens_fn=lambda number, ids: [5])
    with pytest.raises(Exception, match=r"outside \[0, 60\)"):
        model.generate(ids, engine="eager", prefix_allowed_tokens_fn=lambda number, ids: [60])


@pytest.mark.parametrize("engine", ["eager", "graph", "xla"])
@pytest.mark.parametrize("alpha", [0.0, 0.8])
def test_the_authors_search(alpha, engine):
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


# int8


@pytest.fixture(scope="module")
def quantized():
    model = TFPegasusForConditionalGeneration.from_pretrained(GOLDENS / "tiny-relu")
    model.quantize("int8")
    return model


def test_int8_is_close(goldens, quantized):
    golden = goldens["tiny-relu"]
    full, small = (m(golden.inputs).logits.numpy() for m in (golden.model, quantized))
    assert np.abs(full - small).max() < 0.5 * full.std()
    assert np.corrcoef(full.ravel(), small.ravel())[0, 1] > 0.999
    sizes = [
        sum(np.prod(v.shape) * tf.as_dtype(v.dtype).size for v in m.variables)
        for m in (golden.model, quantized)
    ]
    assert sizes[1] < 0.4 * sizes[0]


@pytest.mark.parametrize("engine", ["eager", "graph", "xla"])
def test_int8_generates_what_its_scores_say(goldens, quantized, engine):
    source = goldens["tiny-relu"].source
    outputs = quantized.generate(
        source, num_beams=3, max_length=10, engine=engine, return_dict_in_generate=True
    )
    sequences = outputs.sequences.numpy()
    logits = quantized(source, decoder_input_ids=sequences[:, :-1]).logits
    log_probs = tf.nn.log_softmax(logits).numpy()
    for row, row_log_probs, score in zip(
        sequences, log_probs, outputs.sequences_scores.numpy(), strict=True
    ):
        tokens = up_to_eos([row[1:]])[0]
        # The last one may be forced, then it costs nothing.
        own = [row_log_probs[place, token] for place, token in enumerate(tokens)]
        sums = [sum(own) / len(own), sum(own[:-1]) / len(own)]
        assert min(abs(score - s) for s in sums) < 0.05


def test_int8_is_kept_in_a_keras_file(quantized, tmp_path):
    quantized.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.is_quantized
    ids = np.array([[5, 6, 7]])
    np.testing.assert_array_equal(
        loaded.generate(ids, engine="eager"), quantized.generate(ids, engine="eager")
    )


def test_what_int8_refuses(quantized, model, tmp_path):
    with pytest.raises(ValueError, match="quantized model cannot be written"):
        quantized.save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="quantized already"):
        quantized.quantize("int8")
    with pytest.raises(ValueError, match="resize it before"):
        quantized.resize_token_embeddings(120)
    with pytest.raises(ValueError, match="mode='int4' must be 'int8'"):
        model.quantize("int4")


# What a step must not cost


def body_of_the_search(model, **options):
    """The while loop's body of a traced search: a function graph."""
    settings = GenerationConfig(**options)
    traced = model._program("graph", 1, settings).get_concrete_function()
    loops = [op for op in traced.graph.get_operations() if op.type in ("While", "StatelessWhile")]
    assert len(loops) == 1
    return traced.graph._get_function(loops[0].get_attr("body").name).graph


def test_a_long_prompt_is_no_longer_program(model):
    """Its tokens go through one loop."""
    sizes = []
    for length in (2, 12):
        settings = GenerationConfig(num_beams=2, max_length=16)
        traced = model._program("graph", length, settings).get_concrete_function()
        sizes.append(len(traced.graph.as_graph_def().SerializeToString()))
    assert sizes[1] < 1.05 * sizes[0]


def sizes_of(graph, types, static):
    """Sizes of the outputs of a graph's operations, unknown dimensions counted as `static`."""
    sizes = {}
    for op in graph.get_operations():
        if op.type in types:
            shape = [static if n is None else n for n in op.outputs[0].shape]
            sizes[op.name] = int(np.prod(shape))
    return sizes


def test_a_step_copies_no_cache():
    """Reordering beams gathers sequences and ancestors, not keys and values; and the source's
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
