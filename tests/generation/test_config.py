import pytest
from helpers.generation import EOS
from helpers.tiny import tiny_config

from tf_pegasus import GenerationConfig, TFPegasusForConditionalGeneration


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
