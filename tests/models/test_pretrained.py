import socket

import keras
import numpy as np
import pytest
from helpers.tiny import SENTENCES

from tf_pegasus import (
    GenerationConfig,
    Summarizer,
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
)


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("nothing may go to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_the_tokenizer_comes_with_the_model(model_directory, tokenizer, no_network):
    model = TFPegasusForConditionalGeneration.from_pretrained(model_directory)
    assert model.tokenizer.encode(SENTENCES[0]) == tokenizer.encode(SENTENCES[0])
    assert TFPegasusModel.from_pretrained(model_directory).tokenizer is not None


def test_a_model_has_no_tokenizer_until_it_gets_one(model):
    assert model.tokenizer is None


def test_save_pretrained_writes_what_a_summarizer_reads(summarizer, tmp_path):
    model = summarizer.model
    model.tokenizer = summarizer.tokenizer
    try:
        model.save_pretrained(tmp_path)
    finally:
        model.tokenizer = None
    loaded = Summarizer.from_pretrained(tmp_path)
    texts = SENTENCES[:2]
    assert loaded.summarize(texts, engine="graph") == summarizer.summarize(texts, engine="graph")


def test_a_summarizer_saves_both(summarizer, tmp_path):
    summarizer.save_pretrained(tmp_path)
    loaded = Summarizer.from_pretrained(tmp_path)
    assert loaded.tokenizer.get_vocab() == summarizer.tokenizer.get_vocab()


def test_keras_files_hold_tokenizer_and_generation_options(summarizer, tmp_path, no_network):
    path = tmp_path / "model.keras"
    model = TFPegasusForConditionalGeneration(summarizer.model.config)
    model.set_weights(summarizer.model.get_weights())
    model.tokenizer = summarizer.tokenizer
    model.generation_config = GenerationConfig(max_length=7, num_beams=2)
    model.save(path)
    loaded = keras.models.load_model(path)
    assert loaded.generation_config == model.generation_config
    assert loaded.summarize(SENTENCES[:2], engine="graph") == model.summarize(
        SENTENCES[:2], engine="graph"
    )


def test_keras_files_of_models_without_tokenizer(model, batch, tmp_path):
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = keras.models.load_model(path)
    assert loaded.tokenizer is None
    np.testing.assert_array_equal(loaded(batch).logits, model(batch).logits)
