import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import GOLDENS, tiny_config
from helpers.weights import assert_same_weights

from tf_pegasus import (
    Summarizer,
    TFPegasusForCausalLM,
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
)
from tf_pegasus.checkpoints.loading import find_source
from tf_pegasus.checkpoints.readers.weight_file import DamagedFileError

FORMATS = GOLDENS / "tiny-formats"
ORIGINAL = GOLDENS / "tiny-original"
HEADS = {"encoder_attention_heads": 4, "decoder_attention_heads": 4}


def test_mismatched_checkpoint(model, tmp_path):
    model.save_pretrained(tmp_path)
    stored = json.loads((tmp_path / "config.json").read_text())

    def change(**values):
        (tmp_path / "config.json").write_text(json.dumps({**stored, **values}))

    change(vocab_size=61)
    with pytest.raises(ValueError, match=r"model\.shared\.weight has the shape \(60, 16\)"):
        TFPegasusForConditionalGeneration.from_pretrained(tmp_path)
    change(encoder_layers=2)
    with pytest.raises(ValueError, match=r"encoder\.layers\.1.* is missing; .* and \d+ more"):
        TFPegasusForConditionalGeneration.from_pretrained(tmp_path)
    change(decoder_layers=1)
    with pytest.raises(ValueError, match=r"decoder\.layers\.1.* is unexpected"):
        TFPegasusForConditionalGeneration.from_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="is unexpected"):
        TFPegasusForConditionalGeneration.from_pretrained(tmp_path, strict=False)


def test_damaged_checkpoints(model, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no config\.json"):
        TFPegasusForConditionalGeneration.from_pretrained(tmp_path)
    model.config.save_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"none of model\.safetensors"):
        TFPegasusForConditionalGeneration.from_pretrained(tmp_path)
    model.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    whole = file.read_bytes()
    for content in (b"", whole[:100], whole[:-10], b"\xff" * 64, whole + b"more"):
        file.write_bytes(content)
        with pytest.raises(ValueError, match="damaged or not a safetensors file"):
            TFPegasusForConditionalGeneration.from_pretrained(tmp_path)


def test_files_of_bare_and_full_models_are_interchangeable(golden):
    full = TFPegasusForConditionalGeneration.from_pretrained(FORMATS / "safetensors-bare")
    assert not np.any(full.final_logits_bias)
    bare = TFPegasusModel.from_pretrained(FORMATS)
    assert_same_weights(bare, TFPegasusModel.from_pretrained(FORMATS / "safetensors-bare"))
    causal = TFPegasusForCausalLM.from_pretrained(golden.path)
    np.testing.assert_array_equal(
        causal.get_input_embeddings().embeddings, golden.model.model.shared.embeddings
    )


def test_mismatches_are_reported(tmp_path):
    TFPegasusForConditionalGeneration(tiny_config()).save_pretrained(tmp_path, weights_format="bin")
    load = TFPegasusForConditionalGeneration.from_pretrained
    # Other formats than safetensors warn by default; missing weights are initialized as usual.
    with pytest.warns(UserWarning, match=r"encoder\.layers\.1.* is missing; .* more"):
        model, info = load(tmp_path, encoder_layers=2, output_loading_info=True)
    assert len(info["missing_keys"]) == 16
    assert all("encoder.layers.1" in name for name in info["missing_keys"])
    assert np.std(model.get_encoder().layers[1].feed_forward.fc1.kernel) > 0.01
    with pytest.warns(UserWarning, match="is unexpected"):
        info = load(tmp_path, decoder_layers=1, output_loading_info=True)[1]
    assert len(info["unexpected_keys"]) == 26
    with pytest.raises(ValueError, match="is missing"):
        load(tmp_path, encoder_layers=2, strict=True)
    with pytest.raises(ValueError, match=r"fc1\.weight has the shape \(24, 16\)"):
        load(tmp_path, encoder_ffn_dim=25)


def test_loading_follows_the_dtype_policy(tmp_path):
    TFPegasusModel(tiny_config()).save_pretrained(tmp_path, dtype="bfloat16")
    for dtype, variable_dtype in (("mixed_bfloat16", "float32"), ("bfloat16", "bfloat16")):
        model = TFPegasusModel.from_pretrained(tmp_path, dtype=dtype)
        kernel = model.encoder.layers[0].feed_forward.fc1.kernel
        assert model.encoder.layers[0].feed_forward.fc1._kernel.dtype == variable_dtype
        assert np.isfinite(np.asarray(kernel, "float32")).all()


def test_failed_loading_has_no_side_effects(model, tmp_path):
    model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="does not fit"):
        TFPegasusForConditionalGeneration.from_pretrained(tmp_path, d_model=32)
    # Also if the file turns out to be damaged when half of it has been read.
    model.save_pretrained(tmp_path / "bin", weights_format="bin")
    file = tmp_path / "bin" / "pytorch_model.bin"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(DamagedFileError, match="Bad CRC-32"):
        TFPegasusForConditionalGeneration.from_pretrained(tmp_path / "bin")
    assert_same_weights(model, TFPegasusForConditionalGeneration.from_pretrained(tmp_path))
    # Variables created afterwards are initialized as usual.
    fresh = TFPegasusModel(tiny_config())
    assert np.std(fresh.shared.embeddings) > 0


def test_a_checkpoint_by_its_prefix(tmp_path):
    shutil.copytree(ORIGINAL, tmp_path / "model")
    for suffix in ("index", "data-00000-of-00001"):
        shutil.copy(
            ORIGINAL / f"model.ckpt-1500.{suffix}", tmp_path / "model" / f"model.ckpt-200.{suffix}"
        )
    # For a directory, the newest one: by number, not in alphabetical order.
    newest = find_source(tmp_path / "model").open()
    assert newest.paths[0].name == "model.ckpt-1500.index"
    named = find_source(tmp_path / "model" / "model.ckpt-200").open()
    assert [path.name for path in named.paths] == [
        "model.ckpt-200.index",
        "model.ckpt-200.data-00000-of-00001",
    ]
    model = TFPegasusModel.from_pretrained(tmp_path / "model" / "model.ckpt-200", **HEADS)
    assert_same_weights(model, TFPegasusModel.from_pretrained(ORIGINAL, **HEADS))


def test_reading_uses_no_second_copy(tmp_path):
    # Reading all tensors into a dict first, like the reference implementation, needs two copies.
    import gc

    config = tiny_config(vocab_size=4000, d_model=256, encoder_ffn_dim=1024, decoder_ffn_dim=1024)
    TFPegasusModel(config).save_pretrained(tmp_path)
    gc.collect()
    sizes = []
    file = find_source(tmp_path).open()
    read = type(file).read

    def watched(self, name):
        value = read(self, name)
        sizes.append(value.nbytes)
        return value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(file), "read", watched)
        patch.setattr(tf.random, "stateless_truncated_normal", None)
        model = TFPegasusModel.from_pretrained(tmp_path)
    # Each tensor is read once, and (by the patch) no random values are drawn.
    assert sum(sizes) == 4 * model.count_params()


# The tokenizer


def test_tokenizer_is_saved_with_the_model(model_directory, summarizer, tmp_path, monkeypatch):
    load = TFPegasusForConditionalGeneration.from_pretrained
    model = load(model_directory)
    assert model.tokenizer.get_config() == summarizer.tokenizer.get_config()
    model.tokenizer.add_tokens("covfefe")
    model.save_pretrained(tmp_path / "saved")
    again = load(tmp_path / "saved")
    assert again.tokenizer.encode("a covfefe") == model.tokenizer.encode("a covfefe")
    # Nothing is read later.
    shutil.rmtree(tmp_path / "saved")
    expected = Summarizer(model, model.tokenizer).summarize(["A fox."])[0].text
    assert again.summarize("A fox.") == expected


def test_models_without_a_tokenizer(model, tmp_path):
    model.save_pretrained(tmp_path)
    assert TFPegasusForConditionalGeneration.from_pretrained(tmp_path).tokenizer is None
    assert TFPegasusModel.from_pretrained(tmp_path).tokenizer is None
    with pytest.raises(FileNotFoundError, match="has no vocabulary"):
        Summarizer.from_pretrained(tmp_path)
    (tmp_path / "spiece.model").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"spiece\.model' is not a sentencepiece model"):
        TFPegasusForConditionalGeneration.from_pretrained(tmp_path)


def test_summarizing_with_a_directory_of_transformers_5(tmp_path):
    model = TFPegasusForConditionalGeneration(tiny_config(vocab_size=200, init_std=0.5))
    model.save_pretrained(tmp_path)
    for path in (GOLDENS / "tokenizer-transformers5-added").iterdir():
        shutil.copy(path, tmp_path)
    summarizer = Summarizer.from_pretrained(tmp_path)
    assert summarizer.tokenizer.mask_token_sent_id == 2
    text = "The quick brown fox."
    expected = summarizer.summarize([text], max_length=6)[0].text
    loaded = TFPegasusForConditionalGeneration.from_pretrained(tmp_path)
    assert loaded.summarize(text, max_length=6) == expected
