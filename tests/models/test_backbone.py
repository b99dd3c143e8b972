import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import EVERYTHING, tiny_config

from tf_pegasus import (
    PegasusConfig,
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
)

TOLERANCE = {"atol": 1e-4, "rtol": 0}
MODELS = [TFPegasusModel, TFPegasusForConditionalGeneration]


def test_backbone_states_equal_the_reference(golden):
    model = TFPegasusModel.from_pretrained(golden.path)
    labels = golden.arrays["labels"]
    shifted = np.concatenate([np.zeros((len(labels), 1), int), labels[:, :-1]], axis=1)
    outputs = model(golden.source, decoder_input_ids=np.where(shifted == -100, 0, shifted))
    expected = golden.arrays["last_hidden_state"]
    np.testing.assert_allclose(outputs.last_hidden_state, expected, **TOLERANCE)


@pytest.mark.parametrize("model_class", MODELS)
def test_return_dict_false_gives_plain_tuples(model_class, config, source, target):
    model = model_class(config)
    options = {"decoder_input_ids": target, **EVERYTHING}
    outputs = model(source, **options)
    plain = model(source, **options, return_dict=False)
    assert type(plain) is tuple
    assert len(plain) == len(outputs)
    expected = tuple(outputs.values())
    for ours, theirs in zip(tf.nest.flatten(plain), tf.nest.flatten(expected), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_output_defaults_come_from_the_configuration(source, target):
    config = tiny_config(
        output_attentions=True, output_hidden_states=True, return_dict=False, use_cache=False
    )
    model = TFPegasusModel(config)
    assert len(model(source, decoder_input_ids=target)) == 7
    outputs = model(source, decoder_input_ids=target, return_dict=True, output_attentions=False)
    assert outputs.past_key_values is None
    assert outputs.cross_attentions is None
    assert len(outputs.decoder_hidden_states) == 3
    again = PegasusConfig.from_dict(config.to_dict())
    assert (again.output_attentions, again.return_dict) == (True, False)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_graphs_return_all_outputs(config, source, target, jit_compile):
    model = TFPegasusModel(config)
    eager = model(source, decoder_input_ids=target, **EVERYTHING)

    @tf.function(jit_compile=jit_compile)
    def traced(ids, mask, decoder_ids):
        return model(ids, mask, decoder_ids, **EVERYTHING)

    outputs = traced(*map(tf.constant, (*source.values(), target)))
    assert list(outputs) == list(eager)
    for ours, theirs in zip(tf.nest.flatten(outputs), tf.nest.flatten(eager), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_attention_weights_are_probabilities_over_what_is_visible(config, source, target):
    outputs = TFPegasusModel(config)(source, decoder_input_ids=target, **EVERYTHING)
    for weights in (*outputs.encoder_attentions, *outputs.cross_attentions):
        np.testing.assert_allclose(np.sum(weights, axis=-1), 1, atol=1e-5)
        assert not np.any(weights.numpy()[1, :, :, 4:])  # masked in the batch's second row
    own = outputs.decoder_attentions[0].numpy()
    assert not np.any(np.triu(own[0, 0], k=1))


def test_a_head_mask_switches_a_head_off(config, source, target):
    model = TFPegasusModel(config)
    inputs = {**source, "decoder_input_ids": target}
    plain = model(inputs)[0]
    ones = {
        "head_mask": np.ones((1, 2)),
        "decoder_head_mask": np.ones((2, 2)),
        "cross_attn_head_mask": np.ones((2, 2), "int32"),
    }
    np.testing.assert_allclose(model(inputs, **ones)[0], plain, atol=1e-6)
    for name, mask in ones.items():
        off = mask.copy()
        off[0, 1] = 0
        assert not np.allclose(model(inputs, **{name: off})[0], plain, atol=1e-6), name


def test_encoder_outputs_keep_their_states_and_attentions(config, source, target):
    model = TFPegasusModel(config)
    encoded = model.encode(**source, **EVERYTHING)
    mask = source["attention_mask"]
    for given in (encoded, encoded.to_tuple(), dict(encoded)):
        outputs = model(attention_mask=mask, decoder_input_ids=target, encoder_outputs=given)
        assert outputs.encoder_last_hidden_state.shape == (3, 7, 16)
        assert len(outputs.encoder_hidden_states) == 2
        assert len(outputs.encoder_attentions) == 1


def bad_past(config, change):
    layer = [np.zeros((3, 2, 2, 8), "float32")] * 2 + [np.zeros((3, 2, 7, 8), "float32")] * 2
    return change([layer] * config.decoder_layers)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decoder_inputs_embeds": np.zeros((3, 4, 16))}, "exclude each other"),
        ({"inputs_embeds": np.zeros((3, 7, 16))}, "input_ids and inputs_embeds exclude"),
        ({"decoder_input_ids": None}, "decoder_input_ids is missing"),
        ({"input_ids": None}, "input_ids is missing.* or inputs_embeds"),
        (
            {"input_ids": None, "inputs_embeds": np.zeros((3, 7, 15))},
            r"inputs_embeds must have the shape \(batch, length, d_model=16\)",
        ),
        ({"head_mask": np.ones((2, 2))}, r"head_mask has the shape \(2, 2\), expected .* \(1, 2\)"),
        ({"cross_attn_head_mask": np.ones((2, 3))}, "cross_attn_head_mask has the shape"),
        ({"attention_mask": np.ones((3, 6), int)}, "attention_mask has 6 columns for 7 tokens"),
        ({"attention_mask": np.ones((3,), int)}, r"must have the shape \(batch, length\)"),
        ({"decoder_attention_mask": np.ones((3, 9), int)}, "has 9 columns for 4 tokens"),
        ({"decoder_position_ids": np.full((3, 4), 32)}, "position_ids holds ids outside"),
        ({"past_key_values": 3}, "past_key_values must be a tuple"),
        ({"past_key_values": lambda c: bad_past(c, lambda p: p[:1])}, "has 1 layers"),
        (
            {"past_key_values": lambda c: bad_past(c, lambda p: [layer[:3] for layer in p])},
            "one \\(keys, values, source keys",
        ),
        (
            {
                "past_key_values": lambda c: bad_past(
                    c, lambda p: [[t[:, :1] for t in q] for q in p]
                )
            },
            "past_key_values contains a tensor of shape",
        ),
    ],
)
def test_invalid_inputs_are_refused(config, source, target, change, message):
    inputs = {**source, "decoder_input_ids": target, **change}
    if callable(inputs.get("past_key_values")):
        inputs["past_key_values"] = inputs["past_key_values"](config)
    inputs = {name: value for name, value in inputs.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        TFPegasusModel(config)(**inputs)


def functional_model(config, num_classes=3):
    inputs = {
        "input_ids": keras.Input((None,), dtype="int32", name="input_ids"),
        "attention_mask": keras.Input((None,), dtype="int32", name="attention_mask"),
        "decoder_input_ids": keras.Input((None,), dtype="int32", name="decoder_input_ids"),
    }
    states = TFPegasusModel(config)(inputs).last_hidden_state
    return keras.Model(inputs, keras.layers.Dense(num_classes)(states[:, -1]))


def test_a_functional_model_fits_saves_and_loads(config, batch, tmp_path):
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


def test_functional_model_of_the_whole_can_be_cloned(config, source, target):
    inputs = {
        name: keras.Input((None,), dtype="int32", name=name)
        for name in (*source, "decoder_input_ids")
    }
    states = TFPegasusModel(config)(inputs, use_cache=False).last_hidden_state
    model = keras.Model(inputs, keras.layers.Dense(2)(states))
    clone = keras.models.clone_model(model)
    assert sum(w.shape == (60, 16) for w in clone.trainable_weights) == 1
    values = {**source, "decoder_input_ids": target}
    assert not np.allclose(clone(values), model(values))
    clone.set_weights(model.get_weights())
    np.testing.assert_allclose(clone(values), model(values), atol=1e-6)
