import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import tiny_config
from helpers.weights import assert_same_weights

from tf_pegasus import (
    GenerationConfig,
    PegasusConfig,
    PegasusTokenizer,
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
    bundled_model,
)
from tf_pegasus.checkpoints.keywords import WITHOUT_MEANING, dtype_policy
from tf_pegasus.checkpoints.names import huggingface_weights
from tf_pegasus.checkpoints.readers.state_dict import as_array

load = TFPegasusForConditionalGeneration.from_pretrained


@pytest.fixture
def directory(model, tmp_path):
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize(
    ("dtype", "policy"),
    [
        (None, None),
        ("float16", "float16"),
        ("torch.float16", "float16"),
        ("mixed_bfloat16", "mixed_bfloat16"),
        (np.float16, "float16"),
        (np.dtype("float32"), "float32"),
        (tf.bfloat16, "bfloat16"),
        (tf.bfloat16.as_numpy_dtype, "bfloat16"),
        (keras.DTypePolicy("mixed_float16"), "mixed_float16"),
        ("auto", "float16"),
    ],
)
def test_dtypes_that_name_a_policy(dtype, policy):
    found = dtype_policy(dtype, stored="float16")
    assert (found and found.name) == policy
    assert dtype_policy("auto", stored=None) is None


@pytest.mark.parametrize(
    "dtype", ["float17", "int8", "int32", "int8_from_float32", np.int32, object(), 3]
)
def test_dtypes_that_name_no_policy(dtype):
    with pytest.raises(ValueError, match=r"dtype=.* must be 'float32', 'float16'"):
        dtype_policy(dtype, stored=None)


def test_torch_dtype_is_an_alias_of_dtype(directory, tmp_path):
    model = load(directory, torch_dtype="bfloat16")
    assert model.dtype_policy.name == "bfloat16"
    model.save_pretrained(tmp_path / "narrow", dtype="bfloat16")
    assert load(tmp_path / "narrow").dtype_policy.name == "float32"
    assert load(tmp_path / "narrow", dtype="auto").dtype_policy.name == "bfloat16"
    assert "torch_dtype" not in json.loads((tmp_path / "narrow" / "config.json").read_text())
    with pytest.raises(ValueError, match="torch_dtype='float16' contradicts dtype='float32'"):
        load(directory, dtype="float32", torch_dtype="float16")


def test_use_safetensors(model, directory):
    load(directory, use_safetensors=True)
    with pytest.raises(FileNotFoundError, match=r"none of pytorch_model\.bin"):
        load(directory, use_safetensors=False)
    model.get_input_embeddings().embeddings.assign(
        np.ones(model.get_input_embeddings().embeddings.shape)
    )
    model.save_pretrained(directory, weights_format="bin")
    assert_same_weights(model, load(directory, use_safetensors=False))
    assert not np.all(load(directory).get_input_embeddings().embeddings == 1)
    with pytest.raises(TypeError, match="use_safetensors='yes' must be a bool"):
        load(directory, use_safetensors="yes")


def test_subfolders(directory, model):
    assert_same_weights(model, load(directory.parent, subfolder="model"))
    assert_same_weights(model, load(directory, subfolder=""))
    with pytest.raises(FileNotFoundError, match="has no folder 'other'"):
        load(directory, subfolder="other")


def test_contradicting_hub_options(directory):
    with pytest.raises(ValueError, match="force_download=True and local_files_only=True"):
        load(directory, force_download=True, local_files_only=True)


def test_keywords_without_meaning_have_no_effect(directory, model):
    loaded = load(
        directory,
        force_download=True,
        proxies={"https": "http://127.0.0.1:9"},
        **dict.fromkeys(WITHOUT_MEANING, False),
    )
    assert loaded.config == model.config
    assert loaded.config.extra == {}


def test_unknown_keywords_are_named(directory):
    message = "unknown keyword of from_pretrained 'd_modl'; did you mean 'd_model'"
    with pytest.raises(TypeError, match=message):
        load(directory, d_modl=16)
    with pytest.raises(TypeError, match="'torch_dtpe'; did you mean 'torch_dtype'"):
        load(directory, torch_dtpe="float16")
    # A model that does not generate has no generation options.
    with pytest.raises(TypeError, match="'num_beams'"):
        TFPegasusModel.from_pretrained(directory, num_beams=4)


def test_values_and_options_have_an_effect(directory):
    loaded = load(directory, dropout=0.3, num_beams=4, forced_eos_token_id=None)
    assert (loaded.config.dropout, loaded.config.forced_eos_token_id) == (0.3, None)
    options = loaded.generation_config
    assert (options.num_beams, options.forced_eos_token_id) == (4, None)
    assert "num_beams" not in loaded.config.to_dict()


def test_weights_of_another_shape_start_anew(directory, model):
    with pytest.raises(ValueError, match=r"shared\.weight has the shape \(60, 16\)"):
        load(directory, vocab_size=70)
    message = r"shared\.weight has the shape \(60, 16\), the configuration asks for \(70, 16\), and"
    with pytest.warns(UserWarning, match=message):
        loaded, info = load(
            directory, vocab_size=70, ignore_mismatched_sizes=True, output_loading_info=True
        )
    assert info["mismatched_keys"] == [
        ("model.shared.weight", (60, 16), (70, 16)),
        ("final_logits_bias", (1, 60), (1, 70)),
    ]
    assert info["missing_keys"] == info["unexpected_keys"] == []
    assert 0 < np.std(loaded.model.shared.embeddings) < 0.1
    np.testing.assert_array_equal(
        loaded.model.encoder.layer_norm.gamma, model.model.encoder.layer_norm.gamma
    )
    # Other differences still raise.
    with pytest.raises(ValueError, match=r"layers\.1\..* is missing"):
        load(directory, vocab_size=70, encoder_layers=2, ignore_mismatched_sizes=True)
    with pytest.raises(ValueError, match="bytes are missing, the file has"):
        load(directory, vocab_size=10**8, ignore_mismatched_sizes=True)
    with pytest.raises(TypeError, match="ignore_mismatched_sizes='yes' must be a bool"):
        load(directory, ignore_mismatched_sizes="yes")


def test_weights_in_memory(directory, model):
    arrays = {
        w.name: np.transpose(w.variable) if w.transposed else w.variable
        for w in huggingface_weights(model)
    }
    assert_same_weights(load(None, config=model.config, state_dict=arrays), model)
    # They take the place of the file's; configuration and options come from the directory.
    arrays["model.encoder.layer_norm.bias"] = tf.ones(16)
    loaded = load(directory, state_dict=arrays)
    assert np.all(loaded.model.encoder.layer_norm.beta == 1)
    with pytest.warns(UserWarning, match=r"state_dict does not match .*norm\.bias is missing"):
        load(directory, state_dict={n: a for n, a in arrays.items() if "norm.bias" not in n})
    with pytest.raises(ValueError, match="or_path=None: give config and state_dict"):
        load(None, state_dict=arrays)
    with pytest.raises(ValueError, match="or_path=None: give config and state_dict"):
        load(None, config=model.config)
    with pytest.raises(TypeError, match=r"state_dict=\[\] must be a dict"):
        load(None, config=model.config, state_dict=[])
    with pytest.raises(TypeError, match=r"state_dict\['a'\]=\{1\} must be an array"):
        load(None, config=model.config, state_dict={"a": {1}})


def test_tensors_of_pytorch_are_read():
    class Tensor:
        dtype = "torch.bfloat16"

        def detach(self):
            return self

        cpu = detach

        def float(self):
            return np.ones(2, "float32")

    np.testing.assert_array_equal(as_array("a", Tensor()), [1, 1])


def test_configurations_of_a_wrong_type(directory):
    with pytest.raises(TypeError, match="config must be a PegasusConfig or a dict, got 3"):
        load(directory, config=3)
    assert load(directory, config=tiny_config(dropout=0.3)).config.dropout == 0.3
    assert load(directory, config=tiny_config().to_dict()).config == tiny_config()


def test_the_first_argument_has_the_name_of_transformers(directory, model):
    assert_same_weights(load(pretrained_model_name_or_path=directory), model)
    assert PegasusConfig.from_pretrained(pretrained_model_name_or_path=directory) == model.config
    options = GenerationConfig.from_pretrained(pretrained_model_name=directory)
    assert options == model.generation_config
    tokenizer = PegasusTokenizer.from_pretrained(pretrained_model_name_or_path=bundled_model())
    assert tokenizer("the")["input_ids"]


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"num_labels": 3}, TypeError, "'num_labels': there is no classification head"),
        ({"problem_type": "x"}, TypeError, "'problem_type': there is no classification head"),
        ({"torchscript": True}, TypeError, r"'torchscript': export models by export_saved_model"),
        (
            {"load_in_8bit": True},
            ValueError,
            r"load_in_8bit=True .* call model\.quantize\('int8'\)",
        ),
        ({"load_in_4bit": True}, ValueError, r"no 4-bit weights; call model\.quantize\('int8'\)"),
        ({"variant": "fp16"}, ValueError, "variant='fp16' is not supported: rename the file"),
        ({"generation_config": {}}, TypeError, "must be a GenerationConfig, got {}"),
    ],
)
def test_refused_keywords_say_what_to_use(directory, keywords, error, message):
    with pytest.raises(error, match=message):
        load(directory, **keywords)


def test_keywords_that_ask_for_nothing_are_accepted(directory, model):
    loaded = load(directory, load_in_8bit=False, load_in_4bit=False, variant=None)
    assert (loaded.config, loaded.is_quantized) == (model.config, False)


def test_given_generation_options_replace_those_of_the_file(directory):
    options = GenerationConfig(num_beams=3, max_length=9)
    loaded = load(directory, generation_config=options, max_length=8)
    assert (loaded.generation_config.num_beams, loaded.generation_config.max_length) == (3, 8)
    assert options.max_length == 9
    with pytest.raises(TypeError, match="only models with an output generate"):
        TFPegasusModel.from_pretrained(directory, generation_config=options)
