import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import tiny_config

from tf_pegasus import TFPegasusForConditionalGeneration
from tf_pegasus.models.losses import masked_cross_entropy


def test_loss_ignores_minus_100_and_averages_other_tokens():
    logits = np.random.default_rng(0).normal(size=(2, 3, 5)).astype("float32")
    labels = np.array([[1, 4, -100], [2, -100, -100]])
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = -np.mean([log_probs[0, 0, 1], log_probs[0, 1, 4], log_probs[1, 0, 2]])
    np.testing.assert_allclose(masked_cross_entropy(labels, logits), expected, rtol=1e-6)
    smooth = -np.mean([log_probs[0, 0].mean(), log_probs[0, 1].mean(), log_probs[1, 0].mean()])
    np.testing.assert_allclose(
        masked_cross_entropy(labels, logits, 0.1), 0.9 * expected + 0.1 * smooth, rtol=1e-6
    )


def test_loss_of_nothing_is_zero():
    assert float(masked_cross_entropy(np.full((2, 3), -100), np.zeros((2, 3, 5), "float32"))) == 0


# fit


def dataset(batch):
    return tf.data.Dataset.from_tensor_slices(batch).batch(3)


@pytest.mark.parametrize("style", ["inside", "y"])
def test_fit_without_a_loss(model, batch, style):
    model.compile(keras.optimizers.Adam(0.01))
    if style == "inside":
        history = model.fit(dataset(batch), epochs=30, verbose=0, validation_data=dataset(batch))
    else:
        x = {name: batch[name] for name in ("input_ids", "attention_mask")}
        history = model.fit(
            x, batch["labels"], epochs=30, verbose=0, validation_data=(x, batch["labels"])
        )
    losses = history.history["loss"]
    assert losses[-1] < 0.5 * losses[0]
    assert history.history["val_loss"][-1] < losses[0]
    np.testing.assert_allclose(model.evaluate(batch, verbose=0), model(batch).loss, rtol=1e-4)


def test_fit_with_custom_loss_and_metric(model, batch):
    def loss(labels, logits):
        return masked_cross_entropy(labels, logits)

    def accuracy(labels, logits):
        right = tf.cast(tf.argmax(logits, -1) == tf.cast(labels, tf.int64), tf.float32)
        return tf.reduce_mean(right)

    model.compile(keras.optimizers.Adam(0.01), loss=loss, metrics=[accuracy])
    history = model.fit(dataset(batch), epochs=20, verbose=0).history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert history["accuracy"][-1] > history["accuracy"][0]


def test_fit_without_labels(model, batch):
    model.compile("adam")
    batch.pop("labels")
    with pytest.raises(ValueError, match="labels are missing"):
        model.fit(dataset(batch), verbose=0)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_fit_in_mixed_precision(config, batch, policy):
    model = TFPegasusForConditionalGeneration(config, dtype=policy)
    model.compile(keras.optimizers.Adam(0.01))
    losses = model.fit(dataset(batch), epochs=25, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.6 * losses[0]


def test_label_smoothing_only_in_training(config, batch):
    config.label_smoothing = 0.5
    config.dropout = 0.0
    model = TFPegasusForConditionalGeneration(config)
    assert model(batch, training=True).loss[0] != model(batch).loss[0]
    model.config.label_smoothing = 0.0
    assert model(batch, training=True).loss[0] == model(batch).loss[0]


def test_too_long_sequences_in_fit(model):
    model.compile("adam", jit_compile=False)
    rows = tf.ragged.constant([[2] * 40, [3] * 5], tf.int32)
    data = tf.data.Dataset.from_tensor_slices(rows).map(
        lambda row: {"input_ids": row, "labels": row[:3]}
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match="max_position_embeddings=32"):
        model.fit(data.padded_batch(2), verbose=0)


def test_a_model_without_a_pad_id_counts_all_labels(batch):
    model = TFPegasusForConditionalGeneration(tiny_config(pad_token_id=None))
    # No row of the embedding stands for padding.
    assert np.all(np.any(model.model.shared.embeddings, axis=1))
    labels = np.array([[5, 0, 1]] * 3)
    inputs = {**batch, "labels": labels}
    with pytest.raises(ValueError, match="pad_token_id=None: decoder inputs cannot be made"):
        model(inputs)
    outputs = model(inputs, decoder_input_ids=np.array([[0, 5, 0]] * 3))
    np.testing.assert_allclose(outputs.loss, masked_cross_entropy(labels, outputs.logits))
