import numpy as np
import pytest

from tf_pegasus.serving.weights import weights_of, with_weights


@pytest.mark.parametrize(("weights", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.05)])
def test_a_copy_has_the_adapters_merged_and_the_model_keeps_them(model, batch, weights, tolerance):
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


def test_no_choice_is_the_model_itself(model):
    assert with_weights(model, None) is model


def test_a_quantized_model_stays_quantized(model):
    quantized = with_weights(model, "int8")
    assert weights_of(quantized) == "int8"
    assert weights_of(model) == "float32"
    assert with_weights(quantized, "int8") is quantized
    with pytest.raises(ValueError, match="weights='float32': the model is quantized"):
        with_weights(quantized, "float32")


def test_unknown_precisions_are_refused(model):
    with pytest.raises(ValueError, match="weights='float64' must be one of"):
        with_weights(model, "float64")
