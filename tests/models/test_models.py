import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import tiny_config

from tf_pegasus import (
    PegasusConfig,
    PegasusSharedEmbedding,
    TFPegasusDecoder,
    TFPegasusEncoder,
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
)
from tf_pegasus.layers.embeddings import sinusoidal_positions

TOLERANCE = {"atol": 1e-4, "rtol": 0}


# Parity with the peer


def test_logits_loss_and_states_are_the_peers(golden):
    outputs = golden.model(golden.inputs)
    visible = golden.arrays["attention_mask"] > 0
    np.testing.assert_allclose(outputs.logits, golden.arrays["logits"], **TOLERANCE)
    np.testing.assert_allclose(outputs.loss, golden.arrays["loss"], **TOLERANCE)
    np.testing.assert_allclose(
        outputs.encoder_last_hidden_state.numpy()[visible],
        golden.arrays["encoder_last_hidden_state"][visible],
        **TOLERANCE,
    )


def test_bare_models_states_are_the_peers(golden):
    model = TFPegasusModel.from_pretrained(golden.path)
    labels = golden.arrays["labels"]
    shifted = np.concatenate([np.zeros((len(labels), 1), int), labels[:, :-1]], axis=1)
    outputs = model(golden.source, decoder_input_ids=np.where(shifted == -100, 0, shifted))
    expected = golden.arrays["last_hidden_state"]
    np.testing.assert_allclose(outputs.last_hidden_state, expected, **TOLERANCE)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_forward_is_the_eager_one(golden, jit_compile):
    compiled = tf.function(lambda x: golden.model(x).logits, jit_compile=jit_compile)
    inputs = {name: tf.constant(value) for name, value in golden.inputs.items()}
    np.testing.assert_allclose(compiled(inputs), golden.arrays["logits"], **TOLERANCE)


def test_positions_follow_their_formulas():
    ours = sinusoidal_positions(7, 6)
    for position in range(7):
        for i in range(3):
            angle = position / 10000 ** (2 * i / 6)
            np.testing.assert_allclose(ours[position, [i, 3 + i]], [np.sin(angle), np.cos(angle)])
    original = sinusoidal_positions(7, 6, "original")
    np.testing.assert_allclose(original[5, 1], np.sin(5 / 10000 ** (1 / 2)), rtol=1e-6)


# Calling styles


def call_styles(model, batch):
    ids, mask, decoder_ids = batch["input_ids"], batch["attention_mask"], batch["labels"].clip(0)
    named = {"input_ids": ids, "attention_mask": mask, "decoder_input_ids": decoder_ids}
    yield model(ids, mask, decoder_ids)
    yield model(ids, attention_mask=mask, decoder_input_ids=decoder_ids)
    yield model(**named)
    yield model(named)
    yield model([ids, mask, decoder_ids])
    yield model((ids, mask, decoder_ids))
    yield tf.function(lambda inputs: model(inputs))(named)
    for dtype in ("bool", "int64", "int8"):
        yield model(ids, mask.astype(dtype), decoder_ids.astype("int64"))


@pytest.mark.parametrize("model_class", [TFPegasusModel, TFPegasusForConditionalGeneration])
def test_all_calling_styles_agree(model_class, config, batch):
    model = model_class(config)
    first, *others = call_styles(model, batch)
    for other in others:
        assert list(other) == list(first)
        for a, b in zip(tf.nest.flatten(first), tf.nest.flatten(other), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_single_tensor(model, batch):
    encoder = model.get_encoder()
    alone = encoder(batch["input_ids"])[0]
    full = encoder({"input_ids": batch["input_ids"], "attention_mask": np.ones((3, 7), int)})
    np.testing.assert_array_equal(alone, full.last_hidden_state)


def test_predict_returns_the_output_class(model, batch):
    outputs = model.predict(batch, verbose=0, batch_size=2)
    assert type(outputs).__name__ == "TFSeq2SeqLMOutput"
    assert outputs.logits.shape == (3, 4, 60)


def test_output_reads_as_attributes_keys_and_tuple(model, batch):
    outputs = model(batch)
    assert list(outputs) == ["loss", "logits", "encoder_last_hidden_state"]
    assert outputs.logits is outputs["logits"] is outputs[1] is outputs.to_tuple()[1]
    without = model(batch["input_ids"], decoder_input_ids=batch["input_ids"])
    assert without.loss is None
    assert "loss" not in without
    with pytest.raises(AttributeError, match="no attribute 'logit'"):
        _ = outputs.logit


def test_encoder_outputs_replace_the_encoder(model, batch):
    full = model(batch)
    encoded = model.get_encoder()(batch["input_ids"], batch["attention_mask"])
    for given in (encoded, encoded.last_hidden_state, (encoded.last_hidden_state,)):
        again = model(
            attention_mask=batch["attention_mask"], labels=batch["labels"], encoder_outputs=given
        )
        np.testing.assert_allclose(again.logits, full.logits, atol=1e-6)


def test_padding_changes_nothing(model, batch):
    longer = {
        "input_ids": np.pad(batch["input_ids"], [(0, 0), (0, 5)], constant_values=9),
        "attention_mask": np.pad(batch["attention_mask"], [(0, 0), (0, 5)]),
        "labels": batch["labels"],
    }
    np.testing.assert_allclose(model(longer).logits, model(batch).logits, atol=1e-5)


def test_fully_masked_row_gives_numbers(model, batch):
    mask = batch["attention_mask"].copy()
    mask[1] = 0
    outputs = model({**batch, "attention_mask": mask})
    assert np.isfinite(outputs.logits).all()


def test_decoder_does_not_look_ahead(model, batch):
    ids = batch["labels"].clip(0)
    changed = ids.copy()
    changed[:, 2:] = 3
    first = model(batch["input_ids"], decoder_input_ids=ids).logits
    second = model(batch["input_ids"], decoder_input_ids=changed).logits
    np.testing.assert_array_equal(first[:, :2], second[:, :2])
    assert not np.allclose(first[:, 2:], second[:, 2:])


# Bad input


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_ids": None}, "input_ids is missing"),
        ({"labels": None}, "decoder_input_ids and labels are both missing"),
        ({"input_ids": np.array([[60]])}, r"ids outside \[0, 60\).*from 60 to 60"),
        ({"input_ids": np.array([[-1, 3]])}, "from -1 to 3"),
        ({"input_ids": np.array([1, 2])}, r"shape \(batch, length\), got \(2,\)"),
        ({"input_ids": np.array([[1.0]])}, "must hold integers"),
        ({"input_ids": np.ones((1, 33), int)}, "33 tokens is too long"),
        ({"input_idz": np.ones((1, 3), int)}, "unknown input 'input_idz'"),
        ({"encoder_outputs": np.zeros((3, 7, 16))}, "exclude each other"),
    ],
)
def test_bad_inputs(model, batch, change, message):
    inputs = {**batch, **change}
    if "input_idz" not in change and np.shape(inputs["input_ids"])[:1] != (3,):
        inputs.pop("attention_mask")
    inputs = {name: value for name, value in inputs.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        model(inputs)


def test_input_given_twice(model, batch):
    with pytest.raises(ValueError, match="attention_mask was given twice"):
        model(batch, attention_mask=batch["attention_mask"])
    with pytest.raises(ValueError, match="list of 18 inputs"):
        model([batch["input_ids"]] * 18)


# Keras


def functional_model(config, num_classes=3):
    inputs = {
        "input_ids": keras.Input((None,), dtype="int32", name="input_ids"),
        "attention_mask": keras.Input((None,), dtype="int32", name="attention_mask"),
        "decoder_input_ids": keras.Input((None,), dtype="int32", name="decoder_input_ids"),
    }
    states = TFPegasusModel(config)(inputs).last_hidden_state
    return keras.Model(inputs, keras.layers.Dense(num_classes)(states[:, -1]))


def test_functional_model_fits_saves_and_loads(config, batch, tmp_path):
    inputs = {**batch, "decoder_input_ids": batch["labels"].clip(0)}
    inputs.pop("labels")
    model = functional_model(config)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    before = model.predict(inputs, verbose=0)
    history = model.fit(inputs, np.array([0, 1, 2]), epochs=12, verbose=0).history["loss"]
    assert history[-1] < history[0]
    after = model.predict(inputs, verbose=0)
    assert not np.allclose(before, after)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(inputs, verbose=0), after, atol=1e-6)


def test_functional_encoder_and_decoder_share_an_embedding(config, batch, tmp_path):
    shared = PegasusSharedEmbedding(config.vocab_size, config.d_model, name="shared")
    source = keras.Input((None,), dtype="int32")
    target = keras.Input((None,), dtype="int32")
    states = TFPegasusEncoder(config, embed_tokens=shared)(source).last_hidden_state
    decoder = TFPegasusDecoder(config, embed_tokens=shared)
    outputs = decoder(target, encoder_hidden_states=states).last_hidden_state
    model = keras.Model([source, target], outputs)
    assert sum(w.shape == (60, 16) for w in model.trainable_weights) == 1
    result = model([batch["input_ids"], batch["labels"].clip(0)])
    assert result.shape == (3, 4, 16)


@pytest.mark.parametrize(
    "model_class", [TFPegasusModel, TFPegasusForConditionalGeneration], ids=lambda c: c.__name__
)
def test_keras_and_weights_files(model_class, config, batch, tmp_path):
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


def test_layers_round_trip_their_config(config):
    for layer in (TFPegasusEncoder(config), TFPegasusDecoder(config, dtype="mixed_bfloat16")):
        again = type(layer).from_config(layer.get_config())
        assert again.config == config
        assert again.dtype_policy.name == layer.dtype_policy.name
        assert again.count_params() == layer.count_params()


def test_parameter_count_is_the_peers(golden):
    from safetensors import safe_open

    with safe_open(golden.path / "model.safetensors", framework="np") as file:
        sizes = {name: file.get_tensor(name).size for name in file.keys()}  # noqa: SIM118
    expected = sum(n for name, n in sizes.items() if "embed_positions" not in name)
    assert golden.model.count_params() == expected
    frozen = {w.path for w in golden.model.non_trainable_weights if "seed" not in w.path}
    assert len(frozen) == 1


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_float32_where_it_matters(policy, config, batch):
    keras.utils.set_random_seed(0)
    full = TFPegasusForConditionalGeneration(config)
    mixed = TFPegasusForConditionalGeneration(config, dtype=policy)
    mixed.set_weights(full.get_weights())
    outputs = mixed(batch)
    assert all(part.dtype == "float32" for part in outputs.to_tuple())
    assert {w.dtype for w in mixed.trainable_weights} == {"float32"}
    np.testing.assert_allclose(outputs.logits, full(batch).logits, atol=0.02)
    assert mixed.get_encoder().layers[0].feed_forward.fc1.compute_dtype == policy[len("mixed_") :]


def test_dropout_only_in_training(config, batch):
    model = TFPegasusForConditionalGeneration(
        tiny_config(dropout=0.5, attention_dropout=0.3, activation_dropout=0.3)
    )
    np.testing.assert_array_equal(model(batch).logits, model(batch).logits)
    first, second = (model(batch, training=True).logits for _ in range(2))
    assert not np.allclose(first, second)


def test_layerdrop_of_one_skips_every_layer(batch):
    config = tiny_config(encoder_layerdrop=1.0, dropout=0.0)
    encoder = TFPegasusEncoder(config)
    skipped = encoder(batch["input_ids"], training=True).last_hidden_state
    expected = encoder.layer_norm(encoder.embed(batch["input_ids"]))
    np.testing.assert_allclose(skipped, expected, atol=1e-6)
    assert not np.allclose(encoder(batch["input_ids"]).last_hidden_state, expected)


def test_config_of_a_wrong_type():
    with pytest.raises((TypeError, AttributeError)):
        TFPegasusModel("tiny")
    assert TFPegasusModel(tiny_config().to_dict()).config == tiny_config()
    assert isinstance(tiny_config(), PegasusConfig)
