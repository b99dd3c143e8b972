import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import EVERYTHING, tiny_config

from tf_pegasus import (
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
)

TOLERANCE = {"atol": 1e-4, "rtol": 0}


def test_logits_loss_and_states_equal_the_reference(golden):
    outputs = golden.model(golden.inputs)
    visible = golden.arrays["attention_mask"] > 0
    np.testing.assert_allclose(outputs.logits, golden.arrays["logits"], **TOLERANCE)
    np.testing.assert_allclose(outputs.loss, golden.arrays["loss"], **TOLERANCE)
    np.testing.assert_allclose(
        outputs.encoder_last_hidden_state.numpy()[visible],
        golden.arrays["encoder_last_hidden_state"][visible],
        **TOLERANCE,
    )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_logits_equal_the_reference(golden, jit_compile):
    compiled = tf.function(lambda x: golden.model(x).logits, jit_compile=jit_compile)
    inputs = {name: tf.constant(value) for name, value in golden.inputs.items()}
    np.testing.assert_allclose(compiled(inputs), golden.arrays["logits"], **TOLERANCE)


def test_predict_returns_the_output_class(model, batch):
    outputs = model.predict(batch, verbose=0, batch_size=2)
    assert type(outputs).__name__ == "TFSeq2SeqLMOutput"
    assert outputs.logits.shape == (3, 4, 60)


def test_encoder_outputs_replace_the_encoder(model, batch):
    full = model(batch)
    encoded = model.get_encoder()(batch["input_ids"], batch["attention_mask"])
    for given in (encoded, encoded.last_hidden_state, (encoded.last_hidden_state,)):
        again = model(
            attention_mask=batch["attention_mask"], labels=batch["labels"], encoder_outputs=given
        )
        np.testing.assert_allclose(again.logits, full.logits, atol=1e-6)
    # As in the reference, ids beside them have no effect.
    again = model({**batch, "input_ids": batch["input_ids"] % 5 + 2}, encoder_outputs=encoded)
    np.testing.assert_allclose(again.logits, full.logits, atol=1e-6)


def test_token_types_have_no_effect(model, batch):
    types = np.ones_like(batch["input_ids"])
    again = model({**batch, "token_type_ids": types})
    np.testing.assert_array_equal(again.logits, model(batch).logits)


def test_the_loss_has_the_shape_of_the_reference(model, batch):
    outputs = model(batch)
    assert outputs.loss.shape == (1,)
    assert model.predict(batch, batch_size=1, verbose=0).loss.shape == (3,)


def test_padding_changes_nothing(model, batch):
    longer = {
        "input_ids": np.pad(batch["input_ids"], [(0, 0), (0, 5)], constant_values=9),
        "attention_mask": np.pad(batch["attention_mask"], [(0, 0), (0, 5)]),
        "labels": batch["labels"],
    }
    np.testing.assert_allclose(model(longer).logits, model(batch).logits, atol=1e-5)


def test_a_fully_masked_row_gives_finite_logits(model, batch):
    mask = batch["attention_mask"].copy()
    mask[1] = 0
    outputs = model({**batch, "attention_mask": mask})
    assert np.isfinite(outputs.logits).all()


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
    ],
)
def test_invalid_inputs_are_refused(model, batch, change, message):
    inputs = {**batch, **change}
    if "input_idz" not in change and np.shape(inputs["input_ids"])[:1] != (3,):
        inputs.pop("attention_mask")
    inputs = {name: value for name, value in inputs.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        model(inputs)


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


def test_dropout_acts_only_in_training(config, batch):
    model = TFPegasusForConditionalGeneration(
        tiny_config(dropout=0.5, attention_dropout=0.3, activation_dropout=0.3)
    )
    np.testing.assert_array_equal(model(batch).logits, model(batch).logits)
    first, second = (model(batch, training=True).logits for _ in range(2))
    assert not np.allclose(first, second)


def test_outputs_have_the_names_and_order_of_the_reference(config, source, target):
    outputs = TFPegasusForConditionalGeneration(config)(
        source, labels=target, **EVERYTHING, return_dict=True
    )
    assert list(outputs) == [
        "loss",
        "logits",
        "decoder_hidden_states",
        "decoder_attentions",
        "cross_attentions",
        "encoder_last_hidden_state",
        "encoder_hidden_states",
        "encoder_attentions",
    ]
    outputs = TFPegasusModel(config)(source, decoder_input_ids=target, **EVERYTHING)
    assert list(outputs) == [
        "last_hidden_state",
        "past_key_values",
        "decoder_hidden_states",
        "decoder_attentions",
        "cross_attentions",
        "encoder_last_hidden_state",
        "encoder_hidden_states",
        "encoder_attentions",
    ]
    assert [len(outputs[name]) for name in list(outputs)[2:5]] == [3, 2, 2]
    assert outputs.decoder_hidden_states[-1] is outputs.last_hidden_state
    assert outputs.encoder_hidden_states[-1] is outputs.encoder_last_hidden_state
    assert [state.shape for state in outputs.encoder_hidden_states] == [(3, 7, 16)] * 2
    assert outputs.decoder_attentions[0].shape == (3, 2, 4, 4)
    assert outputs.cross_attentions[1].shape == (3, 2, 4, 7)
    assert outputs.encoder_attentions[0].shape == (3, 2, 7, 7)
    layer = outputs.past_key_values[0]
    assert [part.shape for part in layer] == [(3, 2, 4, 8)] * 2 + [(3, 2, 7, 8)] * 2


def test_fit_works_with_return_dict_false(batch):
    model = TFPegasusForConditionalGeneration(tiny_config(return_dict=False))
    model.compile("adam")
    assert np.isfinite(model.fit(batch, verbose=0).history["loss"]).all()


def test_no_cache_is_returned_if_unused(config, source, target):
    model = TFPegasusForConditionalGeneration(config)
    assert model(source, decoder_input_ids=target, use_cache=False).past_key_values is None
    assert model(source, labels=target, use_cache=True).past_key_values is None


def test_predict_returns_no_caches(model, batch, target):
    ids = {"input_ids": batch["input_ids"], "decoder_input_ids": target}
    assert set(model.predict(ids, verbose=0)) == {"logits", "encoder_last_hidden_state"}
    assert "past_key_values" in model(ids)
