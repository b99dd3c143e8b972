"""What all models that generate have in common."""

import numpy as np
import pytest

from tf_pegasus import GenerationConfig


def test_options_follow_those_of_the_configuration(model, batch, tmp_path):
    model.config.num_beams = 4
    model.config.max_length = 5
    expected = model.generate(batch["input_ids"], num_beams=4, max_length=5, engine="graph")
    np.testing.assert_array_equal(model.generate(batch["input_ids"], engine="graph"), expected)
    model.config.num_beams = 3
    model.save_pretrained(tmp_path)
    assert GenerationConfig.from_pretrained(tmp_path).num_beams == 3


def test_options_that_were_given_stay(model):
    model.generation_config = GenerationConfig(num_beams=2, max_length=7)
    model.config.num_beams = 4
    model.follow_config()
    assert model.generation_config.num_beams == 2
    model.generation_config.num_beams = 5
    model.config.num_beams = 6
    model.follow_config()
    assert model.generation_config.num_beams == 5


def test_texts_in_a_list_are_refused(model):
    with pytest.raises(TypeError, match=r"input_ids must be ids, .* model.summarize"):
        model.generate(["a document", "another"])


def test_options_of_another_type_are_refused(model, tmp_path):
    model.generation_config = {"num_beams": 2}
    with pytest.raises(TypeError, match="generation_config must be a GenerationConfig, got"):
        model.save_pretrained(tmp_path / "model")
    assert not (tmp_path / "model" / "config.json").exists()
