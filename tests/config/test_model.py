import copy
import inspect
import json

import pytest

from tf_pegasus import GenerationConfig, PegasusConfig
from tf_pegasus.config.presets import PRESETS

PUBLISHED_DEFAULTS = {
    "vocab_size": 50265,
    "max_position_embeddings": 1024,
    "encoder_layers": 12,
    "encoder_ffn_dim": 4096,
    "encoder_attention_heads": 16,
    "decoder_layers": 12,
    "decoder_ffn_dim": 4096,
    "decoder_attention_heads": 16,
    "encoder_layerdrop": 0.0,
    "decoder_layerdrop": 0.0,
    "use_cache": True,
    "is_encoder_decoder": True,
    "activation_function": "gelu",
    "d_model": 1024,
    "dropout": 0.1,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
    "init_std": 0.02,
    "decoder_start_token_id": 0,
    "scale_embedding": False,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "forced_eos_token_id": 1,
}


def test_defaults_are_the_published_ones():
    config = PegasusConfig()
    assert {name: getattr(config, name) for name in PUBLISHED_DEFAULTS} == PUBLISHED_DEFAULTS


def test_arguments_have_the_published_order():
    config = PegasusConfig(*PUBLISHED_DEFAULTS.values())
    assert config == PegasusConfig()


def test_reads_files_of_the_reference_implementation(golden):
    config = golden.model.config
    stored = json.loads((golden.path / "config.json").read_text())
    assert config.d_model == stored["d_model"]
    assert config.extra["transformers_version"] == stored["transformers_version"]
    assert {name: config.to_dict()[name] for name in stored} == stored


def test_round_trip_keeps_unknown_keys(tmp_path):
    config = PegasusConfig(d_model=64, num_beams=8, task_specific_params={"a": [1]})
    config.save_pretrained(tmp_path)
    again = PegasusConfig.from_pretrained(tmp_path)
    assert again == config
    assert again.num_beams == 8
    assert again.extra["task_specific_params"] == {"a": [1]}
    assert [p.name for p in tmp_path.iterdir()] == ["config.json"]


def test_writes_every_field_with_sorted_keys(tmp_path):
    PegasusConfig(dropout=0, num_beams=2).save_pretrained(tmp_path)
    written = (tmp_path / "config.json").read_text()
    values = {
        **PUBLISHED_DEFAULTS,
        "bos_token_id": None,
        "dropout": 0,
        "is_decoder": False,
        "label_smoothing": 0.0,
        "layer_norm_epsilon": 1e-5,
        "mlm_loss_weight": 1.0,
        "model_type": "pegasus",
        "num_beams": 2,
        "num_hidden_layers": 12,
        "output_attentions": False,
        "output_hidden_states": False,
        "position_embedding_type": "huggingface",
        "return_dict": True,
        "tie_word_embeddings": True,
    }
    assert written == json.dumps(values, indent=2, sort_keys=True) + "\n"


def test_unknown_keywords_are_refused():
    message = r"unknown configuration value 'd_modl' .*extra=.*; did you mean 'd_model'\?"
    with pytest.raises(TypeError, match=message):
        PegasusConfig(d_modl=64)
    with pytest.raises(TypeError, match="'d_modl'"):
        PegasusConfig.from_dict({}, d_modl=64)
    with pytest.raises(TypeError, match="'colour'"):
        PegasusConfig(colour="blue")
    with pytest.raises(
        TypeError, match="34 positional arguments were given, at most 33 are accepted"
    ):
        PegasusConfig(*PUBLISHED_DEFAULTS.values(), *[None] * 11)
    with pytest.raises(TypeError, match="vocab_size was given both by position and by name"):
        PegasusConfig(60, vocab_size=60)


def test_custom_keys(tmp_path):
    config = PegasusConfig(extra={"colour": "blue"}, num_beams=4, torch_dtype="float32")
    assert config.extra == {"colour": "blue", "num_beams": 4, "torch_dtype": "float32"}
    config.save_pretrained(tmp_path)
    again = PegasusConfig.from_pretrained(tmp_path)
    assert again == config
    assert again.colour == "blue"
    for name in ("d_model", "hidden_size"):
        with pytest.raises(ValueError, match=f"extra contains '{name}', which is a field"):
            PegasusConfig(extra={name: 64})


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("id2label", {0: "a"}, "there is no classification head"),
        ("pruned_heads", {0: [1]}, r"call prune_heads\(\) of the model"),
        ("tie_encoder_decoder", True, "encoder and decoder have weights of their own"),
    ],
)
def test_keys_without_effect_are_kept_in_files_and_refused_as_arguments(name, value, remedy):
    with pytest.raises(TypeError, match=f"{name}=.* has no effect: {remedy}"):
        PegasusConfig(**{name: value})
    with pytest.raises(TypeError, match=f"{name}=.* has no effect"):
        PegasusConfig.from_dict({}, **{name: value})
    assert PegasusConfig.from_dict({name: value}).extra == {name: value}


def test_a_misspelled_key_of_a_file_is_kept_with_one_warning(tmp_path):
    values = {"d_modl": 64, "encoder_layer": 2, "colour": "blue", "min_p": 0.1}
    with pytest.warns(
        UserWarning, match="'d_modl' has no effect; did you mean 'd_model'"
    ) as record:
        config = PegasusConfig.from_dict(values)
    assert len(record) == 1
    assert config.extra == values


def test_files_of_the_reference_implementation_load_without_warnings(golden, recwarn):
    PegasusConfig.from_pretrained(golden.path)
    PegasusConfig.from_preset("xsum")
    assert not recwarn.list


def test_given_fields():
    config = PegasusConfig(60, hidden_size=16, encoder_attention_heads=2, decoder_attention_heads=2)
    given = {"vocab_size", "d_model", "encoder_attention_heads", "decoder_attention_heads"}
    assert config.given_fields == given
    assert copy.deepcopy(config).given_fields == given
    assert config.updated(dropout=0.2).given_fields == given | {"dropout"}
    assert config.updated(dropout=0.2).dropout == 0.2
    config.layer_norm_epsilon = 1e-5
    assert config.given_fields == given | {"layer_norm_epsilon"}
    assert PegasusConfig.from_dict({"init_std": 0.1, "a": 1}).given_fields == {"init_std"}


def test_the_signature_lists_the_fields():
    parameters = list(inspect.signature(PegasusConfig).parameters)
    assert parameters[:23] == list(PUBLISHED_DEFAULTS)
    assert parameters[-2:] == ["extra", "keywords"]


def test_aliases_read_and_write():
    config = PegasusConfig(hidden_size=64, num_attention_heads=8)
    assert (config.d_model, config.encoder_attention_heads) == (64, 8)
    config.hidden_size = 32
    assert config.d_model == config.hidden_size == 32
    assert config.num_hidden_layers == config.encoder_layers


def test_overrides_replace_values_of_the_file(tmp_path):
    PegasusConfig(encoder_layers=2, d_model=64).save_pretrained(tmp_path)
    changed = PegasusConfig.from_pretrained(tmp_path, encoder_layers=12, hidden_size=32)
    assert (changed.encoder_layers, changed.num_hidden_layers) == (12, 12)
    assert changed.d_model == 32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"d_model": 100}, "encoder_attention_heads=16 must divide d_model=100"),
        ({"d_model": 64, "decoder_attention_heads": 7}, "decoder_attention_heads=7"),
        ({"d_model": 7, "num_attention_heads": 7, "decoder_attention_heads": 7}, "even"),
        ({"dropout": 1.5}, "dropout=1.5 must be between 0 and 1"),
        ({"encoder_layerdrop": -0.1}, "encoder_layerdrop=-0.1"),
        ({"activation_function": "relux"}, "activation_function='relux'"),
        ({"activation_function": 3}, "activation_function=3 must be one of"),
        ({"position_embedding_type": "rotary"}, "position_embedding_type='rotary'"),
        ({"vocab_size": 0}, "vocab_size=0 must be at least 1"),
        ({"eos_token_id": 50265}, "eos_token_id=50265"),
        ({"init_std": float("nan")}, "init_std=nan"),
        ({"model_type": "bart"}, "model_type='bart'"),
        ({"layer_norm_epsilon": 0.0}, "layer_norm_epsilon=0.0 must be above 0 and finite"),
        ({"forced_eos_token_id": -1}, "forced_eos_token_id=-1 must be between 0 and vocab_size"),
        ({"d_model": 64, "hidden_size": 32}, "hidden_size=32 contradicts d_model=64"),
    ],
)
def test_values_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        PegasusConfig(**arguments)


@pytest.mark.parametrize(
    "arguments", [{"vocab_size": "8000"}, {"d_model": 64.0}, {"dropout": "0.1"}, {"use_cache": 1}]
)
def test_values_of_a_wrong_type(arguments):
    with pytest.raises(TypeError, match=next(iter(arguments))):
        PegasusConfig(**arguments)


def test_unknown_attribute():
    with pytest.raises(AttributeError, match="no attribute 'd_modl'"):
        _ = PegasusConfig().d_modl


@pytest.mark.parametrize("text", ["{", "[1, 2]", ""])
def test_damaged_file(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match="JSON"):
        PegasusConfig.from_pretrained(tmp_path)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        PegasusConfig.from_pretrained(tmp_path)


# The methods of `transformers.PretrainedConfig`


def test_unused_arguments_are_returned(tmp_path):
    PegasusConfig(d_model=64).save_pretrained(tmp_path)
    arguments = {"dropout": 0.3, "foo": 3, "return_unused_kwargs": True}
    config, unused = PegasusConfig.from_pretrained(tmp_path, subfolder="", **arguments)
    assert (config.d_model, config.dropout, unused) == (64, 0.3, {"foo": 3})
    config, unused = PegasusConfig.from_dict({"d_model": 64}, **arguments)
    assert (config.d_model, config.dropout, unused) == (64, 0.3, {"foo": 3})
    with pytest.raises(TypeError, match="'foo'"):
        PegasusConfig.from_pretrained(tmp_path, foo=3)


def test_json_with_and_without_defaults(tmp_path):
    config = PegasusConfig(d_model=64, dropout=0.1, eos_token_id=[1, 2], num_beams=4)
    expected = {"d_model": 64, "eos_token_id": [1, 2], "model_type": "pegasus", "num_beams": 4}
    shown = json.loads(config.to_json_string())
    assert shown == {**expected, "num_hidden_layers": 12}
    assert json.loads(config.to_json_string(use_diff=False)) == json.loads(
        json.dumps(config.to_dict())
    )
    assert config.to_diff_dict()["eos_token_id"] == (1, 2)
    config.to_json_file(tmp_path / "some.json")
    assert json.loads((tmp_path / "some.json").read_text()) == shown
    config.to_json_file(str(tmp_path / "all.json"), use_diff=False)
    for name in ("some.json", "all.json"):
        assert PegasusConfig.from_pretrained(tmp_path / name) == config


def test_update_changes_all_values_or_none():
    config = PegasusConfig(d_model=64)
    config.update({"dropout": 0.3, "hidden_size": 32, "task_specific_params": {}})
    assert (config.dropout, config.d_model, config.extra) == (0.3, 32, {"task_specific_params": {}})
    assert config.given_fields == {"d_model", "dropout"}
    for wrong in ({"d_modl": 3}, {"dropout": 7}, {"dropout": "much"}):
        with pytest.raises((TypeError, ValueError), match=next(iter(wrong))):
            config.update({"init_std": 0.5, **wrong})
    assert config.init_std == 0.02


def test_assigned_values_are_checked_and_saved(tmp_path):
    config = PegasusConfig()
    config.num_beams = 8
    config.eos_token_id = [1, 2]
    config.save_pretrained(tmp_path)
    again = PegasusConfig.from_pretrained(tmp_path)
    assert (again.num_beams, again.eos_token_id) == (8, (1, 2))
    with pytest.raises(ValueError, match="dropout=7 must be between 0 and 1"):
        config.dropout = 7
    message = r"unknown configuration value 'd_modl' .*; did you mean 'd_model'"
    with pytest.raises(AttributeError, match=message):
        config.d_modl = 64


def test_defaults_of_the_superclass_can_be_read():
    config = PegasusConfig()
    assert (config.bos_token_id, config.is_decoder, config.tie_word_embeddings) == (
        None,
        False,
        True,
    )
    assert PegasusConfig(pad_token_id=None, eos_token_id=None).pad_token_id is None
    assert PegasusConfig(eos_token_id=[1, 2]).eos_token_id == (1, 2)
    for wrong in ([], [1, 50265], [-1], 50265):
        with pytest.raises(ValueError, match="eos_token_id"):
            PegasusConfig(eos_token_id=wrong)


# Presets

PUBLISHED = {
    "xsum": (0.6, 64, 512),
    "cnn_dailymail": (0.8, 128, 1024),
    "newsroom": (0.8, 128, 512),
    "wikihow": (0.6, 256, 512),
    "multi_news": (0.8, 256, 1024),
    "reddit_tifu": (0.6, 128, 512),
    "big_patent": (0.7, 256, 1024),
    "arxiv": (0.8, 256, 1024),
    "pubmed": (0.8, 256, 1024),
    "gigaword": (0.6, 32, 128),
    "aeslc": (0.6, 32, 512),
    "billsum": (0.6, 256, 1024),
    "large": (0.8, 256, 1024),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_presets_are_the_published_checkpoints(name):
    config = PegasusConfig.from_preset(name)
    assert (config.vocab_size, config.d_model, config.encoder_layers) == (96103, 1024, 16)
    assert (config.activation_function, config.scale_embedding) == ("relu", True)
    options = GenerationConfig.from_model_config(config)
    found = (options.length_penalty, options.max_length, config.max_position_embeddings)
    assert found == PUBLISHED[name]
    assert (options.num_beams, options.forced_eos_token_id) == (8, 1)
    assert PegasusConfig.from_preset(f"google/pegasus-{name}") == config


def test_presets_by_other_names():
    assert set(PRESETS) == set(PUBLISHED)
    assert PegasusConfig.from_preset("xsum", encoder_layers=2).encoder_layers == 2
    with pytest.raises(ValueError, match="name='t5' must be one of aeslc, arxiv"):
        PegasusConfig.from_preset("t5")
