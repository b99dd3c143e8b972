import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import tiny_config

from tf_pegasus import Perplexity, TFPegasusForConditionalGeneration
from tf_pegasus.models.losses import masked_cross_entropy, token_cross_entropy


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (["a document"], ["a summary"]),
        ("a document", "a summary"),
        (np.array(["a document"]), np.array([[1, 2]])),
        (np.array([[1, 2]]), ["a summary"]),
        ({"input_ids": ["a document"], "labels": ["a summary"]}, None),
        (tf.data.Dataset.from_tensor_slices((["a document"], ["a summary"])).batch(1), None),
    ],
)
def test_fit_refuses_texts_and_suggests_a_call(model, x, y):
    model.compile("adam", jit_compile=False)
    with pytest.raises(TypeError, match=r"must be ids, got strings: tokenize them first"):
        model.fit(x, y, verbose=0)


@pytest.mark.parametrize("texts", ["a document", ["a document"], {"input_ids": ["a document"]}])
def test_generate_refuses_texts_and_suggests_a_call(model, texts):
    with pytest.raises(TypeError, match=r"input_ids must be ids, .* model.summarize"):
        model.generate(texts)


# Weights of examples and tokens

WEIGHTS = np.array([0.0, 3.0, 1.0], "float32")
TOKEN_WEIGHTS = np.array([[1, 0, 2, 0], [1, 5, 9, 9], [0, 1, 0.5, 9]], "float32")


def first_step(config, batch, compiled=None, **weights):
    """Returns the loss and the weights after one step of gradient descent."""
    keras.utils.set_random_seed(0)
    model = TFPegasusForConditionalGeneration(config)
    model.compile(keras.optimizers.SGD(0.1), **(compiled or {}))
    x, y = {name: batch[name] for name in ("input_ids", "attention_mask")}, batch["labels"]
    history = model.fit(x, y, verbose=0, **weights).history
    return history, model.get_weights()


@pytest.mark.parametrize("weights", [WEIGHTS, WEIGHTS[:, None], TOKEN_WEIGHTS])
@pytest.mark.parametrize("eager", [False, True])
def test_weights_weigh_the_loss(batch, weights, eager):
    config = tiny_config(dropout=0.0)
    keras.utils.set_random_seed(0)
    model = TFPegasusForConditionalGeneration(config)
    with tf.GradientTape() as tape:
        losses, counts = token_cross_entropy(batch["labels"], model(batch).logits)
        weighted = losses * (weights if weights.ndim == 2 else weights[:, None])
        expected = tf.reduce_sum(weighted) / tf.reduce_sum(counts)
    gradients = tape.gradient(expected, model.trainable_weights)
    after = [
        v - 0.1 * tf.convert_to_tensor(g)
        for v, g in zip(model.trainable_weights, gradients, strict=True)
    ]
    again = TFPegasusForConditionalGeneration(config)
    again.set_weights(model.get_weights())
    again.compile(keras.optimizers.SGD(0.1), run_eagerly=eager)
    x, y = {name: batch[name] for name in ("input_ids", "attention_mask")}, batch["labels"]
    evaluated = again.evaluate(x, y, sample_weight=weights, verbose=0)
    history = again.fit(x, y, sample_weight=weights, verbose=0).history
    np.testing.assert_allclose([evaluated, history["loss"][0]], expected, rtol=1e-5)
    for weight, value in zip(again.trainable_weights, after, strict=True):
        np.testing.assert_allclose(weight, value, atol=1e-6)


def test_weights_go_with_labels_inside(batch):
    model = TFPegasusForConditionalGeneration(tiny_config(dropout=0.0))
    model.compile(keras.optimizers.SGD(0.0))
    x, y = {name: batch[name] for name in ("input_ids", "attention_mask")}, batch["labels"]
    expected = model.evaluate(x, y, sample_weight=WEIGHTS, verbose=0)
    assert expected != pytest.approx(model.evaluate(batch, verbose=0))
    assert model.evaluate(batch, sample_weight=WEIGHTS, verbose=0) == pytest.approx(expected)
    validation = (batch, None, WEIGHTS)
    history = model.fit(batch, sample_weight=WEIGHTS, validation_data=validation, verbose=0).history
    assert history == {"loss": [pytest.approx(expected)], "val_loss": [pytest.approx(expected)]}


def test_wrong_weights_are_refused(model, batch):
    model.compile("adam", run_eagerly=True)
    with pytest.raises(ValueError, match=r"sample_weight has the shape \(3, 2\)"):
        model.fit(batch, sample_weight=np.ones((3, 2)), verbose=0)
    x, y = batch["input_ids"], batch["labels"]
    with pytest.raises(ValueError, match="class_weight has no effect on token labels"):
        model.fit(x, y, class_weight={5: 2.0}, verbose=0)
    with pytest.raises(ValueError, match="class_weight has no effect on token labels"):
        model.train_on_batch(x, y, class_weight={5: 2.0})


def test_a_compiled_cross_entropy_is_the_loss_that_is_built_in(batch):
    config = tiny_config(dropout=0.0)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for weights in ({}, {"sample_weight": TOKEN_WEIGHTS}):
        built_in, expected = first_step(config, batch, **weights)
        compiled, after = first_step(config, batch, {"loss": loss}, **weights)
        np.testing.assert_allclose(compiled["loss"], built_in["loss"], rtol=1e-5)
        for one, other in zip(after, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)


def test_losses_of_layers_are_added(batch):
    class Penalized(TFPegasusForConditionalGeneration):
        def call(self, *args, **kwargs):
            self.add_loss(tf.constant(2.0))
            return super().call(*args, **kwargs)

        call.input_names = TFPegasusForConditionalGeneration.call.input_names

    config = tiny_config(dropout=0.0)
    model = Penalized(config)
    model.compile("adam")
    plain = TFPegasusForConditionalGeneration(config)
    plain.set_weights(model.get_weights())
    expected = float(plain(batch).loss[0]) + 2.0
    assert model.evaluate(batch, verbose=0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("dtype", ["int64", "uint16"])
def test_labels_of_any_integers(model, batch, dtype):
    batch["labels"] = np.where(batch["labels"] < 0, 0, batch["labels"])
    model.compile("adam", run_eagerly=True)
    expected = model.evaluate(batch, verbose=0)
    integers = {name: value.astype(dtype) for name, value in batch.items()}
    assert model.evaluate(integers, verbose=0) == pytest.approx(expected)


# Metrics


def test_metrics_ignore_what_the_loss_ignores(model, batch):
    def scalar(labels, logits):
        return masked_cross_entropy(labels, logits)

    model.compile(
        "adam",
        metrics=[
            "sparse_categorical_accuracy",
            keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="entropy"),
            scalar,
        ],
        weighted_metrics=[Perplexity()],
    )
    logits = model(batch).logits.numpy()
    counts = batch["labels"] >= 0
    results = model.evaluate(batch, verbose=0, return_dict=True)
    accuracy = (logits.argmax(-1) == batch["labels"])[counts].mean()
    assert results["sparse_categorical_accuracy"] == pytest.approx(accuracy)
    assert results["entropy"] == pytest.approx(results["loss"], rel=1e-5)
    assert results["scalar"] == pytest.approx(results["loss"], rel=1e-5)
    assert results["perplexity"] == pytest.approx(np.exp(results["loss"]), rel=1e-5)


def test_padding_in_labels_does_not_count(model, batch):
    model.compile("adam", metrics=["sparse_categorical_accuracy"])
    before = model.evaluate(batch, verbose=0, return_dict=True)
    padded = {**batch, "labels": np.where(batch["labels"] < 0, 0, batch["labels"])}
    assert model.evaluate(padded, verbose=0, return_dict=True) == pytest.approx(before, rel=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        "sparse_categorical_crossentropy",
        "crossentropy",
        keras.losses.sparse_categorical_crossentropy,
        keras.losses.SparseCategoricalCrossentropy(),
    ],
)
@pytest.mark.parametrize("argument", ["loss", "metrics", "weighted_metrics"])
def test_what_takes_probabilities_is_refused(model, loss, argument):
    with pytest.raises(ValueError, match=r"takes probabilities, but the outputs are logits"):
        model.compile("adam", **{argument: loss if argument == "loss" else [loss]})


def test_the_first_step_is_traced_once(batch):
    traces = []

    class Counted(TFPegasusForConditionalGeneration):
        def train_step(self, data):
            traces.append(1)
            return super().train_step(data)

    model = Counted(tiny_config())
    model.compile("adamw", steps_per_execution=1)
    model.fit(batch, epochs=2, verbose=0)
    assert len(traces) == 1


def test_labels_outside_of_the_vocabulary(model, batch):
    """XLA drops assertions."""
    batch["labels"][0, 0] = 77
    with pytest.raises(ValueError, match=r"labels holds ids outside \[0, 60\)"):
        model(batch)
    model.compile("sgd", jit_compile=True)
    assert np.isnan(model.evaluate(batch, verbose=0))
    model.compile("sgd", jit_compile=False)
    # What fails first is the assertion or the look-up.
    with pytest.raises(tf.errors.InvalidArgumentError):
        model.evaluate(batch, verbose=0)


def test_weights_of_losses_need_a_loss(model):
    with pytest.raises(ValueError, match=r"loss_weights=.* has no effect without a loss"):
        model.compile("sgd", loss_weights=[2.0])


# Keras' ways to run a step


def trained(batch, kind=TFPegasusForConditionalGeneration, **compiled):
    """Returns the losses and the weights after two epochs of two steps."""
    keras.utils.set_random_seed(0)
    model = kind(tiny_config(dropout=0.0, encoder_layers=1, decoder_layers=1))
    model.compile(keras.optimizers.SGD(0.1), **compiled)
    rows = {name: np.concatenate([values, values[::-1]]) for name, values in batch.items()}
    history = model.fit(rows, epochs=2, batch_size=3, shuffle=False, verbose=0).history
    return history["loss"], model.get_weights()


class OwnStep(TFPegasusForConditionalGeneration):
    """Has the training step of Keras' guide."""

    def train_step(self, data):
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight, training=True)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": loss}


WAYS = {
    "eager": (TFPegasusForConditionalGeneration, {"run_eagerly": True}),
    "XLA": (TFPegasusForConditionalGeneration, {"jit_compile": True}),
    "two steps an execution": (TFPegasusForConditionalGeneration, {"steps_per_execution": 2}),
    "own train_step": (OwnStep, {}),
}


def test_all_ways_to_run_a_step_give_the_same_weights(batch):
    losses, weights = trained(batch, jit_compile=False)
    for name, (kind, compiled) in WAYS.items():
        found_losses, found = trained(batch, kind, **compiled)
        if kind is not OwnStep:  # it reports the last step's
            np.testing.assert_allclose(found_losses, losses, rtol=1e-5, err_msg=name)
        for value, expected in zip(found, weights, strict=True):
            np.testing.assert_allclose(value, expected, atol=1e-5, err_msg=name)
