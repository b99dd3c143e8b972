"""What `.keras` files keep: names, frozen parts, shared parts, settings."""

import keras
import numpy as np
import pytest
from helpers.tiny import tiny_config

from tf_pegasus import (
    GenerationConfig,
    TFPegasusDecoder,
    TFPegasusEncoder,
    TFPegasusForCausalLM,
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
)

CLASSES = [
    TFPegasusForConditionalGeneration,
    TFPegasusForCausalLM,
    TFPegasusModel,
    TFPegasusEncoder,
    TFPegasusDecoder,
]


def reloaded(model, tmp_path):
    model.save(tmp_path / "model.keras")
    return keras.models.load_model(tmp_path / "model.keras")


# Paths


@pytest.mark.parametrize("layer_class", CLASSES)
@pytest.mark.parametrize("tied", [True, False])
def test_paths_of_variables_are_unique_and_name_the_place(layer_class, tied):
    layer = layer_class(tiny_config(tie_word_embeddings=tied))
    paths = [variable.path for variable in layer.variables]
    assert len(set(paths)) == len(paths)
    assert all(path.startswith(f"{layer.name}/") for path in paths)
    stacks = layer.get_stacks() if hasattr(layer, "get_stacks") else {layer.name: layer}
    for side, stack in stacks.items():
        for index, inner in enumerate(stack.layers):
            for name, attention in (
                ("self_attn", inner.self_attn),
                ("encoder_attn", getattr(inner, "encoder_attn", None)),
            ):
                place = f"{side}/layers_{index}/{name}/q_proj/kernel"
                assert attention is None or attention.q_proj.kernel.path.endswith(place)
            place = f"{side}/layers_{index}/final_layer_norm/gamma"
            assert inner.final_layer_norm.gamma.path.endswith(place)
        assert stack.layer_norm.gamma.path.endswith(f"{side}/layer_norm/gamma")


def test_paths_stay_unique_where_weights_are_replaced(config):
    model = TFPegasusForConditionalGeneration(config)
    before = [variable.path for variable in model.variables]
    model.resize_token_embeddings(70)
    assert sorted(variable.path for variable in model.variables) == sorted(before)
    model.quantize("int8")
    paths = [variable.path for variable in model.variables]
    assert len(set(paths)) == len(paths)
    assert set(before) <= set(paths)


def test_weights_files_of_the_old_keras_format_can_be_written(config, batch, tmp_path):
    model = TFPegasusForConditionalGeneration(config)
    model.save(tmp_path / "model.h5")
    classes = {type(model).__name__: type(model)}
    again = keras.models.load_model(tmp_path / "model.h5", custom_objects=classes)
    np.testing.assert_array_equal(again(batch).logits, model(batch).logits)


# Frozen parts


def trainable_places(model):
    return [weight.path.split("/", 1)[1] for weight in model.trainable_weights]


def test_frozen_parts_stay_frozen(config, tmp_path):
    model = TFPegasusForConditionalGeneration(config)
    count = len(model.trainable_weights)
    model.get_encoder().freeze_layers()
    model.get_decoder().layers[1].trainable = False
    model.get_decoder().layers[1].feed_forward.trainable = True
    model.get_decoder().layer_norm.gamma.trainable = False
    assert model.model.shared.embeddings.trainable
    assert len(model.trainable_weights) < count
    again = reloaded(model, tmp_path)
    assert trainable_places(again) == trainable_places(model)
    again.get_encoder().layers[0].trainable = True
    assert len(again.trainable_weights) > len(model.trainable_weights)


def test_a_model_that_is_constructed_frozen_is_frozen(config, tmp_path):
    model = TFPegasusForConditionalGeneration(config, trainable=False)
    assert not any(weight.trainable for weight in model.weights)
    again = reloaded(model, tmp_path)
    assert not any(weight.trainable for weight in again.weights)


@pytest.mark.parametrize("frozen", ["constructed", "layer"])
def test_frozen_encoders_of_functional_models(config, tmp_path, frozen):
    encoder = TFPegasusEncoder(config, trainable=frozen != "constructed")
    if frozen == "layer":
        encoder.layers[0].trainable = False
    ids = keras.Input((None,), dtype="int32")
    model = keras.Model(ids, keras.layers.Dense(1)(encoder(ids).last_hidden_state))
    # Those of the last layer, the embedding, and the layer norm.
    assert len(model.trainable_weights) == (2 if frozen == "constructed" else 5)
    again = reloaded(model, tmp_path)
    assert len(again.trainable_weights) == len(model.trainable_weights)


def test_kernels_with_an_adapter_are_not_frozen_for_good(config, tmp_path):
    model = TFPegasusForConditionalGeneration(config)
    model.get_encoder().layers[0].self_attn.q_proj.enable_lora(2)
    again = reloaded(model, tmp_path)
    assert again.get_encoder().layers[0].self_attn.q_proj.kernel.trainable
    adapted = TFPegasusForConditionalGeneration(config)
    adapted.enable_lora(2)
    again = reloaded(adapted, tmp_path)
    fresh = TFPegasusForConditionalGeneration(config)
    assert trainable_places(again) == trainable_places(fresh)


# Shared parts


@pytest.mark.parametrize("model_class", [TFPegasusModel, TFPegasusForConditionalGeneration])
def test_a_model_beside_its_own_encoder(model_class, config, source, target, tmp_path):
    model = model_class(config)
    model.get_decoder().trainable = False
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in (*source, "decoder_input_ids")
    }
    encoded = model.get_encoder()(inputs["input_ids"]).last_hidden_state
    outputs = model(inputs, use_cache=False)[0]
    whole = keras.Model(inputs, [keras.layers.Dense(1)(encoded), outputs])
    values = {**source, "decoder_input_ids": target}
    again = reloaded(whole, tmp_path)
    for found, expected in zip(again(values), whole(values), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert len(again.weights) == len(whole.weights)
    assert len(again.trainable_weights) == len(whole.trainable_weights)
    (inner,) = (layer for layer in again.layers if isinstance(layer, model_class))
    assert inner.get_encoder() in again.layers
    assert inner.get_encoder().embed_tokens is inner.get_decoder().embed_tokens
    # Also a second time, and the part alone.
    third = reloaded(again, tmp_path)
    np.testing.assert_array_equal(third(values)[1], whole(values)[1])
    alone = reloaded(inner, tmp_path)
    np.testing.assert_array_equal(alone(values)[0], model(values)[0])


# Settings


def test_the_best_model_of_a_training_keeps_its_settings(config, batch, tokenizer, tmp_path):
    model = TFPegasusForConditionalGeneration(tiny_config(vocab_size=len(tokenizer)))
    model.generation_config = GenerationConfig(num_beams=8, max_length=9)
    model.tokenizer = tokenizer
    model.compile("sgd", run_eagerly=True)
    best = keras.callbacks.ModelCheckpoint(
        tmp_path / "best.keras", monitor="loss", save_best_only=True
    )
    model.fit(batch, verbose=0, callbacks=[best])
    again = keras.models.load_model(tmp_path / "best.keras")
    assert (again.generation_config.num_beams, again.generation_config.max_length) == (8, 9)
    assert again.tokenizer.encode("The fox") == tokenizer.encode("The fox")
