import json

import numpy as np
import pytest
from helpers.tiny import tiny_config

from tf_pegasus import (
    TFPegasusForCausalLM,
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
)
from tf_pegasus.checkpoints.expected import expected_weights
from tf_pegasus.checkpoints.names import huggingface_weights

load = TFPegasusForConditionalGeneration.from_pretrained


@pytest.mark.parametrize(
    "model_class", [TFPegasusModel, TFPegasusForConditionalGeneration, TFPegasusForCausalLM]
)
def test_the_expected_weights_are_those_of_the_built_model(model_class):
    config = tiny_config(encoder_layers=2, encoder_ffn_dim=20)
    built = {w.name: w.file_shape() for w in huggingface_weights(model_class(config))}
    expected = expected_weights(config, model_class.stack_names, model_class.has_logits_bias)
    assert expected == built


def change(directory, **values):
    stored = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps({**stored, **values}))


@pytest.fixture
def must_not_build(monkeypatch):
    def build(*_, **__):
        raise AssertionError("the model was built before its file was looked at")

    monkeypatch.setattr(TFPegasusForConditionalGeneration, "__init__", build)


@pytest.mark.parametrize("strict", [None, False])
@pytest.mark.parametrize("weights_format", ["safetensors", "bin"])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"d_model": 2**24}, r"model\.shared\.weight has the shape \(60, 16\)"),
        ({"vocab_size": 10**9}, r"asks for \(1000000000, 16\)"),
        ({"encoder_ffn_dim": 2**40}, r"fc1\.weight has the shape"),
        ({"encoder_layers": 20_000}, "encoder_layers=20000 .* are more than 128"),
        ({"decoder_layers": 10**12}, "decoder_layers=1000000000000 .* are more than 128"),
        ({"encoder_layers": 80, "decoder_layers": 80}, "80 .* from [0-9,]+ bytes"),
        ({"max_position_embeddings": 10**7}, r"max_position_embeddings=10000000 .* at most \d+"),
        ({"encoder_layers": "many"}, r"config\.json.*encoder_layers='many' must be an int"),
    ],
)
def test_sizes_of_a_configuration_are_compared_with_the_file_first(
    model, tmp_path, must_not_build, weights_format, strict, values, message
):
    model.save_pretrained(tmp_path, weights_format=weights_format)
    change(tmp_path, **values)
    with pytest.raises(ValueError, match=message) as raised:
        load(tmp_path, strict=strict)
    assert str(tmp_path) in str(raised.value)


def test_much_more_that_is_missing_than_there_is(tmp_path, must_not_build):
    model = TFPegasusModel(tiny_config(d_model=1024, encoder_ffn_dim=4))
    model.save_pretrained(tmp_path, weights_format="bin")
    change(tmp_path, encoder_layers=120)
    with pytest.raises(ValueError, match=r"is missing; .* bytes are missing, the file has"):
        load(tmp_path)


def test_weights_that_are_no_floating_point_numbers(model, tmp_path):
    from safetensors.numpy import load_file, save_file

    model.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    tensors["model.encoder.layer_norm.bias"] = np.zeros(16, "int8")
    save_file(tensors, file)
    with pytest.raises(ValueError, match=r"encoder\.layer_norm\.bias has the dtype int8"):
        load(tmp_path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [None, "bfloat16", "float16"])
def test_weights_that_are_not_finite_are_named(model, tmp_path, value, dtype):
    kernels = [layer.feed_forward.fc1 for layer in model.get_decoder().layers]
    before = [np.array(dense.bias.numpy()) for dense in kernels]
    for dense in kernels:
        broken = np.array(dense.bias.numpy())
        broken[3] = value
        dense.bias.assign(broken)
    model.save_pretrained(tmp_path)
    for dense, bias in zip(kernels, before, strict=True):
        dense.bias.assign(bias)
    named = r"model\.safetensors.* NaN or infinite .* model\.decoder\.layers\.0\.fc1\.bias"
    with pytest.warns(UserWarning, match=named) as warned:
        load(tmp_path, dtype=dtype)
    assert sum("infinite" in str(w.message) for w in warned) == 1
    with pytest.raises(ValueError, match=named):
        load(tmp_path, strict=True, dtype=dtype)


def test_numbers_that_are_large_but_finite_are_not_reported(model, tmp_path, recwarn):
    dense = model.get_decoder().layers[0].feed_forward.fc1
    before = np.array(dense.bias.numpy())
    dense.bias.assign(np.full_like(before, 3e38))
    model.save_pretrained(tmp_path)
    dense.bias.assign(before)
    load(tmp_path, strict=True)
    assert not [w for w in recwarn if "infinite" in str(w.message)]
