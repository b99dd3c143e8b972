import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import tiny_config

from tf_pegasus import TFPegasusForConditionalGeneration
from tf_pegasus.models.losses import token_cross_entropy
from tf_pegasus.models.projected_loss import projected_cross_entropy

BATCH, LENGTH, WIDTH, VOCABULARY = 3, 5, 8, 17
ROW = 4 * VOCABULARY
random = np.random.default_rng(0)
STATES, TABLE, BIAS, WEIGHTS = (
    tf.constant(random.normal(size=shape).astype("float32"))
    for shape in ((BATCH, LENGTH, WIDTH), (VOCABULARY, WIDTH), VOCABULARY, (BATCH, LENGTH))
)
LABELS = random.integers(0, VOCABULARY, (BATCH, LENGTH))
LABELS[0, 1] = -100
WRONG = np.where(np.arange(LENGTH) == 3, VOCABULARY, LABELS)


def plain(states, table, labels=LABELS, smoothing=0.0):
    """The definition, with TensorFlow's own gradient."""
    log_probs = tf.nn.log_softmax(logits_of(states, table))
    losses = -tf.gather(log_probs, np.maximum(labels, 0), axis=-1, batch_dims=2)
    losses = (1 - smoothing) * losses - smoothing * tf.reduce_mean(log_probs, -1)
    return tf.reduce_sum(losses * (labels != -100).astype("float32") * WEIGHTS)


def logits_of(states, table):
    return tf.einsum("btd,vd->btv", states, table) + BIAS


def of_logits(states, table, labels=LABELS, smoothing=0.0):
    losses, _ = token_cross_entropy(tf.constant(labels), logits_of(states, table), smoothing)
    return tf.reduce_sum(losses * WEIGHTS)


def projected(states, table, labels=LABELS, smoothing=0.0, logits_bytes=4 * ROW, **options):
    return projected_cross_entropy(
        tf.constant(labels), states, table, BIAS, WEIGHTS, smoothing, logits_bytes, **options
    )


def with_gradients(loss, *arguments, **options):
    with tf.GradientTape() as tape:
        tape.watch([STATES, TABLE])
        value = loss(STATES, TABLE, *arguments, **options)
    return [value, *tape.gradient(value, [STATES, TABLE])]


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_losses_and_gradients_are_those_of_the_definition(smoothing):
    expected = with_gradients(plain, LABELS, smoothing)
    results = [with_gradients(of_logits, LABELS, smoothing)]
    # One token at once; chunks of which the last is not full; all.
    results += [
        with_gradients(projected, LABELS, smoothing, logits_bytes)
        for logits_bytes in (1, 4 * ROW, 10**9)
    ]
    for result in results:
        for value, wanted in zip(result, expected, strict=True):
            np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_shapes_may_be_unknown(jit_compile):
    @tf.function(
        jit_compile=jit_compile,
        input_signature=[
            tf.TensorSpec((None, None, WIDTH)),
            tf.TensorSpec((None, None), "int32"),
            tf.TensorSpec((None, None)),
        ],
    )
    def gradients(states, labels, weights):
        with tf.GradientTape() as tape:
            tape.watch([states, TABLE])
            loss = projected_cross_entropy(labels, states, TABLE, BIAS, weights, 0.1, 4 * ROW)
        return [loss, *tape.gradient(loss, [states, TABLE])]

    expected = with_gradients(plain, LABELS, 0.1)
    for value, wanted in zip(gradients(STATES, LABELS, WEIGHTS), expected, strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-6)


def test_labels_out_of_range_give_nan_and_no_gradient():
    for loss in (of_logits, projected):
        value, to_states, _ = with_gradients(loss, WRONG)
        assert np.isnan(value)
        assert np.all(to_states.numpy()[:, 3] == 0)
        assert np.all(np.isfinite(to_states))


def test_derivatives_that_do_not_exist_are_errors():
    with tf.GradientTape() as tape:
        tape.watch(STATES)
        first = with_gradients(projected)[1]
    with pytest.raises(LookupError, match="no second derivative"):
        tape.gradient(first, STATES)
    with pytest.raises(LookupError, match="training=False"):
        with_gradients(projected, with_gradient=False)
    value = projected(STATES, TABLE, with_gradient=False)
    np.testing.assert_allclose(value, plain(STATES, TABLE), rtol=1e-5)


@pytest.fixture(scope="module")
def inputs():
    config = tiny_config()
    ids = np.random.default_rng(1).integers(2, config.vocab_size, (4, 6)).astype("int32")
    return {"input_ids": ids, "labels": np.where(np.arange(6) < 5, ids, -100)}


def losses_of_fit(inputs, metrics=None, logits_bytes=None, **compiled):
    keras.utils.set_random_seed(0)
    model = TFPegasusForConditionalGeneration(tiny_config(label_smoothing=0.1))
    if logits_bytes is not None:
        model.logits_bytes = logits_bytes
    model.compile(keras.optimizers.SGD(0.5), metrics=metrics, **compiled)
    x = {"input_ids": inputs["input_ids"]}
    weights = np.linspace(0.5, 1.5, 4)
    history = model.fit(x, inputs["labels"], 4, 2, 0, sample_weight=weights, shuffle=False)
    return history.history["loss"], model.evaluate(
        inputs, batch_size=4, verbose=0, return_dict=True
    )["loss"]


def test_fit_gives_the_same_losses_with_and_without_logits(inputs, monkeypatch):
    expected = losses_of_fit(inputs, metrics=["sparse_categorical_accuracy"])
    computed = []
    monkeypatch.setattr(
        "tf_pegasus.models.language_model.token_cross_entropy",
        lambda *arguments: computed.append(arguments) or token_cross_entropy(*arguments),
    )
    found = losses_of_fit(inputs, logits_bytes=4 * tiny_config().vocab_size * 7)
    assert not computed
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-5)
