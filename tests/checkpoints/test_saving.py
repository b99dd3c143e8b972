import json
import resource

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import tiny_config
from helpers.weights import assert_same_weights
from safetensors import SafetensorError

from tf_pegasus import (
    TFPegasusForCausalLM,
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
)
from tf_pegasus.checkpoints.loading import find_source
from tf_pegasus.checkpoints.saving import WEIGHTS_FORMATS


def test_save_pretrained_writes_the_reference_layout(golden, tmp_path):
    from safetensors import safe_open

    golden.model.save_pretrained(tmp_path)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["config.json", "generation_config.json", "model.safetensors"]
    modes = {p.stat().st_mode for p in tmp_path.iterdir()}
    (tmp_path / "touched").touch()
    assert modes == {(tmp_path / "touched").stat().st_mode}
    with (
        safe_open(golden.path / "model.safetensors", framework="np") as theirs,
        safe_open(tmp_path / "model.safetensors", framework="np") as ours,
    ):
        assert ours.metadata() == {"format": "pt"}
        assert set(ours.keys()) == set(theirs.keys())
        for name in theirs.keys():  # noqa: SIM118
            tolerance = 1e-6 if "embed_positions" in name else 0
            expected = theirs.get_tensor(name)
            np.testing.assert_allclose(ours.get_tensor(name), expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 1e-3), ("bfloat16", 1e-2)])
def test_narrow_weight_files(model, batch, tmp_path, dtype, tolerance):
    model.save_pretrained(tmp_path, dtype=dtype)
    loaded = TFPegasusForConditionalGeneration.from_pretrained(tmp_path)
    assert {w.dtype for w in loaded.trainable_weights} == {"float32"}
    np.testing.assert_allclose(loaded(batch).logits, model(batch).logits, atol=tolerance)
    full = tmp_path / "full"
    model.save_pretrained(full)
    sizes = [(d / "model.safetensors").stat().st_size for d in (tmp_path, full)]
    assert sizes[0] < 0.6 * sizes[1]


def test_weights_beyond_the_range_of_a_dtype_are_refused(model, tmp_path):
    model.model.shared.embeddings.assign(model.model.shared.embeddings + 1e6)
    with pytest.raises(
        ValueError, match=r"model\.shared\.weight does not fit into dtype='float16'"
    ):
        model.save_pretrained(tmp_path, dtype="float16")
    with pytest.raises(ValueError, match="dtype='int8' must be one of"):
        model.save_pretrained(tmp_path, dtype="int8")
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.parametrize("form", WEIGHTS_FORMATS)
@pytest.mark.parametrize("model_class", [TFPegasusForConditionalGeneration, TFPegasusModel])
def test_every_format_round_trips_exactly(model_class, form, tmp_path):
    model = model_class(tiny_config())
    if form != "original":
        for variable in model.weights:
            variable.assign(np.random.default_rng(1).normal(size=variable.shape))
    model.save_pretrained(tmp_path, weights_format=form)
    loaded, info = model_class.from_pretrained(tmp_path, output_loading_info=True)
    assert info == {"missing_keys": [], "unexpected_keys": [], "mismatched_keys": []}
    assert find_source(tmp_path).open().kind == form
    assert loaded.config == model.config
    assert_same_weights(model, loaded)


@pytest.mark.parametrize("form", ["bin", "msgpack", "h5"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_weights_in_foreign_formats(model, form, dtype, tmp_path):
    model.save_pretrained(tmp_path, weights_format=form, dtype=dtype)
    loaded = TFPegasusForConditionalGeneration.from_pretrained(tmp_path)
    for ours, theirs in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4 if dtype == "float16" else 2e-3)
    stored = {info.dtype for info in find_source(tmp_path).open().tensors.values()}
    # HDF5 has no bfloat16, so it is widened.
    assert stored == {"float32" if (form, dtype) == ("h5", "bfloat16") else dtype}


def test_shards(model, tmp_path):
    model.save_pretrained(tmp_path)
    model.save_pretrained(tmp_path, max_shard_size="4KB")
    names = {path.name for path in tmp_path.glob("*safetensors*")}
    # The single file, which would be preferred, is removed.
    assert "model.safetensors" not in names
    assert "model.safetensors.index.json" in names
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"].values()) == names - {"model.safetensors.index.json"}
    assert len(names) > 3
    assert_same_weights(model, TFPegasusForConditionalGeneration.from_pretrained(tmp_path))
    model.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.glob("*safetensors*")} == {"model.safetensors"}


def test_failed_save_keeps_existing_files(model, tmp_path):
    model.save_pretrained(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    model.model.shared.embeddings.assign(model.model.shared.embeddings * 1e30)
    for form in ("safetensors", "bin", "msgpack"):
        with pytest.raises(ValueError, match="does not fit into dtype"):
            model.save_pretrained(tmp_path, weights_format=form, dtype="float16")
    with pytest.raises(ValueError, match="weights_format='onnx' must be one of"):
        model.save_pretrained(tmp_path, weights_format="onnx")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_causal_lm_saves_and_loads(tmp_path):
    model = TFPegasusForCausalLM(tiny_config())
    model.save_pretrained(tmp_path)
    names = set(find_source(tmp_path).open().tensors)
    assert "model.decoder.embed_tokens.weight" in names
    assert not any("encoder.layers" in name or "shared" in name for name in names)
    assert_same_weights(model, TFPegasusForCausalLM.from_pretrained(tmp_path))


@pytest.mark.parametrize("weights_format", WEIGHTS_FORMATS)
def test_a_full_disk_leaves_the_directory_as_it_was(
    model, tokenizer, tmp_path, weights_format, monkeypatch
):
    TFPegasusForConditionalGeneration(tiny_config(d_model=8)).save_pretrained(
        tmp_path, weights_format=weights_format
    )
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(model, "tokenizer", tokenizer)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Writing on fails as on a full disk: Python ignores the signal.
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises((OSError, tf.errors.OpError, SafetensorError), match="File too large"):
            model.save_pretrained(tmp_path, weights_format=weights_format)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
