"""`Model.export` of Keras."""

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import tiny_config

from tf_pegasus import TFPegasusForCausalLM, TFPegasusModel


@pytest.fixture
def inputs(source, target):
    return {**source, "decoder_input_ids": target}


def test_saved_model_has_names_and_values_of_the_forward_pass(model, inputs, tmp_path):
    expected = model(inputs)
    model.export(tmp_path / "exported", verbose=False)
    serve = tf.saved_model.load(tmp_path / "exported").signatures["serving_default"]
    outputs = serve(**{name: tf.constant(value) for name, value in inputs.items()})
    assert set(outputs) == {"logits", "encoder_last_hidden_state"}
    for name, value in outputs.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-6)


def test_signature_chooses_the_inputs(config, inputs, tmp_path):
    model = TFPegasusModel(config)
    signature = {
        "decoder_input_ids": tf.TensorSpec((None, 4), tf.int64),
        "input_ids": tf.TensorSpec((None, None), tf.int64),
    }
    model.export(tmp_path / "exported", verbose=False, input_signature=[signature])
    serve = tf.saved_model.load(tmp_path / "exported").signatures["serving_default"]
    ids = {name: tf.cast(inputs[name], tf.int64) for name in signature}
    expected = model({name: inputs[name] for name in signature}).last_hidden_state
    np.testing.assert_allclose(serve(**ids)["last_hidden_state"], expected, atol=1e-6)


def test_litert(model, inputs, tmp_path):
    path = tmp_path / "model.tflite"
    signature = {name: tf.TensorSpec(value.shape, tf.int32) for name, value in inputs.items()}
    model.export(path, "litert", verbose=False, input_signature=signature)
    outputs = tf.lite.Interpreter(str(path)).get_signature_runner()(**inputs)
    np.testing.assert_allclose(outputs["logits"], model(inputs).logits, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "onnx"}, "format='onnx' must be one of tf_saved_model, litert"),
        ({"input_signature": {"ids": None}}, "must be a dict from names of inputs"),
        ({"input_signature": tf.TensorSpec((1, 2))}, "must be a dict from names of inputs"),
    ],
)
def test_what_cannot_be_exported_is_refused(options, message, tmp_path):
    model = TFPegasusForCausalLM(tiny_config())
    with pytest.raises(ValueError, match=message):
        model.export(tmp_path / "exported", **options)
    assert not list(tmp_path.iterdir())
