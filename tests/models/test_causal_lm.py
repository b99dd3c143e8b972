import keras
import numpy as np
import pytest

from tf_pegasus import (
    TFPegasusForCausalLM,
    TFPegasusForConditionalGeneration,
)


def test_causal_lm_trains_with_keras_metrics(config, batch):
    model = TFPegasusForCausalLM(config)
    assert model.config.is_encoder_decoder is False
    assert config.is_encoder_decoder is True
    again = TFPegasusForConditionalGeneration(model.config)
    assert (again.config.is_encoder_decoder, model.config.is_encoder_decoder) == (True, False)
    ids = batch["input_ids"]
    model.compile(keras.optimizers.Adam(1e-2), metrics=[keras.metrics.SparseCategoricalAccuracy()])
    history = model.fit({"input_ids": ids}, ids, epochs=5, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert model.evaluate({"input_ids": ids, "labels": ids}, verbose=0)[0] < history["loss"][0]
    with pytest.raises(ValueError, match="labels are missing"):
        model.fit({"input_ids": ids}, verbose=0)
    with pytest.raises(ValueError, match="has no encoder"):
        model.get_encoder()


def test_causal_lm_is_saved_and_loaded_by_keras(config, batch, tmp_path):
    model = TFPegasusForCausalLM(config)
    expected = model(batch["input_ids"]).logits
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(batch["input_ids"]).logits, expected)
