import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import tiny_config

from tf_pegasus import Perplexity, TFPegasusForConditionalGeneration, TokenAccuracy
from tf_pegasus.models.metrics import FunctionMetric, for_token_labels

LABELS = np.array([[5, 6, 7], [8, 1, -100]], "int32")


@pytest.fixture
def logits():
    return np.random.default_rng(0).normal(size=(2, 3, 10)).astype("float32")


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def test_token_accuracy_ignores_minus_100(logits):
    logits[0, 0, 5] = logits[1, 1, 1] = 9
    logits[0, 1, 0] = 9
    logits[0, 2, 7] = 9
    logits[1, 0, 0] = 9
    metric = TokenAccuracy()
    metric.update_state(LABELS, logits)
    assert float(metric.result()) == pytest.approx(3 / 5)
    metric.update_state(LABELS[:1], logits[:1])
    assert float(metric.result()) == pytest.approx(5 / 8)  # of all tokens, not of batches


def test_perplexity_of_all_tokens(logits):
    losses = -np.take_along_axis(log_softmax(logits), LABELS.clip(0)[..., None], -1)[..., 0]
    metric = Perplexity()
    for row in range(2):
        metric.update_state(LABELS[row : row + 1], logits[row : row + 1])
    expected = np.exp(losses[LABELS >= 0].mean())
    np.testing.assert_allclose(metric.result(), expected, rtol=1e-5)
    metric.reset_state()
    metric.update_state(LABELS, logits, sample_weight=[2.0, 0.0])
    np.testing.assert_allclose(metric.result(), np.exp(losses[0].mean()), rtol=1e-5)


def test_batches_of_other_lengths_weigh_by_their_tokens(logits):
    one, other = TokenAccuracy(), TokenAccuracy()
    one.update_state(LABELS, logits)
    one.update_state(LABELS[1:, :2], logits[1:, :2])
    # Longer by padding alone.
    other.update_state(LABELS, logits)
    other.update_state(LABELS[1:], logits[1:])
    assert float(one.result()) == pytest.approx(float(other.result()))
    np.testing.assert_allclose(other.count, 7)


@pytest.mark.parametrize("axis", [None, 1, "tokens"])
def test_a_function_may_return_any_rank(logits, axis):
    def largest(labels, logits):
        values = tf.reduce_max(logits, axis=-1)
        return values if axis == "tokens" else tf.reduce_mean(values, axis=axis)

    metric = FunctionMetric(largest)
    metric.update_state(LABELS, logits)
    values, counts = logits.max(-1), LABELS >= 0
    expected = {None: values.mean(), 1: values.mean(), "tokens": values[counts].mean()}[axis]
    np.testing.assert_allclose(metric.result(), expected, rtol=1e-6)
    assert metric.name == "largest"


@keras.saving.register_keras_serializable(package="tests")
def shortfall(labels, logits):
    return 1.0 - tf.reduce_max(tf.nn.softmax(logits), -1)


def test_metrics_are_saved_with_the_model(batch, tmp_path):
    model = TFPegasusForConditionalGeneration(tiny_config())
    model.compile("adam", metrics=[TokenAccuracy(), shortfall], weighted_metrics=[Perplexity()])
    model.fit(batch, verbose=0)
    before = model.evaluate(batch, verbose=0, return_dict=True)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    after = again.evaluate(batch, verbose=0, return_dict=True)
    assert set(after) == {"loss", "token_accuracy", "shortfall", "perplexity"}
    assert after == pytest.approx(before, rel=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        "mse",
        "binary_crossentropy",
        keras.losses.KLDivergence(),
        keras.losses.categorical_crossentropy,
        keras.metrics.MeanSquaredError(),
        {"logits": "mae"},
    ],
)
def test_losses_for_targets_that_are_no_ids(loss):
    with pytest.raises(ValueError, match=r"labels are ids, .* leave the loss out for"):
        for_token_labels(loss)


def test_losses_for_ids():
    names = [
        "accuracy",
        "sparse_categorical_accuracy",
        keras.metrics.SparseTopKCategoricalAccuracy(),
    ]
    own = [lambda labels, logits: 0.0, keras.losses.SparseCategoricalCrossentropy(from_logits=True)]
    for each in (None, *names, *own):
        assert for_token_labels(each) is each
