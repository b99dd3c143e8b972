import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import tiny_config

from tf_pegasus import (
    PegasusConfig,
    Perplexity,
    TFPegasusForCausalLM,
    TFPegasusForConditionalGeneration,
    TFPegasusForPreTraining,
    TFPegasusForPreTrainingOutput,
    TFPegasusModel,
)
from tf_pegasus.models.losses import masked_cross_entropy


@pytest.fixture
def masked(batch):
    labels = np.full_like(batch["input_ids"], -100)
    labels[0, 2:4] = 7, 8
    labels[2, 5] = 9
    return {**batch, "mlm_labels": labels}


@pytest.fixture
def pretraining():
    config = tiny_config(mlm_loss_weight=0.5, dropout=0.0, decoder_layers=1)
    return TFPegasusForPreTraining(config)


def both_losses(model, masked):
    """The two losses, from all logits of the encoder and decoder."""
    source = {name: masked[name] for name in ("input_ids", "attention_mask", "labels")}
    outputs = TFPegasusForConditionalGeneration.call(model, source)
    table = model.get_input_embeddings().embeddings
    logits = tf.matmul(outputs.encoder_last_hidden_state, table, transpose_b=True)
    mlm_loss = masked_cross_entropy(masked["mlm_labels"], logits)
    return float(outputs.loss[0]), float(mlm_loss), outputs, logits.numpy()


def test_loss_is_that_of_gap_sentences_and_of_masked_words(pretraining, masked):
    gsg, mlm, expected, mlm_logits = both_losses(pretraining, masked)
    outputs = pretraining(masked)
    assert isinstance(outputs, TFPegasusForPreTrainingOutput)
    np.testing.assert_allclose(outputs.loss, [gsg + 0.5 * mlm], rtol=1e-6)
    np.testing.assert_array_equal(outputs.logits, expected.logits)
    where = masked["mlm_labels"] != -100
    np.testing.assert_allclose(outputs.mlm_logits, mlm_logits[where], rtol=1e-5, atol=1e-6)
    assert list(outputs)[:3] == ["loss", "logits", "mlm_logits"]
    as_tuple = pretraining(masked, return_dict=False)
    np.testing.assert_array_equal(as_tuple[2], outputs.mlm_logits)
    # Each without the other.
    without = {name: masked[name] for name in masked if name != "mlm_labels"}
    assert float(pretraining(without).loss[0]) == pytest.approx(gsg)
    assert "mlm_logits" not in pretraining(without)
    alone = {**without, "decoder_input_ids": np.zeros((3, 1), "int32")}
    del alone["labels"]
    loss = pretraining(alone, mlm_labels=masked["mlm_labels"]).loss
    assert float(loss[0]) == pytest.approx(0.5 * mlm)


@pytest.mark.parametrize("option", ["run_eagerly", "jit_compile"])
def test_fit_trains_on_both_losses(masked, option):
    """The step of `fit` is that of the gradient of the loss."""
    config = tiny_config(mlm_loss_weight=0.5, dropout=0.0, decoder_layers=1)
    model, other = TFPegasusForPreTraining(config), TFPegasusForPreTraining(config)
    other.set_weights(model.get_weights())
    with tf.GradientTape() as tape:
        expected = model(masked).loss[0]
    gradients = tape.gradient(expected, model.trainable_weights)
    gsg, _, _, mlm_logits = both_losses(model, masked)
    other.compile(keras.optimizers.SGD(0.1), weighted_metrics=[Perplexity()], **{option: True})
    other.logits_bytes = 4 * 60 * 2  # of two tokens
    history = other.fit(masked, verbose=0, shuffle=False).history
    assert history["loss"] == [pytest.approx(float(expected), rel=1e-5)]
    for name in ("gsg_perplexity", "perplexity"):
        assert history[name] == [pytest.approx(np.exp(gsg), rel=1e-5)]
    where = masked["mlm_labels"] != -100
    right = mlm_logits[where].argmax(-1) == masked["mlm_labels"][where]
    assert history["mlm_accuracy"] == [pytest.approx(right.mean())]
    for weight, gradient, trained in zip(
        model.trainable_weights, gradients, other.trainable_weights, strict=True
    ):
        expected = weight - 0.1 * tf.convert_to_tensor(gradient)
        np.testing.assert_allclose(trained, expected, atol=1e-6)


def test_a_step_in_parts_is_the_step_of_the_batch(masked):
    """Also where a part has no gap sentences, or no masked words."""
    masked["labels"][2] = -100
    config = tiny_config(dropout=0.0, decoder_layers=1)
    model, other = TFPegasusForPreTraining(config), TFPegasusForPreTraining(config)
    other.set_weights(model.get_weights())
    gsg, mlm, _, _ = both_losses(model, masked)
    with tf.GradientTape() as tape:
        loss = model(masked).loss[0]
    gradients = tape.gradient(loss, model.trainable_weights)
    other.logits_bytes = 4 * 60 * 2
    other.compile(keras.optimizers.SGD(0.1), jit_compile=False, micro_batches=2)
    logs = other.train_on_batch(masked, return_dict=True)
    assert logs["loss"] == pytest.approx(gsg + mlm, rel=1e-5)
    assert np.isfinite(logs["gsg_perplexity"])
    assert 0 <= logs["mlm_accuracy"] <= 1
    for weight, gradient, trained in zip(
        model.trainable_weights, gradients, other.trainable_weights, strict=True
    ):
        expected = weight - 0.1 * tf.convert_to_tensor(gradient)
        np.testing.assert_allclose(trained, expected, atol=1e-6)
    masked["mlm_labels"][:] = -100
    assert other.train_on_batch(masked, return_dict=True)["loss"] > 0
    assert np.isfinite(other.get_weights()[0]).all()


def test_weights_of_examples_weigh_both_losses(pretraining, masked):
    weights = np.array([0.0, 3.0, 2.0], "float32")
    pretraining.compile("sgd", run_eagerly=True)
    evaluated = pretraining.evaluate(masked, sample_weight=weights, verbose=0)[0]
    losses = []
    for row, weight in enumerate(weights):
        one = {name: value[row : row + 1] for name, value in masked.items()}
        gsg, mlm, _, _ = both_losses(pretraining, one)
        tokens = (one["labels"] != -100).sum(), (one["mlm_labels"] != -100).sum()
        losses.append((weight * gsg * tokens[0], weight * mlm * tokens[1]))
    totals = np.sum(losses, axis=0) / [9, 3]
    assert evaluated == pytest.approx(totals[0] + 0.5 * totals[1], rel=1e-5)


def test_batches_without_masked_words(pretraining, masked):
    masked["mlm_labels"][:] = -100
    gsg = both_losses(pretraining, masked)[0]
    assert float(pretraining(masked).loss[0]) == pytest.approx(gsg)


@pytest.mark.parametrize("weights_format", ["safetensors", "bin", "h5", "msgpack", "original"])
def test_all_classes_load_each_others_weights(pretraining, masked, tmp_path, weights_format):
    pretraining.save_pretrained(tmp_path, weights_format=weights_format)
    assert PegasusConfig.from_pretrained(tmp_path).mlm_loss_weight == 0.5
    summaries = TFPegasusForConditionalGeneration.from_pretrained(tmp_path)
    again = TFPegasusForPreTraining.from_pretrained(tmp_path)
    expected = pretraining(masked)
    inputs = {name: masked[name] for name in ("input_ids", "attention_mask", "labels")}
    np.testing.assert_allclose(summaries(inputs).logits, expected.logits, atol=1e-6)
    np.testing.assert_allclose(again(masked).mlm_logits, expected.mlm_logits, atol=1e-6)
    np.testing.assert_allclose(again(masked).loss, expected.loss, rtol=1e-6)
    if weights_format == "safetensors":
        for other in (TFPegasusModel, TFPegasusForCausalLM):
            other.from_pretrained(tmp_path)
        summaries.save_pretrained(tmp_path / "back")
        back = TFPegasusForPreTraining.from_pretrained(tmp_path / "back")
        np.testing.assert_array_equal(back(masked).mlm_logits, expected.mlm_logits)


def test_keras_saves_and_loads_the_compiled_model(pretraining, masked, tmp_path):
    pretraining.compile(keras.optimizers.Adam(0.01), run_eagerly=True)
    pretraining.fit(masked, verbose=0)
    pretraining.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(again, TFPegasusForPreTraining)
    np.testing.assert_array_equal(again(masked).mlm_logits, pretraining(masked).mlm_logits)
    first, second = (model.fit(masked, verbose=0).history for model in (pretraining, again))
    assert first == second
    pretraining.save_weights(tmp_path / "model.weights.h5")
    plain = TFPegasusForConditionalGeneration(pretraining.config)
    plain.load_weights(tmp_path / "model.weights.h5")
    inputs = {name: masked[name] for name in ("input_ids", "attention_mask", "labels")}
    np.testing.assert_array_equal(plain(inputs).logits, pretraining(masked).logits)


def test_invalid_masked_words_are_refused(pretraining, masked):
    with pytest.raises(ValueError, match=r"mlm_labels have the shape \(3, 6\), expected that of"):
        pretraining(masked | {"mlm_labels": masked["mlm_labels"][:, :6]})
    with pytest.raises(ValueError, match="labels holds ids outside"):
        pretraining(masked | {"mlm_labels": masked["mlm_labels"] + 99})
    with pytest.raises(ValueError, match="unknown input 'masked_labels'"):
        pretraining(masked | {"masked_labels": masked["mlm_labels"]})
    with pytest.raises(ValueError, match="mlm_loss_weight=-1 must be at least 0"):
        tiny_config(mlm_loss_weight=-1)
