import numpy as np
import pytest
import tensorflow as tf
from helpers.serving import TEXTS

from tf_pegasus import Summarizer, export_saved_model
from tf_pegasus.serving.served_model import ServedModel
from tf_pegasus.serving.weights import weights_of, with_weights


@pytest.mark.parametrize(("weights", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.05)])
def test_copy_merges_adapters_and_model_keeps_them(model, batch, weights, tolerance):
    dense = model.get_decoder().layers[0].self_attn.q_proj
    dense.enable_lora(2)
    dense.lora_kernel_b.assign(np.ones(dense.lora_kernel_b.shape))
    expected = model(batch).logits
    copy = with_weights(model, weights)
    assert weights_of(copy) == weights
    assert not copy.get_decoder().layers[0].self_attn.q_proj.lora_enabled
    np.testing.assert_allclose(copy(batch).logits, expected, atol=tolerance)
    assert dense.lora_enabled
    np.testing.assert_array_equal(model(batch).logits, expected)


def test_none_returns_the_model_itself(model):
    assert with_weights(model, None) is model


def test_a_quantized_model_stays_quantized(model):
    quantized = with_weights(model, "int8")
    assert weights_of(quantized) == "int8"
    assert weights_of(model) == "float32"
    assert with_weights(quantized, "int8") is quantized
    with pytest.raises(ValueError, match="weights='float32' must be None or 'int8'"):
        with_weights(quantized, "float32")


def test_unknown_precisions_are_refused(model):
    with pytest.raises(ValueError, match="weights='float64' must be one of"):
        with_weights(model, "float64")


@pytest.mark.parametrize("weights", ["bfloat16", "int8"])
def test_smaller_weights_are_close_and_do_not_change_the_model(summarizer, tmp_path, weights):
    before = [np.array(variable) for variable in summarizer.model.variables]
    path = export_saved_model(
        summarizer, tmp_path, engine="graph", weights=weights, warmup=False, num_beams=1
    )
    full = sum(value.nbytes for value in before)
    stored = tf.train.load_checkpoint(str(path / "variables" / "variables"))
    dtypes = stored.get_variable_to_dtype_map()
    small = sum(
        int(np.prod(shape)) * dtypes[name].size
        for name, shape in stored.get_variable_to_shape_map().items()
        if name.startswith("weights/")
    )
    # Biases, layer norms and scales are a large part of a model this small.
    assert small < {"bfloat16": 0.67, "int8": 0.6}[weights] * full
    served = ServedModel(path)
    assert served.manifest["weights"] == weights
    states = served.call("encode", text=TEXTS[:3])["states"]
    exact = Summarizer(summarizer.model, summarizer.tokenizer)
    inputs = exact.tokenizer(TEXTS[:3], padding=True, return_tensors="np")
    mask = inputs["attention_mask"][:, :, None]
    expected = summarizer.model.get_encoder()(**inputs).last_hidden_state.numpy() * mask
    np.testing.assert_allclose(states, expected.sum(1) / mask.sum(1), atol=0.05)
    assert len(served.call(text=TEXTS)["summary"]) == len(TEXTS)
    # The exported model is unchanged.
    for value, variable in zip(before, summarizer.model.variables, strict=True):
        np.testing.assert_array_equal(value, np.array(variable))
