"""Shared fixtures: goldens of the reference implementations, a tiny vocabulary and its model."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
from helpers.tiny import GOLDEN_MODELS, SENTENCES, Golden, tiny_config

from tf_pegasus import (
    GenerationConfig,
    PegasusTokenizer,
    Summarizer,
    TFPegasusForConditionalGeneration,
    export_saved_model,
)
from tf_pegasus.tokenizers.vocabulary import train_vocabulary


@pytest.fixture(scope="session")
def goldens():
    return {name: Golden(name) for name in GOLDEN_MODELS}


@pytest.fixture(params=GOLDEN_MODELS)
def golden(request, goldens):
    return goldens[request.param]


@pytest.fixture(scope="session")
def vocab_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocabulary") / "spiece.model"
    train_vocabulary(SENTENCES * 20, path, vocab_size=110, newline_token="<n>")
    return path


@pytest.fixture(scope="session")
def tokenizer(vocab_file):
    return PegasusTokenizer(vocab_file)


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture
def config():
    return tiny_config()


@pytest.fixture
def model(config):
    return TFPegasusForConditionalGeneration(config)


@pytest.fixture
def batch():
    random = np.random.default_rng(0)
    return {
        "input_ids": random.integers(2, 60, (3, 7)).astype("int32"),
        "attention_mask": np.array([[1] * 7, [1] * 4 + [0] * 3, [1] * 6 + [0]], "int32"),
        "labels": np.array([[5, 6, 7, 1], [8, 1, -100, -100], [9, 10, 1, -100]], "int32"),
    }


@pytest.fixture
def source(batch):
    return {name: batch[name] for name in ("input_ids", "attention_mask")}


@pytest.fixture
def target(batch):
    return batch["labels"].clip(0)


@pytest.fixture(scope="session")
def summarizer(tokenizer):
    """A random model with a vocabulary, whose summaries are words without meaning."""
    keras.utils.set_random_seed(3)
    config = tiny_config(
        vocab_size=len(tokenizer) + 7,  # larger than the vocabulary, as if padded
        max_position_embeddings=48,
        init_std=0.5,
        scale_embedding=True,
    )
    model = TFPegasusForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        max_length=12, num_beams=3, length_penalty=0.8, forced_eos_token_id=1
    )
    return Summarizer(model, tokenizer)


@pytest.fixture(scope="session")
def model_directory(summarizer, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny"
    summarizer.model.save_pretrained(path)
    summarizer.tokenizer.save_pretrained(path)
    summarizer.model.generation_config.save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def served_directory(summarizer, tmp_path_factory):
    """The tiny model as a SavedModel with both engines, adjustable options and warm-up."""
    path = tmp_path_factory.mktemp("served") / "tiny"
    export_saved_model(
        summarizer,
        path,
        engine="both",
        adjustable=True,
        batch_buckets=(1, 4),
        length_buckets=(16, 48),
        warmup=True,
    )
    return path
