import numpy as np
import pytest

from tf_pegasus import TFPegasusForConditionalGeneration
from tf_pegasus.checkpoints.folding import fold_attention_biases
from tf_pegasus.checkpoints.saving import _tensors


@pytest.fixture
def biased(golden):
    """A model whose attention biases are all that the authors' format cannot hold."""
    model = TFPegasusForConditionalGeneration.from_pretrained(golden.path)
    model.final_logits_bias.assign(np.zeros(model.final_logits_bias.shape))
    embeddings = model.get_input_embeddings().embeddings
    embeddings.assign(np.asarray(embeddings) * (np.arange(embeddings.shape[0]) > 0)[:, None])
    return model


def attention_biases(tensors):
    return [name for name in tensors if name.endswith("_proj.bias")]


@pytest.mark.filterwarnings("ignore:the authors' code")
def test_folding_keeps_the_logits(biased, golden, tmp_path):
    before = biased(golden.inputs).logits
    tensors = _tensors(biased, None, False)
    assert all(np.abs(tensors[name]).max() > 0.01 for name in attention_biases(tensors))
    biased.save_pretrained(tmp_path, weights_format="original")
    loaded = TFPegasusForConditionalGeneration.from_pretrained(tmp_path)
    folded = _tensors(loaded, None, False)
    assert not any(np.any(folded[name]) for name in attention_biases(folded))
    np.testing.assert_allclose(loaded(golden.inputs).logits, before, atol=1e-5)


@pytest.mark.filterwarnings("ignore:the authors' code")
@pytest.mark.parametrize("kind", ["q_proj", "k_proj", "v_proj", "out_proj"])
def test_single_kinds_of_bias(biased, golden, kind, tmp_path):
    for layer in biased.get_decoder().layers:
        for attention in (layer.self_attn, layer.encoder_attn):
            for name in {"q_proj", "k_proj", "v_proj", "out_proj"} - {kind}:
                bias = getattr(attention, name).bias
                bias.assign(np.zeros(bias.shape))
    before = biased(golden.inputs).logits
    biased.save_pretrained(tmp_path, weights_format="original")
    loaded = TFPegasusForConditionalGeneration.from_pretrained(tmp_path)
    np.testing.assert_allclose(loaded(golden.inputs).logits, before, atol=1e-5)


def test_gamma_of_zero(biased, golden):
    norm = biased.get_decoder().layers[0].self_attn_layer_norm
    gamma = np.asarray(norm.gamma).copy()
    gamma[3] = 0.0
    norm.gamma.assign(gamma)
    before = biased(golden.inputs).logits
    assign(biased, fold_attention_biases(_tensors(biased, None, False)))
    np.testing.assert_allclose(biased(golden.inputs).logits, before, atol=1e-5)


def assign(model, tensors):
    from tf_pegasus.checkpoints.names import huggingface_weights

    for weight in huggingface_weights(model):
        value = tensors[weight.name]
        weight.variable.assign(value.T if weight.transposed else value)


def test_tensors_without_biases_are_unchanged(model):
    tensors = _tensors(model, None, False)
    folded = fold_attention_biases(tensors)
    assert folded.keys() == tensors.keys()
    assert all(folded[name] is tensors[name] for name in tensors)


def test_output_bias_after_a_singular_kernel_is_refused(biased):
    tensors = _tensors(biased, None, False)
    name = "model.decoder.layers.0.self_attn.out_proj"
    tensors[f"{name}.weight"] = np.zeros_like(tensors[f"{name}.weight"])
    with pytest.raises(ValueError, match=rf"{name}\.bias cannot be folded: .* is singular"):
        fold_attention_biases(tensors)


def test_biases_that_float32_cannot_hold_are_refused(biased):
    tensors = _tensors(biased, None, False)
    name = "model.decoder.layers.0.self_attn"
    left, values, right = np.linalg.svd(tensors[f"{name}.out_proj.weight"].astype("float64"))
    values[-1] = 1e-9
    tensors[f"{name}.out_proj.weight"] = (left * values) @ right
    message = rf"the biases of {name}\.v_proj cannot be folded in float32"
    with pytest.raises(ValueError, match=message):
        fold_attention_biases(tensors)
