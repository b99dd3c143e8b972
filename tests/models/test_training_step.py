"""A batch in parts gives the losses, metrics and weights of the batch in one go."""

import keras
import numpy as np
import pytest
from helpers.tiny import tiny_config

from tf_pegasus import (
    TFPegasusForConditionalGeneration,
    TFPegasusForPreTraining,
    TokenAccuracy,
)


def fit(parts, rows=7, kind=TFPegasusForConditionalGeneration, **options):
    """Two updates with targets of 1 to 6 tokens; returns the history and the weights."""
    random = np.random.default_rng(0)
    sources = random.integers(2, 60, (rows, 7)).astype("int32")
    labels = random.integers(2, 60, (rows, 6)).astype("int32")
    labels[np.arange(6) > np.arange(rows)[:, None] % 6] = -100
    keras.utils.set_random_seed(0)
    model = kind(tiny_config(dropout=0.0, decoder_layers=1))
    inputs = {"input_ids": sources}
    if kind is TFPegasusForPreTraining:
        inputs["mlm_labels"] = np.where(sources > 40 - 5 * np.arange(rows)[:, None], sources, -100)
    model.compile(
        keras.optimizers.SGD(1.0, global_clipnorm=1.0),
        weighted_metrics=[TokenAccuracy()],
        micro_batches=parts,
        **options,
    )
    weights = np.linspace(0.5, 2, rows)
    history = model.fit(inputs, labels, rows, 2, 0, sample_weight=weights, shuffle=False)
    return history.history, model.get_weights()


def check_same(found, expected):
    for name, values in expected[0].items():
        np.testing.assert_allclose(found[0][name], values, rtol=1e-5, err_msg=name)
    for a, b in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(a, b, atol=2e-6)


def test_parts_of_uneven_numbers_of_tokens():
    check_same(fit(parts=4), fit(parts=1))


def test_parts_of_uneven_numbers_of_masked_words():
    check_same(fit(4, kind=TFPegasusForPreTraining), fit(1, kind=TFPegasusForPreTraining))


@pytest.mark.slow
def test_parts_with_a_loss_of_keras_and_xla():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    found = fit(parts=4, rows=8, loss=loss, jit_compile=True)
    check_same(found, fit(parts=1, rows=8))


def test_a_saved_model_keeps_the_number_of_parts(tmp_path):
    model = TFPegasusForConditionalGeneration(tiny_config(decoder_layers=1))
    model.compile("sgd", micro_batches=3)
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").micro_batches == 3
    with pytest.raises(ValueError, match=r"micro_batches=0 must be an int of at least 1"):
        model.compile("sgd", micro_batches=0)


def test_parts_with_a_loss_of_ones_own_are_refused():
    class Own(TFPegasusForConditionalGeneration):
        def compute_loss(self, x, y, y_pred, sample_weight):
            return super().compute_loss(x, y, y_pred, sample_weight) * 2

    model = Own(tiny_config(encoder_layers=1, decoder_layers=1))
    with pytest.raises(ValueError, match=r"micro_batches=2 needs .* the compute_loss of Own"):
        model.compile("sgd", micro_batches=2)
    model.compile("sgd", run_eagerly=True)
    ids = np.array([[5, 6, 1]])
    plain = float(model({"input_ids": ids, "labels": ids}).loss[0])
    assert model.evaluate({"input_ids": ids}, ids, verbose=0) == pytest.approx(2 * plain)


def test_labels_as_y_in_a_dict(model, batch):
    labels = batch.pop("labels")
    model.compile("sgd", run_eagerly=True)
    losses = [model.test_on_batch(batch, y) for y in (labels, {"labels": labels})]
    assert losses[0] == losses[1]
    with pytest.raises(
        ValueError, match=r"y has \['targets'\], expected ids or a dict with 'labels'"
    ):
        model.test_on_batch(batch, {"targets": labels})
