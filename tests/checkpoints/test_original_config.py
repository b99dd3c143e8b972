import json
import shutil

import numpy as np
import pytest
from helpers.tiny import GOLDENS

from tf_pegasus import (
    PegasusConfig,
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
)
from tf_pegasus.conversion import describe

ORIGINAL = GOLDENS / "tiny-original"
HEADS = {"encoder_attention_heads": 4, "decoder_attention_heads": 4}


def test_configuration_is_derived_from_the_authors_checkpoint():
    model = TFPegasusForConditionalGeneration.from_pretrained(ORIGINAL, **HEADS)
    config = model.config
    assert (config.vocab_size, config.d_model) == (44, 24)
    assert (config.encoder_layers, config.decoder_layers) == (1, 2)
    assert (config.encoder_ffn_dim, config.decoder_ffn_dim) == (28, 28)
    assert config.position_embedding_type == "original"
    assert config.layer_norm_epsilon == 1e-12
    assert config.scale_embedding
    options = model.generation_config
    assert (options.num_beams, options.length_penalty) == (8, 0.8)
    assert (options.length_penalty_type, options.forced_eos_token_id) == ("gnmt", None)
    assert not np.any(model.get_encoder().layers[0].self_attn.q_proj.bias)
    assert not np.any(model.get_input_embeddings().embeddings[0])


def test_number_of_heads_must_be_given_if_unknown(tmp_path):
    with pytest.raises(ValueError, match="give encoder_attention_heads"):
        TFPegasusForConditionalGeneration.from_pretrained(ORIGINAL)
    shutil.copytree(ORIGINAL, tmp_path / "model")
    PegasusConfig.from_dict(
        TFPegasusModel.from_pretrained(ORIGINAL, **HEADS).config.to_dict()
    ).save_pretrained(tmp_path / "model")
    assert TFPegasusModel.from_pretrained(tmp_path / "model").config.encoder_attention_heads == 4


def logits(model):
    inputs = np.arange(2, 14).reshape(2, 6)
    return model(input_ids=inputs, decoder_input_ids=inputs[:, :4]).logits


def test_format_determines_values_that_are_not_given_by_name():
    prefix = ORIGINAL / "model.ckpt-1500"
    load = TFPegasusForConditionalGeneration.from_pretrained
    expected = load(ORIGINAL, **HEADS)
    for config in (PegasusConfig(d_model=24, **HEADS), HEADS, PegasusConfig.from_dict(HEADS)):
        model = load(prefix, config=config)
        assert model.config == expected.config
        assert model.generation_config == expected.generation_config
        np.testing.assert_array_equal(logits(model), logits(expected))
    named = {**HEADS, "position_embedding_type": "huggingface", "num_beams": 2}
    for model in (
        load(prefix, config=PegasusConfig(**named)),
        load(prefix, config=named),
        load(prefix, **named),
    ):
        assert model.config.position_embedding_type == "huggingface"
        assert model.generation_config.num_beams == 2
        assert model.generation_config.length_penalty_type == "gnmt"
        assert np.abs(logits(model) - logits(expected)).max() > 0.01
    # Set by name after the configuration was created.
    later = PegasusConfig(d_model=24, **HEADS)
    later.layer_norm_epsilon = 1e-5
    assert load(prefix, config=later).config.layer_norm_epsilon == 1e-5


def test_hugging_face_configuration_beside_an_authors_checkpoint(tmp_path):
    shutil.copytree(ORIGINAL, tmp_path / "model")
    stored = {"d_model": 24, **HEADS, "vocab_size": 44, "activation_function": "relu"}
    (tmp_path / "model" / "config.json").write_text(json.dumps(stored))
    config = TFPegasusModel.from_pretrained(tmp_path / "model").config
    assert (config.position_embedding_type, config.layer_norm_epsilon) == ("original", 1e-12)
    assert describe(tmp_path / "model").config == config


def test_values_that_contradict_the_weights():
    with pytest.raises(ValueError, match="does not fit"):
        TFPegasusModel.from_pretrained(ORIGINAL, config=PegasusConfig(d_model=32, **HEADS))
    with pytest.raises(TypeError, match="'d_modl'"):
        describe(ORIGINAL, **HEADS, d_modl=2)
