"""LoRA adapters in the whole model."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import tiny_config

from tf_pegasus import GenerationConfig, TFPegasusForConditionalGeneration
from tf_pegasus.checkpoints.adapters import adapted_layers
from tf_pegasus.layers.dense import PegasusDense
from tf_pegasus.utils.compat import all_layers


def adapted_model(policy="float32", quantized=False, rank=2, strength=1.0):
    keras.utils.set_random_seed(1)
    model = TFPegasusForConditionalGeneration(tiny_config(init_std=0.3, dropout=0.0), dtype=policy)
    if quantized:
        model.quantize("int8")
    random = np.random.default_rng(0)
    for layer in all_layers(model):
        if isinstance(layer, PegasusDense) and layer.name in ("q_proj", "v_proj", "fc1"):
            layer.enable_lora(rank)
            shape = layer.lora_kernel_b.shape
            layer.lora_kernel_b.assign(strength * random.normal(size=shape))
    return model


def greedy(model, ids, length):
    """Greedy search that runs the whole sequence in each step."""
    outputs = np.zeros((len(ids), 1), "int32")
    for _ in range(length - 1):
        logits = model(ids, decoder_input_ids=outputs).logits
        outputs = np.concatenate([outputs, np.argmax(logits[:, -1], -1)[:, None]], axis=1)
    return outputs


@pytest.mark.parametrize(
    ("policy", "quantized"),
    [("float32", False), ("mixed_float16", False), ("mixed_bfloat16", False), ("float32", True)],
)
def test_generation_uses_adapters(policy, quantized, batch):
    model = adapted_model(policy, quantized)
    config = GenerationConfig(max_length=6, suppress_tokens=[0, 1], return_dict_in_generate=True)
    ids = batch["input_ids"]
    graph = model.generate(ids, generation_config=config, engine="graph")
    eager = model.generate(ids, generation_config=config, engine="eager")
    np.testing.assert_array_equal(graph.sequences, eager.sequences)
    # The score is the sum computed from whole sequences, so the search used the adapters.
    logits = model(ids, decoder_input_ids=graph.sequences[:, :-1]).logits
    gains = tf.gather(tf.nn.log_softmax(logits), graph.sequences[:, 1:], axis=2, batch_dims=2)
    tolerance = {"float32": 1e-4, "mixed_float16": 0.05, "mixed_bfloat16": 0.3}[policy]
    tolerance = 0.05 if quantized else tolerance
    sums = tf.reduce_sum(gains, axis=1)
    np.testing.assert_allclose(graph.sequences_scores * 5, sums, atol=tolerance)


def test_adapters_change_greedy_search_as_in_whole_sequences(batch):
    model = adapted_model()
    ids = batch["input_ids"]
    expected = greedy(model, ids, 6)
    outputs = model.generate(
        ids, attention_mask=np.ones_like(ids), max_length=6, engine="graph"
    ).numpy()
    for row, expected_row in zip(outputs, expected, strict=True):
        ends = np.flatnonzero(expected_row == 1)
        end = min([5, *ends])  # the last id is forced to be eos
        np.testing.assert_array_equal(row[:end], expected_row[:end])


@pytest.mark.parametrize("quantized", [False, True])
def test_only_adapters_are_trained(quantized, batch):
    model = adapted_model(quantized=quantized, strength=0.0)
    model.compile(keras.optimizers.Adam(0.02), jit_compile=False)
    kernels = [np.array(w) for w in model.non_trainable_weights]
    losses = model.fit(batch, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    for before, after in zip(kernels, model.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(before, after)


def test_saved_weights_have_the_adapters_merged(tmp_path, batch):
    model = adapted_model()
    model.save_pretrained(tmp_path)
    loaded = TFPegasusForConditionalGeneration.from_pretrained(tmp_path)
    np.testing.assert_allclose(loaded(batch).logits, model(batch).logits, atol=1e-4)


def test_adapters_are_used_after_an_earlier_generation(model, batch):
    ids = batch["input_ids"]
    options = {"max_length": 6, "engine": "graph", "return_dict_in_generate": True}
    before = model.generate(ids, **options).sequences_scores.numpy()
    dense = model.get_decoder().layers[1].feed_forward.fc2
    dense.enable_lora(2)
    random = np.random.default_rng(0)
    dense.lora_kernel_b.assign(50 * random.normal(size=dense.lora_kernel_b.shape))
    assert not np.allclose(model.generate(ids, **options).sequences_scores, before)


@pytest.mark.parametrize("compiles_again", [False, True])
def test_adapters_after_training_learn_or_are_refused(model, batch, compiles_again):
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    model.fit(batch, verbose=0)
    dense = model.get_decoder().layers[1].feed_forward.fc2
    dense.enable_lora(2)
    kernel = np.array(dense._kernel)
    if compiles_again:
        model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
        model.fit(batch, verbose=0)
        assert np.any(dense.lora_kernel_b)
    else:
        with pytest.raises(Exception, match="optimizer"):
            model.fit(batch, verbose=0)
    np.testing.assert_array_equal(dense._kernel, kernel)


# enable_lora of a model, and files of adapters


def trained_model(batch, **options):
    """Returns a model before its adapters, and with them after a little training."""
    keras.utils.set_random_seed(1)
    plain = TFPegasusForConditionalGeneration(tiny_config(init_std=0.3, dropout=0.0))
    model = TFPegasusForConditionalGeneration(plain.config)
    model.set_weights(plain.get_weights())
    model.enable_lora(2, **options)
    model.compile(keras.optimizers.Adam(0.1), jit_compile=False)
    model.fit(batch, epochs=2, verbose=0)
    return plain, model


def test_enable_lora_trains_adapters_alone(batch):
    plain, model = trained_model(batch, targets=("q_proj", "fc2"), alpha=4)
    layers = adapted_layers(model)
    assert {name.rpartition(".")[2] for name in layers} == {"q_proj", "fc2"}
    # Encoder: 1 layer with one attention; decoder: 2 layers with two.
    assert len(layers) == 1 + 1 + 2 * 2 + 2
    assert len(model.trainable_variables) == 2 * len(layers)
    assert all(np.any(dense.lora_kernel_b) for dense in layers.values())
    dense, before = (m.get_encoder().layers[0].feed_forward.fc2 for m in (model, plain))
    np.testing.assert_array_equal(dense._kernel, before.kernel)
    merged = before.kernel + 2 * np.asarray(dense.lora_kernel_a) @ np.asarray(dense.lora_kernel_b)
    np.testing.assert_allclose(dense.kernel, merged, atol=1e-6)


def test_adapters_are_saved_alone_and_loaded(batch, tmp_path):
    plain, model = trained_model(batch, alpha=3)
    model.save_adapters(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    before = plain(batch).logits
    plain.load_adapters(tmp_path)
    np.testing.assert_allclose(plain(batch).logits, model(batch).logits, atol=1e-6)
    assert np.abs(plain(batch).logits - before).max() > 0.01
    # Into adapters that are there, too.
    model.load_adapters(tmp_path)
    assert len(plain.trainable_variables) == len(model.trainable_variables)


def test_keras_files_and_exports_have_the_adapters(batch, tmp_path):
    _, model = trained_model(batch)
    expected = model(batch).logits
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(batch).logits, expected, atol=1e-4)
    model.export(tmp_path / "exported", verbose=False)
    serve = tf.saved_model.load(tmp_path / "exported").signatures["serving_default"]
    ids = model.prepare_decoder_input_ids_from_labels(batch["labels"])
    outputs = serve(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], decoder_input_ids=ids
    )
    np.testing.assert_allclose(outputs["logits"], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rank": 0}, "rank=0 must be a positive int"),
        ({"rank": 2, "alpha": 0}, "alpha=0 must be positive"),
        (
            {"rank": 2, "targets": ["query"]},
            r"targets=\['query'\] must be some of fc1, fc2",
        ),
        ({"rank": 2, "targets": []}, r"targets=\[\] must be some of"),
    ],
)
def test_adapters_that_make_no_sense(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        model.enable_lora(**arguments)
    assert not adapted_layers(model)
    with pytest.raises(ValueError, match="the model has no adapters"):
        model.save_adapters("nowhere")


def test_adapters_that_do_not_fit(batch, tmp_path):
    plain, model = trained_model(batch)
    with pytest.raises(ValueError, match="the model has adapters already"):
        model.enable_lora(2)
    model.save_adapters(tmp_path)
    file = tmp_path / "adapter_config.json"
    config = json.loads(file.read_text())
    for change, message in (
        ({"peft_type": "IA3"}, "peft_type='IA3' must be 'LORA'"),
        ({"use_dora": True}, "use_dora=True is not supported"),
        ({"bias": "all"}, "bias='all' is not supported"),
        ({"lora_alpha": "x"}, "lora_alpha='x' must be a positive number"),
        ({"r": 3}, "does not fit the model"),
        ({"target_modules": ["q_proj"]}, "does not fit the model"),
        ({"target_modules": "all-linear"}, "target_modules='all-linear' must be a list"),
    ):
        file.write_text(json.dumps({**config, **change}))
        with pytest.raises(ValueError, match=message):
            plain.load_adapters(tmp_path)
        assert not adapted_layers(plain)
    file.write_text(json.dumps(config))
    (tmp_path / "adapter_model.safetensors").write_bytes(b"x" * 20)
    with pytest.raises(ValueError, match=r"adapter_model\.safetensors"):
        plain.load_adapters(tmp_path)
