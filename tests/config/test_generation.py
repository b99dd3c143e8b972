import pytest
from helpers.generation import EOS
from helpers.tiny import tiny_config

from tf_pegasus import GenerationConfig, PegasusConfig, TFPegasusForConditionalGeneration


def test_unknown_options_are_named_with_the_nearest():
    with pytest.raises(
        TypeError, match="unknown generation option 'num_beems'; did you mean 'num_beams'"
    ):
        GenerationConfig().updated(num_beems=2)
    with pytest.raises(TypeError, match="num_beems"):
        GenerationConfig(num_beems=2)


def test_misspelled_keys_warn_and_foreign_keys_do_not(recwarn):
    GenerationConfig.from_dict({"top_h": 0.4, "min_p": 0.1, "transformers_version": "5", "a": 1})
    assert not recwarn.list
    with pytest.warns(UserWarning, match="'num_beems' has no effect; did you mean 'num_beams'"):
        config = GenerationConfig.from_dict({"num_beems": 4, "num_beams": None})
    assert (config.num_beams, config.extra) == (1, {"num_beems": 4})


def test_is_frozen_and_hashable():
    config = GenerationConfig(bad_words_ids=[[1, 2]], extra={"a": []})
    assert {config: 1}[GenerationConfig(bad_words_ids=((1, 2),), extra={"a": []})] == 1
    with pytest.raises(AttributeError):
        config.num_beams = 2


def test_rows_per_source():
    assert GenerationConfig(num_beams=4, num_return_sequences=2).rows_per_source == 4
    assert GenerationConfig(do_sample=True, num_return_sequences=3).rows_per_source == 3


def test_options_of_a_model_configuration():
    config = PegasusConfig(num_beams=3, length_penalty=0.6, forced_eos_token_id=None)
    options = GenerationConfig.from_model_config(config)
    assert (options.num_beams, options.length_penalty) == (3, 0.6)
    assert options.forced_eos_token_id is None
    assert options.extra == {"decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}


def test_unknown_options_survive_saving_and_loading(tmp_path):
    config = GenerationConfig.from_dict({"num_beams": 8, "max_length": 64, "top_h": 50})
    config.save_pretrained(tmp_path)
    again = GenerationConfig.from_pretrained(tmp_path)
    assert again == config
    assert again.extra == {"top_h": 50}


def test_the_generation_config_of_the_reference_is_read(golden):
    config = GenerationConfig.from_pretrained(golden.path)
    assert config.forced_eos_token_id == EOS
    assert config.num_beams == 1


def test_options_in_an_old_model_configuration_are_used():
    model = TFPegasusForConditionalGeneration(tiny_config(num_beams=3, length_penalty=0.6))
    assert model.generation_config.num_beams == 3
    assert model.generation_config.length_penalty == 0.6
    assert model.generation_config.forced_eos_token_id == EOS


def test_a_missing_or_damaged_generation_config_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no generation_config\.json"):
        GenerationConfig.from_pretrained(tmp_path)
    (tmp_path / "generation_config.json").write_text("{")
    with pytest.raises(ValueError, match="not valid JSON"):
        GenerationConfig.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", GenerationConfig.number_names())
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e6, -1e6, 1e-30])
def test_numbers_that_would_leave_float32_are_refused(name, value):
    options = {"num_beams": 2, "num_beam_groups": 2} if name == "diversity_penalty" else {}
    harmless = {"length_penalty", "diversity_penalty", "top_p", "typical_p"}
    if value == 1e-30 and name in harmless:
        GenerationConfig(**options, **{name: value})
        return
    with pytest.raises(ValueError, match=f"{name}="):
        GenerationConfig(**options, **{name: value})


def test_numbers_are_split_from_what_makes_a_program():
    assert GenerationConfig.number_names() == (
        *("diversity_penalty", "temperature", "top_p", "typical_p"),
        *("repetition_penalty", "length_penalty"),
    )
    a = GenerationConfig(do_sample=True, temperature=0.7, length_penalty=0.3)
    b = GenerationConfig(do_sample=True, temperature=1.7, length_penalty=2.0)
    c = GenerationConfig(do_sample=True, top_p=0.5)
    assert a.split_numbers()[0] == b.split_numbers()[0] != c.split_numbers()[0]
    assert a.split_numbers()[1] == (0.0, 0.7, 1.0, 1.0, 1.0, 0.3)
