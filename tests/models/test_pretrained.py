import math
import socket

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.generation import up_to_eos
from helpers.tiny import GOLDENS, SENTENCES, tiny_config
from helpers.weights import assert_same_weights

from tf_pegasus import (
    GenerationConfig,
    PegasusConfig,
    Summarizer,
    TFPegasusForCausalLM,
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
)
from tf_pegasus.checkpoints.names import huggingface_weights


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("nothing may go to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_tokenizer_is_loaded_with_the_model(model_directory, tokenizer, no_network):
    model = TFPegasusForConditionalGeneration.from_pretrained(model_directory)
    assert model.tokenizer.encode(SENTENCES[0]) == tokenizer.encode(SENTENCES[0])
    assert TFPegasusModel.from_pretrained(model_directory).tokenizer is not None


def test_model_has_no_tokenizer_by_default(model):
    assert model.tokenizer is None


def test_summarizer_reads_what_save_pretrained_writes(summarizer, tmp_path):
    model = summarizer.model
    model.tokenizer = summarizer.tokenizer
    try:
        model.save_pretrained(tmp_path)
    finally:
        model.tokenizer = None
    loaded = Summarizer.from_pretrained(tmp_path)
    texts = SENTENCES[:2]
    assert loaded.summarize(texts, engine="graph") == summarizer.summarize(texts, engine="graph")


def test_summarizer_saves_model_and_tokenizer(summarizer, tmp_path):
    summarizer.save_pretrained(tmp_path)
    loaded = Summarizer.from_pretrained(tmp_path)
    assert loaded.tokenizer.get_vocab() == summarizer.tokenizer.get_vocab()


def test_keras_files_hold_tokenizer_and_generation_options(summarizer, tmp_path, no_network):
    path = tmp_path / "model.keras"
    model = TFPegasusForConditionalGeneration(summarizer.model.config)
    model.set_weights(summarizer.model.get_weights())
    model.tokenizer = summarizer.tokenizer
    model.generation_config = GenerationConfig(max_length=7, num_beams=2)
    model.save(path)
    loaded = keras.models.load_model(path)
    assert loaded.generation_config == model.generation_config
    assert loaded.summarize(SENTENCES[:2], engine="graph") == model.summarize(
        SENTENCES[:2], engine="graph"
    )


def test_keras_files_of_models_without_tokenizer(model, batch, tmp_path):
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
    assert loaded.tokenizer is None
    np.testing.assert_array_equal(loaded(batch).logits, model(batch).logits)


MODELS = [TFPegasusModel, TFPegasusForConditionalGeneration]


@pytest.mark.parametrize(
    "model_class", [TFPegasusModel, TFPegasusForConditionalGeneration], ids=lambda c: c.__name__
)
def test_keras_and_weights_files_restore_the_model(model_class, config, batch, tmp_path):
    model = model_class(config)
    inputs = {**batch, "decoder_input_ids": batch["labels"].clip(0)}
    inputs.pop("labels")
    expected = model(inputs)[0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is model_class
    assert loaded.config == model.config
    np.testing.assert_array_equal(loaded(inputs)[0], expected)
    model.save_weights(tmp_path / "model.weights.h5")
    other = model_class(config)
    assert not np.allclose(other(inputs)[0], expected)
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other(inputs)[0], expected)


def test_parameter_count_equals_the_reference(golden):
    from safetensors import safe_open

    with safe_open(golden.path / "model.safetensors", framework="np") as file:
        sizes = {name: file.get_tensor(name).size for name in file.keys()}  # noqa: SIM118
    expected = sum(n for name, n in sizes.items() if "embed_positions" not in name)
    assert golden.model.count_params() == expected
    frozen = {w.path for w in golden.model.non_trainable_weights if "seed" not in w.path}
    assert len(frozen) == 1


@pytest.mark.parametrize("model_class", [*MODELS, TFPegasusForCausalLM])
def test_what_scripts_ask_of_a_model(model_class, config):
    assert model_class.config_class is PegasusConfig
    assert (model_class.base_model_prefix, model_class.main_input_name) == ("model", "input_ids")
    assert model_class.can_generate() == hasattr(model_class, "generate")
    model = model_class(config)
    outputs = model(model.dummy_inputs)
    assert outputs[0].shape[:2] == (1, 2)
    total = sum(math.prod(w.variable.shape) for w in huggingface_weights(model))
    assert model.num_parameters() == total
    bias = 0 if model.get_bias() is None else config.vocab_size
    assert model.num_parameters(only_trainable=True) == total - bias
    model.get_decoder().trainable = False
    assert model.num_parameters(only_trainable=True) < total - bias
    assert model.num_parameters() == total


def test_copies_in_other_precisions(config, batch):
    model = TFPegasusForConditionalGeneration(config)
    expected = model(batch).logits
    for method, dtype in (("to_bf16", "bfloat16"), ("to_fp16", "float16")):
        narrow = getattr(model, method)()
        kernel = narrow.get_encoder().layers[0].self_attn.q_proj.kernel
        assert kernel.dtype == narrow.compute_dtype == dtype
        logits = narrow(batch).logits
        assert logits.dtype == "float32"
        np.testing.assert_allclose(logits, expected, atol=0.02)
        assert np.abs(logits - expected).max() > 0
    # The model itself did not change.
    np.testing.assert_array_equal(model(batch).logits, expected)
    again = model.to_fp32()
    assert_same_weights(again, model)
    again.quantize("int8")
    with pytest.raises(ValueError, match="the model is quantized: its float weights are gone"):
        again.to_bf16()


def test_a_configuration_of_a_wrong_type_is_refused():
    with pytest.raises((TypeError, AttributeError)):
        TFPegasusModel("tiny")
    assert TFPegasusModel(tiny_config().to_dict()).config == tiny_config()
    assert isinstance(tiny_config(), PegasusConfig)


@pytest.mark.parametrize("new_size", [75, 40])
def test_a_resized_vocabulary_keeps_its_rows(config, source, new_size, tmp_path):
    model = TFPegasusForConditionalGeneration(config)
    model.set_bias({"final_logits_bias": np.linspace(-1, 1, 60)[None]})
    before = model.get_input_embeddings().embeddings.numpy()
    kept = min(new_size, 60)
    ids = np.minimum(source["input_ids"], kept - 1)
    logits = model(ids, decoder_input_ids=ids).logits
    generated = model.generate(ids, max_length=6)
    embedding = model.resize_token_embeddings(new_size)
    assert embedding is model.get_input_embeddings() is model.get_output_embeddings()
    after = embedding.embeddings.numpy()
    assert after.shape == (new_size, 16)
    np.testing.assert_array_equal(after[:kept], before[:kept])
    bias = model.get_bias()["final_logits_bias"].numpy()
    np.testing.assert_array_equal(bias[0, :kept], np.linspace(-1, 1, 60)[:kept].astype("float32"))
    assert not np.any(bias[0, kept:])
    if new_size > 60:
        assert 0 < np.std(after[60:]) < 0.04
    assert model.config.vocab_size == model.get_encoder().config.vocab_size == new_size
    assert config.vocab_size == 60  # the caller's own
    again = model(ids, decoder_input_ids=ids).logits
    assert again.shape[-1] == new_size
    np.testing.assert_allclose(again[..., :kept], logits[..., :kept], atol=1e-6)
    # Functions that were traced with the old table are dropped.
    assert model.generate(ids, max_length=6).shape[0] == generated.shape[0]
    assert len([w for w in model.trainable_weights if w.shape == (new_size, 16)]) == 1
    for name, save in (("model.keras", model.save), ("directory", model.save_pretrained)):
        save(tmp_path / name)
    for loaded in (
        keras.models.load_model(tmp_path / "model.keras"),
        TFPegasusForConditionalGeneration.from_pretrained(tmp_path / "directory"),
    ):
        np.testing.assert_array_equal(loaded(ids, decoder_input_ids=ids).logits, again)
        # Encoder, decoder and output still share one table.
        assert loaded.get_encoder().embed_tokens is loaded.get_decoder().embed_tokens
        loaded.get_input_embeddings().embeddings.assign(after * 2)
        assert not np.allclose(loaded(ids, decoder_input_ids=ids).logits, again)


def test_training_after_resizing_needs_compile(config, batch):
    model = TFPegasusForConditionalGeneration(config)
    model.compile("adam")
    model.fit(batch, verbose=0)
    assert model.resize_token_embeddings() is model.get_input_embeddings()
    model.fit(batch, verbose=0)
    model.resize_token_embeddings(64)
    with pytest.raises(ValueError, match="compile"):
        model.fit(batch, verbose=0)
    model.compile("adam")
    before = model.get_input_embeddings().embeddings.numpy()
    model.fit({**batch, "input_ids": np.full((3, 7), 63)}, verbose=0)
    assert np.any(model.get_input_embeddings().embeddings.numpy()[63] != before[63])


def test_invalid_sizes_are_refused(config):
    model = TFPegasusForConditionalGeneration(config)
    for size in (1, 0, -3):
        with pytest.raises(ValueError, match=r"(vocab_size|eos_token_id)=.* must be"):
            model.resize_token_embeddings(size)
    for size in (0, -1, 2.5, "9"):
        with pytest.raises(ValueError, match="new_num_position_embeddings="):
            model.resize_position_embeddings(size)
    with pytest.raises(ValueError, match=r"final_logits_bias has the shape \(1, 3\)"):
        model.set_bias({"final_logits_bias": np.zeros((1, 3))})
    with pytest.raises(ValueError, match="this model has None"):
        model.model.set_bias({"final_logits_bias": np.zeros((1, 60))})
    with pytest.raises(ValueError, match=r"expected \(rows, d_model=16\)"):
        model.set_input_embeddings(np.zeros((60, 15)))
    assert model.model.get_bias() is None
    assert model.config.vocab_size == 60


def test_embeddings_are_replaced_by_value(config, source):
    model = TFPegasusForConditionalGeneration(config)
    table = np.random.default_rng(0).normal(size=(70, 16)).astype("float32")
    model.set_input_embeddings(table)
    np.testing.assert_array_equal(model.get_output_embeddings().embeddings, table)
    assert model.config.vocab_size == 70
    other = TFPegasusModel(config)
    model.set_output_embeddings(other.get_input_embeddings())
    assert model.config.vocab_size == 60
    np.testing.assert_array_equal(model.model.shared.embeddings, other.shared.embeddings)
    assert model.model.shared is not other.shared


def test_resized_positions_take_longer_inputs(config, batch):
    model = TFPegasusForConditionalGeneration(config)
    expected = model(batch).logits
    long = np.full((1, 50), 5)
    with pytest.raises(ValueError, match="50 tokens is too long"):
        model(long, decoder_input_ids=long)
    model.resize_position_embeddings(64)
    assert model(long, decoder_input_ids=long).logits.shape == (1, 50, 60)
    np.testing.assert_allclose(model(batch).logits, expected, atol=1e-6)
    assert [table.shape for table in model.get_position_embeddings()] == [(64, 16)] * 2
    assert TFPegasusModel(model.config).config.max_position_embeddings == 64
    assert config.max_position_embeddings == 32
    model.resize_position_embeddings(5)
    with pytest.raises(ValueError, match="7 tokens is too long"):
        model(batch)


@pytest.mark.parametrize("model_class", [*MODELS, TFPegasusForCausalLM])
def test_summary_counts_parameters_and_clones_keep_the_structure(model_class, config, capsys):
    model = model_class(config, name="mine")
    model.summary()
    assert f"{model.count_params():,}" in capsys.readouterr().out
    again = model_class.from_config(model.get_config())
    clone = keras.models.clone_model(model)
    for copy in (again, clone):
        assert type(copy) is model_class
        assert (copy.name, copy.config) == ("mine", model.config)
        assert [w.shape for w in copy.weights] == [w.shape for w in model.weights]
        # Copies of the structure, not of the values.
        largest = copy.get_input_embeddings().embeddings
        assert not np.allclose(largest, model.get_input_embeddings().embeddings)


def test_weights_start_as_the_reference_initializes_them():
    config = tiny_config(vocab_size=400, d_model=64, init_std=0.05)
    model = TFPegasusForConditionalGeneration(config)
    table = model.get_input_embeddings().embeddings.numpy()
    assert not np.any(table[0])
    kernels = [w.numpy() for w in model.trainable_weights if w.name == "kernel"]
    assert len(kernels) == 6 + 2 * 10
    for values in (table[1:], *kernels):
        assert abs(np.std(values) - 0.05 * 0.88) < 0.006  # of a normal cut at two deviations
        assert np.abs(values).max() <= 0.1 + 1e-6
    assert all(not np.any(w) for w in model.weights if w.name in ("bias", "beta"))


@pytest.fixture(scope="module")
def quantized():
    model = TFPegasusForConditionalGeneration.from_pretrained(GOLDENS / "tiny-relu")
    model.quantize("int8")
    return model


def test_int8_logits_are_close_to_float32(goldens, quantized):
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
def test_int8_generates_sequences_with_matching_scores(goldens, quantized, engine):
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
        tokens = up_to_eos([row])[0]
        # The last token may be forced, then it costs nothing.
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


def test_quantized_model_refuses_unsupported_operations(quantized, model, tmp_path):
    with pytest.raises(ValueError, match="quantized model cannot be written"):
        quantized.save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="quantized already"):
        quantized.quantize("int8")
    with pytest.raises(ValueError, match="resize it before quantizing"):
        quantized.resize_token_embeddings(120)
    with pytest.raises(ValueError, match="mode='int4' must be 'int8'"):
        model.quantize("int4")


@pytest.mark.parametrize("policy", ["float16", "mixed_float16"])
def test_models_in_float16_are_not_quantized(config, policy):
    model = TFPegasusForConditionalGeneration(config, dtype=policy)
    with pytest.raises(ValueError, match=f"dtype policy '{policy}': load it in 'float32'"):
        model.quantize("int8")
    assert not model.is_quantized
