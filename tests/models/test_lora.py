"""LoRA adapters (`enable_lora` of the dense layers) in the whole model."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import tiny_config

from tf_pegasus import GenerationConfig, TFPegasusForConditionalGeneration
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
