import json

import numpy as np
import pytest
from helpers.generation import EOS
from helpers.tiny import tiny_config

from tf_pegasus import GenerationConfig, PegasusConfig, TFPegasusForConditionalGeneration
from tf_pegasus.config.generation_foreign import INSTEAD


def test_unknown_options_are_named_with_the_nearest():
    with pytest.raises(
        TypeError, match="unknown generation option 'num_beems'; did you mean 'num_beams'"
    ):
        GenerationConfig().updated(num_beems=2)
    with pytest.raises(TypeError, match="num_beems"):
        GenerationConfig(num_beems=2)


def test_keys_without_effect_warn_unless_they_change_no_output(recwarn):
    GenerationConfig.from_dict({"transformers_version": "5", "min_p": None, "penalty_alpha": 0.0})
    assert not recwarn.list
    with pytest.warns(UserWarning, match="'num_beems' has no effect; did you mean 'num_beams'"):
        config = GenerationConfig.from_dict({"num_beems": 4, "num_beams": None})
    assert (config.num_beams, config.extra) == (1, {"num_beems": 4})
    with pytest.warns(UserWarning, match="'a' has no effect"):
        assert GenerationConfig.from_dict({"a": 1}).a == 1
    with pytest.warns(UserWarning, match="'min_p' has no effect: use top_p"):
        assert GenerationConfig.from_dict({"min_p": 0.1}).extra == {"min_p": 0.1}


def test_is_hashable():
    config = GenerationConfig(bad_words_ids=[[1, 2]], extra={"a": []})
    assert {config: 1}[GenerationConfig(bad_words_ids=((1, 2),), extra={"a": []})] == 1


def test_options_can_be_assigned_and_are_checked():
    config = GenerationConfig(num_beams=4)
    config.num_beams = 2
    config.bad_words_ids = [[5]]
    assert (config.num_beams, config.bad_words_ids) == (2, ((5,),))
    with pytest.raises(ValueError, match="num_beams=0 must be at least 1"):
        config.num_beams = 0
    with pytest.raises(AttributeError, match="'num_beems'; did you mean 'num_beams'"):
        config.num_beems = 3
    assert config.num_beams == 2
    # Options may pass through combinations that only `validate` refuses.
    config.num_return_sequences = 3
    with pytest.raises(ValueError, match="num_return_sequences=3"):
        config.validate()


def test_invalid_combinations_are_neither_used_nor_written(model, tmp_path):
    model.generation_config.num_return_sequences = 3
    with pytest.raises(ValueError, match="num_return_sequences=3"):
        model.generate(np.array([[5]]))
    with pytest.raises(ValueError, match="num_return_sequences=3"):
        model.generation_config.save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())


def test_assigned_options_are_used(model):
    model.generation_config.max_length = 4
    model.generation_config.min_length = 4
    assert model.generate(np.array([[5]]), engine="eager").shape == (1, 4)


def test_update_replaces_all_options_or_none():
    config = GenerationConfig(num_beams=4)
    unused = config.update(num_beams=2, top_k=None, attention_mask=7)
    assert (config.num_beams, config.top_k, unused) == (2, 50, {"attention_mask": 7})
    with pytest.raises(ValueError, match="num_return_sequences=5"):
        config.update(num_beams=3, num_return_sequences=5)
    assert config.num_beams == 2


def test_json_has_what_differs_from_the_defaults():
    config = GenerationConfig(num_beams=4, sequence_bias={(5, 6): 1.5}, extra={"a": 1})
    expected = {"num_beams": 4, "sequence_bias": [[[5, 6], 1.5]], "a": 1}
    assert json.loads(config.to_json_string()) == expected
    assert config.to_diff_dict().keys() == expected.keys()
    everything = json.loads(config.to_json_string(use_diff=False))
    assert everything["max_length"] == 20
    assert GenerationConfig.from_dict(everything) == config


def test_options_of_a_file_can_be_overridden(tmp_path):
    GenerationConfig(num_beams=4, length_penalty=0.6).save_pretrained(tmp_path)
    config = GenerationConfig.from_pretrained(tmp_path, num_beams=2, eos_token_id=[1, 5])
    assert (config.num_beams, config.length_penalty, config.eos_token_ids) == (2, 0.6, (1, 5))


@pytest.mark.parametrize("name", INSTEAD)
def test_foreign_options_say_what_to_use_instead(name, model):
    message = f"{name} is not supported: .*use"
    with pytest.raises(ValueError, match=message):
        GenerationConfig(**{name: 1})
    with pytest.raises(ValueError, match=message):
        GenerationConfig().update(**{name: 1})
    with pytest.raises(ValueError, match=message):
        model.generate(np.array([[5]]), **{name: 1})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"eos_token_id": []}, ValueError, r"eos_token_id=\[\] must be an id or a non-empty list"),
        ({"eos_token_id": -1}, ValueError, "eos_token_id=-1 must be at least 0"),
        ({"eos_token_id": [1.5]}, ValueError, "eos_token_id must contain ids"),
        ({"pad_token_id": [0]}, TypeError, r"pad_token_id=\[0\] must be an int"),
        ({"max_time": 0}, ValueError, "max_time=0 must be above 0"),
        ({"max_time": "1"}, TypeError, "max_time='1' must be a float"),
        ({"sequence_bias": {}}, TypeError, "sequence_bias={} must be a non-empty dict"),
        ({"sequence_bias": {(): 1.0}}, ValueError, "sequence_bias contains an empty sequence"),
        ({"sequence_bias": {(5,): "a"}}, TypeError, "sequence_bias.*='a' must be a float"),
        ({"sequence_bias": {(5,): 1e5}}, ValueError, "sequence_bias.* must be between"),
        ({"sequence_bias": [[5, 1.0, 2]]}, TypeError, r"sequence_bias contains \[5, 1.0, 2\]"),
        ({"sequence_bias": [[["a"], 1.0]]}, ValueError, "sequence_bias must contain ids"),
        ({"exponential_decay_length_penalty": 2}, TypeError, "must be a tuple of a number"),
        (
            {"exponential_decay_length_penalty": (1.5, 2.0)},
            TypeError,
            r"exponential_decay_length_penalty\[0\]=1.5 must be an int",
        ),
        (
            {"exponential_decay_length_penalty": (1, 0.0)},
            ValueError,
            r"exponential_decay_length_penalty\[1\]=0.0 must be between",
        ),
    ],
    ids=str,
)
def test_invalid_values_are_named(options, error, message):
    with pytest.raises(error, match=message):
        GenerationConfig(**options)


def test_rows_per_source():
    assert GenerationConfig(num_beams=4, num_return_sequences=2).rows_per_source == 4
    assert GenerationConfig(do_sample=True, num_return_sequences=3).rows_per_source == 3


def test_options_of_a_model_configuration():
    config = PegasusConfig(num_beams=3, length_penalty=0.6, forced_eos_token_id=None)
    options = GenerationConfig.from_model_config(config)
    assert (options.num_beams, options.length_penalty) == (3, 0.6)
    assert options.forced_eos_token_id is None
    ids = (options.decoder_start_token_id, options.eos_token_id, options.pad_token_id)
    assert ids == (0, 1, 0)
    assert not options.extra


def test_unknown_options_survive_saving_and_loading(tmp_path):
    values = {"num_beams": 8, "max_length": 64, "is_assistant": False}
    config = GenerationConfig.from_dict(values)
    config.save_pretrained(tmp_path)
    again = GenerationConfig.from_pretrained(tmp_path)
    assert again == config
    assert again.extra == {"is_assistant": False}


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
    harmless |= {"epsilon_cutoff", "eta_cutoff"}
    if value == 1e-30 and name in harmless:
        GenerationConfig(**options, **{name: value})
        return
    with pytest.raises(ValueError, match=f"{name}="):
        GenerationConfig(**options, **{name: value})


def test_numbers_are_split_from_what_makes_a_program():
    assert GenerationConfig.number_names() == (
        *("diversity_penalty", "temperature", "top_p", "typical_p", "epsilon_cutoff", "eta_cutoff"),
        *("repetition_penalty", "encoder_repetition_penalty", "length_penalty"),
    )
    a = GenerationConfig(do_sample=True, temperature=0.7, length_penalty=0.3)
    b = GenerationConfig(do_sample=True, temperature=1.7, length_penalty=2.0)
    c = GenerationConfig(do_sample=True, top_p=0.5)
    assert a.split_numbers()[0] == b.split_numbers()[0] != c.split_numbers()[0]
    assert a.split_numbers()[1] == (0.0, 0.7, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.3)


def test_numbers_inside_options_are_split_too():
    a = GenerationConfig(
        max_time=2.0,
        exponential_decay_length_penalty=(5, 1.1),
        sequence_bias={(3,): 1.0, (4, 5): -2.0},
    )
    b = GenerationConfig(
        max_time=3.5,
        exponential_decay_length_penalty=(9, 0.9),
        sequence_bias={(3,): 4.0, (4, 5): 7.0},
    )
    fixed, numbers = a.split_numbers()
    assert fixed == b.split_numbers()[0] != GenerationConfig()
    named = fixed.named_numbers(numbers)
    assert named["max_time"] == (2.0,)
    assert named["exponential_decay_length_penalty"] == (5.0, 1.1)
    assert named["sequence_bias"] == (1.0, -2.0)
    assert named["length_penalty"] == 1.0


def test_token_ids_of_a_file_are_used(model, tmp_path):
    model.save_pretrained(tmp_path)
    free = model.generate(np.array([[5, 6]]), max_length=8, min_length=7, engine="eager").numpy()[0]
    GenerationConfig(
        max_length=8,
        eos_token_id=[1, int(free[3])],
        decoder_start_token_id=int(free[1]),
        pad_token_id=9,
    ).save_pretrained(tmp_path)
    loaded = TFPegasusForConditionalGeneration.from_pretrained(tmp_path)
    expected = model.generate(
        np.array([[5, 6]]),
        decoder_start_token_id=int(free[1]),
        eos_token_id=[1, int(free[3])],
        max_length=8,
        engine="eager",
    ).numpy()
    found = loaded.generate(
        np.array([[5, 6], [5, 6]]), np.array([[1, 1], [0, 0]]), engine="eager"
    ).numpy()
    np.testing.assert_array_equal(found[:1], expected)
    assert found[0, 0] == free[1]
    # A row without source has the start token and padding.
    assert found[1].tolist() == [free[1], *[9] * (found.shape[1] - 1)]
    overridden = TFPegasusForConditionalGeneration.from_pretrained(tmp_path, eos_token_id=7)
    assert overridden.generation_config.eos_token_id == 7


def test_bos_is_the_start_if_there_is_no_start(model):
    model.generation_config.decoder_start_token_id = None
    assert model.generate(np.array([[5]]), bos_token_id=8, max_length=3, engine="eager")[0, 0] == 8
    model.generation_config.decoder_start_token_id = 4
    assert model.generate(np.array([[5]]), bos_token_id=8, max_length=3, engine="eager")[0, 0] == 4


def test_padding_with_eos_does_not_cut_outputs(model):
    options = {"forced_eos_token_id": 1, "max_length": 5, "engine": "eager"}
    expected = model.generate(np.array([[5, 6]]), **options)
    np.testing.assert_array_equal(
        model.generate(np.array([[5, 6]]), pad_token_id=1, **options), expected
    )
