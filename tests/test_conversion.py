import json
import shutil

import numpy as np
import pytest
from helpers.tiny import GOLDENS
from helpers.weights import assert_same_weights

from tf_pegasus import (
    PegasusConfig,
    TFPegasusForConditionalGeneration,
)
from tf_pegasus.checkpoints.loading import find_source
from tf_pegasus.checkpoints.saving import WEIGHTS_FORMATS
from tf_pegasus.cli.main import main
from tf_pegasus.conversion import convert, describe

ORIGINAL = GOLDENS / "tiny-original"
HEADS = {"encoder_attention_heads": 4, "decoder_attention_heads": 4}


@pytest.mark.parametrize("form", WEIGHTS_FORMATS)
def test_convert_between_all_formats(form, tmp_path, model_directory, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(["convert", str(model_directory), str(first), "--to", form]) == 0
    assert main(["convert", str(first), str(second), "--to", "safetensors"]) == 0
    for name in ("spiece.model", "tokenizer_config.json", "config.json", "generation_config.json"):
        assert (second / name).read_bytes() == (model_directory / name).read_bytes(), name
    assert capsys.readouterr().out == f"{first}\n{second}\n"
    load = TFPegasusForConditionalGeneration.from_pretrained
    assert_same_weights(load(model_directory), load(second))


def test_convert_keeps_dtype_by_default(model, tmp_path):
    model.save_pretrained(tmp_path / "half", dtype="float16")
    convert(tmp_path / "half", tmp_path / "bin", "bin")
    assert describe(tmp_path / "bin").dtypes.keys() == {"float16"}
    convert(tmp_path / "half", tmp_path / "full", "h5", dtype="float32")
    assert describe(tmp_path / "full").dtypes.keys() == {"float32"}


def test_failed_conversion_leaves_no_files(model_directory, tmp_path, monkeypatch, golden):
    with pytest.raises(ValueError, match="is not zero"):
        convert(golden.path, tmp_path / "out", "original")

    def dies(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("tf_pegasus.checkpoints.readers.pytorch_file.write_pytorch", dies)
    with pytest.raises(KeyboardInterrupt):
        convert(model_directory, tmp_path / "out", "bin")
    assert not list(tmp_path.iterdir())
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(FileExistsError, match="is not an empty directory"):
        convert(model_directory, tmp_path / "full", "bin")


def test_converted_original_checkpoint_contains_positions(tmp_path):
    convert(ORIGINAL, tmp_path / "out", "safetensors", **HEADS)
    stored = find_source(tmp_path / "out").open().read("model.encoder.embed_positions.weight")
    np.testing.assert_allclose(stored[3, 1], np.sin(3 / 10000 ** (1 / 11)), rtol=1e-5)
    loaded = TFPegasusForConditionalGeneration.from_pretrained(tmp_path / "out")
    assert loaded.config.position_embedding_type == "original"
    assert loaded.generation_config.length_penalty_type == "gnmt"


def test_info(golden, capsys):
    assert main(["info", str(golden.path)]) == 0
    out = capsys.readouterr().out
    total = f"{golden.model.count_params():,}"
    assert "format: safetensors\n" in out
    assert f"dtype: float32, {total} parameters\n" in out
    assert f"parameters: total, {total}\n" in out
    config = json.loads(out[out.index("config: ") + len("config: ") :])
    assert PegasusConfig.from_dict(config) == golden.model.config
    assert main(["info", str(ORIGINAL), "--config", "encoder_attention_heads=4"]) == 1
    values = ["--config", "encoder_attention_heads=4", "--config", "decoder_attention_heads=4"]
    assert main(["info", str(ORIGINAL), *values]) == 0
    assert "format: original" in capsys.readouterr().out
    assert main(["info", "/no/such"]) == 1
    assert "no model directory" in capsys.readouterr().err


def test_a_tokenizer_of_transformers_5_is_copied(model, tmp_path):
    source = GOLDENS / "tokenizer-transformers5-added"
    model.save_pretrained(tmp_path / "source")
    for path in source.iterdir():
        shutil.copy(path, tmp_path / "source")
    convert(tmp_path / "source", tmp_path / "out", "bin")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "config.json",
        "generation_config.json",
        "pytorch_model.bin",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    for path in source.iterdir():
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.filterwarnings("ignore:the authors' code")
def test_biases_are_folded_into_the_authors_format(model, tmp_path, batch):
    for weight in model.trainable_weights:
        if weight.path.endswith("bias"):
            weight.assign(np.random.default_rng(2).normal(size=weight.shape) / 4)
    model.save_pretrained(tmp_path / "source")
    convert(tmp_path / "source", tmp_path / "out", "original")
    loaded = TFPegasusForConditionalGeneration.from_pretrained(tmp_path / "out")
    np.testing.assert_allclose(loaded(batch).logits, model(batch).logits, atol=1e-5)
