import json
import os
import pickle
import shutil
import struct
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
import tensorflow as tf
from fuzz_readers import FILES, fuzz
from helpers.tiny import GOLDENS, tiny_config

from tf_pegasus import (
    PegasusConfig,
    TFPegasusForCausalLM,
    TFPegasusForConditionalGeneration,
    TFPegasusModel,
)
from tf_pegasus.checkpoints.loading import find_source
from tf_pegasus.checkpoints.readers.weight_file import DamagedFileError
from tf_pegasus.checkpoints.saving import WEIGHTS_FORMATS, byte_size
from tf_pegasus.cli.main import main
from tf_pegasus.conversion import convert, describe

FORMATS = GOLDENS / "tiny-formats"
ORIGINAL = GOLDENS / "tiny-original"
HEADS = {"encoder_attention_heads": 4, "decoder_attention_heads": 4}


def assert_same_weights(model, other):
    assert len(model.weights) == len(other.weights)
    for expected, found in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(found, expected, err_msg=expected.path)


# Hugging Face directories


def test_save_pretrained_writes_the_peers_layout(golden, tmp_path):
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


def test_dtypes_that_cannot_hold_the_weights(model, tmp_path):
    model.model.shared.embeddings.assign(model.model.shared.embeddings + 1e6)
    with pytest.raises(
        ValueError, match=r"model\.shared\.weight does not fit into dtype='float16'"
    ):
        model.save_pretrained(tmp_path, dtype="float16")
    with pytest.raises(ValueError, match="dtype='int8' must be one of"):
        model.save_pretrained(tmp_path, dtype="int8")
    assert not (tmp_path / "model.safetensors").exists()


def test_checkpoint_that_does_not_fit(model, tmp_path):
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
        with pytest.raises(ValueError, match="damaged or no safetensors file"):
            TFPegasusForConditionalGeneration.from_pretrained(tmp_path)


# Every format, both ways


@pytest.mark.parametrize("form", WEIGHTS_FORMATS)
@pytest.mark.parametrize("model_class", [TFPegasusForConditionalGeneration, TFPegasusModel])
def test_every_format_comes_back_bit_for_bit(model_class, form, tmp_path):
    model = model_class(tiny_config())
    if form != "original":
        for variable in model.weights:
            variable.assign(np.random.default_rng(1).normal(size=variable.shape))
    model.save_pretrained(tmp_path, weights_format=form)
    loaded, info = model_class.from_pretrained(tmp_path, output_loading_info=True)
    assert info == {"missing_keys": [], "unexpected_keys": []}
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
    # HDF5 has no bfloat16: there it is widened.
    assert stored == {"float32" if (form, dtype) == ("h5", "bfloat16") else dtype}


def test_shards(model, tmp_path):
    model.save_pretrained(tmp_path)
    model.save_pretrained(tmp_path, max_shard_size="4KB")
    names = {path.name for path in tmp_path.glob("*safetensors*")}
    # The whole file, which would be preferred, is gone.
    assert "model.safetensors" not in names
    assert "model.safetensors.index.json" in names
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"].values()) == names - {"model.safetensors.index.json"}
    assert len(names) > 3
    assert_same_weights(model, TFPegasusForConditionalGeneration.from_pretrained(tmp_path))
    model.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.glob("*safetensors*")} == {"model.safetensors"}


def test_shard_sizes():
    assert [byte_size(s) for s in (7, "7B", "2KB", "3 MiB", "5gb")] == [
        7,
        7,
        2000,
        3 * 2**20,
        5 * 10**9,
    ]
    for wrong in (0, -1, True, "much", "GB", "0MB", None, 1.5):
        with pytest.raises(ValueError, match="max_shard_size="):
            byte_size(wrong)


def test_formats_are_looked_for_in_order(model, tmp_path):
    for form in reversed(WEIGHTS_FORMATS):
        model.save_pretrained(tmp_path, weights_format=form)
        assert find_source(tmp_path).open().kind == form


def test_a_failed_save_leaves_what_was_there(model, tmp_path):
    model.save_pretrained(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    model.model.shared.embeddings.assign(model.model.shared.embeddings * 1e30)
    for form in ("safetensors", "bin", "msgpack"):
        with pytest.raises(ValueError, match="does not fit into dtype"):
            model.save_pretrained(tmp_path, weights_format=form, dtype="float16")
    with pytest.raises(ValueError, match="weights_format='onnx' must be one of"):
        model.save_pretrained(tmp_path, weights_format="onnx")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


# Parts of models


def test_a_bare_file_serves_a_full_model_and_the_other_way_round(golden):
    full = TFPegasusForConditionalGeneration.from_pretrained(FORMATS / "safetensors-bare")
    assert not np.any(full.final_logits_bias)
    bare = TFPegasusModel.from_pretrained(FORMATS)
    assert_same_weights(bare, TFPegasusModel.from_pretrained(FORMATS / "safetensors-bare"))
    causal = TFPegasusForCausalLM.from_pretrained(golden.path)
    np.testing.assert_array_equal(
        causal.get_input_embeddings().embeddings, golden.model.model.shared.embeddings
    )


def test_causal_lm_saves_and_loads(tmp_path):
    model = TFPegasusForCausalLM(tiny_config())
    model.save_pretrained(tmp_path)
    names = set(find_source(tmp_path).open().tensors)
    assert "model.decoder.embed_tokens.weight" in names
    assert not any("encoder.layers" in name or "shared" in name for name in names)
    assert_same_weights(model, TFPegasusForCausalLM.from_pretrained(tmp_path))


def test_what_does_not_match_is_reported(tmp_path):
    TFPegasusForConditionalGeneration(tiny_config()).save_pretrained(tmp_path, weights_format="bin")
    load = TFPegasusForConditionalGeneration.from_pretrained
    # Foreign files warn by default, and what is missing starts as in an untrained model.
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


def test_a_model_that_failed_to_load_leaves_nothing_behind(model, tmp_path):
    model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="does not fit"):
        TFPegasusForConditionalGeneration.from_pretrained(tmp_path, d_model=32)
    # Nor one whose file turns out to be damaged when half of it is read.
    model.save_pretrained(tmp_path / "bin", weights_format="bin")
    file = tmp_path / "bin" / "pytorch_model.bin"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(DamagedFileError, match="Bad CRC-32"):
        TFPegasusForConditionalGeneration.from_pretrained(tmp_path / "bin")
    assert_same_weights(model, TFPegasusForConditionalGeneration.from_pretrained(tmp_path))
    # Variables made afterwards start as they should.
    fresh = TFPegasusModel(tiny_config())
    assert np.std(fresh.shared.embeddings) > 0


# The authors' checkpoints


def test_the_authors_checkpoint_tells_its_configuration():
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


def test_the_authors_heads_must_be_known(tmp_path):
    with pytest.raises(ValueError, match="give encoder_attention_heads"):
        TFPegasusForConditionalGeneration.from_pretrained(ORIGINAL)
    shutil.copytree(ORIGINAL, tmp_path / "model")
    PegasusConfig.from_dict(
        TFPegasusModel.from_pretrained(ORIGINAL, **HEADS).config.to_dict()
    ).save_pretrained(tmp_path / "model")
    assert TFPegasusModel.from_pretrained(tmp_path / "model").config.encoder_attention_heads == 4


def test_a_checkpoint_by_its_prefix(tmp_path):
    shutil.copytree(ORIGINAL, tmp_path / "model")
    for suffix in ("index", "data-00000-of-00001"):
        shutil.copy(
            ORIGINAL / f"model.ckpt-1500.{suffix}", tmp_path / "model" / f"model.ckpt-200.{suffix}"
        )
    # By the directory, the newest: the greatest number, not the last in the alphabet.
    newest = find_source(tmp_path / "model").open()
    assert newest.paths[0].name == "model.ckpt-1500.index"
    named = find_source(tmp_path / "model" / "model.ckpt-200").open()
    assert [path.name for path in named.paths] == [
        "model.ckpt-200.index",
        "model.ckpt-200.data-00000-of-00001",
    ]
    model = TFPegasusModel.from_pretrained(tmp_path / "model" / "model.ckpt-200", **HEADS)
    assert_same_weights(model, TFPegasusModel.from_pretrained(ORIGINAL, **HEADS))


def test_the_authors_format_holds_no_attention_biases(golden, tmp_path):
    with pytest.raises(ValueError, match=r"k_proj\.bias is not zero"):
        golden.model.save_pretrained(tmp_path, weights_format="original")
    assert not list(tmp_path.glob("model.ckpt*"))


# Hostile files


class _Executes:
    """What a hostile pickle would run when it is read."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def write_bin(path, pickled):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)


def open_bin(directory, pickled):
    write_bin(directory / "pytorch_model.bin", pickled)
    return find_source(directory).open()


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_pickle_that_runs_a_command_is_refused_by_name(tmp_path, protocol, legacy):
    mark = tmp_path / "executed"
    pickled = pickle.dumps({"weight": _Executes(f"touch {mark}")}, protocol)
    if legacy:
        (tmp_path / "pytorch_model.bin").write_bytes(pickled)
        context = pytest.raises(DamagedFileError, match=r"refuses the pickle symbol posix\.system")
    else:
        context = pytest.raises(DamagedFileError, match=r"refuses the pickle symbol posix\.system")
    with context:
        open_bin(tmp_path, pickled) if not legacy else find_source(tmp_path).open()
    assert not mark.exists()


def _global(module, name):
    return f"c{module}\n{name}\n".encode()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("os", "system"),
        ("subprocess", "Popen"),
        ("torch", "load"),
        ("torch.hub", "load"),
        ("torch._utils", "_rebuild_tensor_v3"),
        ("torch.storage", "_load_from_bytes"),
        ("collections", "OrderedDict.fromkeys"),
        ("collections", "defaultdict"),
        ("numpy", "load"),
        ("torch", "FloatStorage.__class__"),
        ("_codecs", "encode"),
    ],
)
def test_symbols_that_do_not_rebuild_tensors_are_refused(tmp_path, module, name):
    with pytest.raises(DamagedFileError, match=rf"refuses the pickle symbol {module}\.{name}"):
        open_bin(tmp_path, b"\x80\x02" + _global(module, name) + b"(tR.")


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (b"\x80\x02)\x81.", "refuses the pickle instruction NEWOBJ"),
        (b"\x80\x02(c__main__\nX\no.", "refuses the pickle symbol __main__.X"),
        (b"(i__main__\nX\n.", "refuses the pickle instruction INST"),
        (b"\x80\x02}2.", "refuses the pickle instruction DUP"),
        (b"\x80\x02\x82\x01.", "refuses the pickle instruction EXT1"),
        (b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"x.", "makes no sense"),
        (b"\x80\x02r\xff\xff\xff\x7f.", "makes no sense"),
        (b"\x80\x02}q\x01.", "holds no state dict"),
        (b"", "makes no sense"),
        (b"\x80\x02}", "makes no sense"),
    ],
)
def test_pickles_that_are_no_state_dict(tmp_path, pickled, message):
    with pytest.raises(DamagedFileError, match=message):
        open_bin(tmp_path, pickled)


def test_tuples_that_take_for_ever_to_hash_or_print(tmp_path):
    # ((((), ()), ((), ())), …): 2^60 leaves, of 60 objects.
    nested = b")" + b"".join(b"q%c0h%c\x86" % (1, 1) for _ in range(0))
    nested = b")q\x01" + b"".join(b"h\x01h\x01\x86q\x01" for _ in range(60))
    for use in (
        b"}" + nested + b"K\x01s.",
        nested + b".",
        nested + b"Q.",
        nested + nested + b"\x93.",
    ):
        with pytest.raises(DamagedFileError):
            open_bin(tmp_path, b"\x80\x04" + use)


def _tensor_pickle(shape, strides, offset=0, size=4, key=b"0"):
    def integers(values):
        return b"(" + b"".join(b"\x8a\x08" + struct.pack("<q", value) for value in values) + b"t"

    storage = b"(X\x07\x00\x00\x00storage" + _global("torch", "FloatStorage")
    storage += b"X\x01\x00\x00\x00" + key + b"X\x03\x00\x00\x00cpu"
    storage += b"\x8a\x08" + struct.pack("<q", size) + b"tQ"
    arguments = storage + b"\x8a\x08" + struct.pack("<q", offset)
    arguments += integers(shape) + integers(strides) + b"\x89" + b"}"
    tensor = _global("torch._utils", "_rebuild_tensor_v2") + b"(" + arguments + b"tR"
    return b"\x80\x02}X\x01\x00\x00\x00w" + tensor + b"s."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": [10**12], "strides": [0]}, "larger than its storage"),
        ({"shape": [5], "strides": [1]}, "larger than its storage"),
        ({"shape": [2], "strides": [10]}, "larger than its storage"),
        ({"shape": [4], "strides": [1], "offset": 1}, "larger than its storage"),
        ({"shape": [-4], "strides": [1]}, "is no count"),
        ({"shape": [4], "strides": [-1]}, "is no count"),
        ({"shape": [4], "strides": []}, "strides"),
        ({"shape": [1] * 9, "strides": [1] * 9}, "strides"),
        ({"shape": [4], "strides": [1], "size": -1}, "is no count"),
        ({"shape": [4], "strides": [1], "size": 2**60}, "instead of"),
        ({"shape": [4], "strides": [1], "key": b"/"}, "There is no item|no item named"),
    ],
)
def test_tensors_that_reach_outside_their_storage(tmp_path, options, message):
    with zipfile.ZipFile(tmp_path / "pytorch_model.bin", "w") as archive:
        archive.writestr("archive/data.pkl", _tensor_pickle(**options))
        archive.writestr("archive/data/0", np.zeros(4, "float32").tobytes())
    with pytest.raises(DamagedFileError, match=message):
        find_source(tmp_path).open().read("w")


def test_a_strided_tensor_reads_as_it_should(tmp_path):
    with zipfile.ZipFile(tmp_path / "pytorch_model.bin", "w") as archive:
        archive.writestr("archive/data.pkl", _tensor_pickle([2, 2], [1, 2]))
        archive.writestr("archive/data/0", np.arange(4, dtype="float32").tobytes())
    np.testing.assert_array_equal(find_source(tmp_path).open().read("w"), [[0, 2], [1, 3]])


def test_an_archive_that_unpacks_to_more_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "pytorch_model.bin", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}." + bytes(10**7))
    with pytest.raises(DamagedFileError, match="is compressed"):
        find_source(tmp_path).open()


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd", "a/b.safetensors", ".."])
def test_an_index_that_leads_out_of_its_directory_is_refused(model, tmp_path, name):
    index = {"weight_map": {"model.shared.weight": name}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(DamagedFileError, match="shards must lie beside their index"):
        find_source(tmp_path).open()


def test_indices_that_make_no_sense(tmp_path):
    index = tmp_path / "model.safetensors.index.json"
    for content in ("{}", '{"weight_map": []}', '{"weight_map": {}}'):
        index.write_text(content)
        with pytest.raises(ValueError, match="no weight_map"):
            find_source(tmp_path).open()
    index.write_text("[1]")
    with pytest.raises(ValueError, match="must hold a JSON object"):
        find_source(tmp_path).open()
    index.write_text('{"weight_map": {"a": "missing.safetensors"}}')
    with pytest.raises(FileNotFoundError, match=r"'missing\.safetensors', which is missing"):
        find_source(tmp_path).open()


def test_h5_files_that_lead_elsewhere_are_refused(tmp_path):
    import h5py

    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["kernel"] = np.zeros(3, "float32")
    path = tmp_path / "tf_model.h5"
    with h5py.File(path, "w") as file:
        file["model"] = h5py.ExternalLink(str(secret), "kernel")
    with pytest.raises(DamagedFileError, match="is a link"):
        find_source(tmp_path).open()
    with h5py.File(path, "w") as file:
        file["model"] = h5py.SoftLink("/elsewhere")
    with pytest.raises(DamagedFileError, match="is a link"):
        find_source(tmp_path).open()
    with h5py.File(path, "w") as file:
        file.create_dataset("model/bias", (3,), "float32", external=[(str(secret), 0, 12)])
    with pytest.raises(DamagedFileError, match="is not stored in one piece"):
        find_source(tmp_path).open()
    with h5py.File(path, "w") as file:
        file.create_dataset("model/bias", (10**12,), "float32", chunks=(10**6,), compression="gzip")
    with pytest.raises(DamagedFileError, match="is not stored in one piece"):
        find_source(tmp_path).open()


@pytest.mark.parametrize(
    "content",
    [
        b"\x81\xa1a\x2a",
        b"\x81\x2a\x2a",
        b"\xdf\xff\xff\xff\xff",
        b"\x81\xa1a\xc9\xff\xff\xff\xff\x01",
        b"\x81\xa1a" * 100_000,
        b"\x80more",
        b"\x81\xa1a\xc7\x02\x01\x93\x90",
        b"\x93\x01\x02\x03",
        b"",
    ],
)
def test_msgpack_files_that_make_no_sense(tmp_path, content):
    (tmp_path / "flax_model.msgpack").write_bytes(content)
    with pytest.raises(DamagedFileError, match="damaged or no msgpack file"):
        find_source(tmp_path).open()


def test_msgpack_arrays_in_chunks(tmp_path, monkeypatch, model):
    monkeypatch.setattr("tf_pegasus.checkpoints.readers.flax_file._CHUNK_BYTES", 100)
    model.save_pretrained(tmp_path, weights_format="msgpack")
    assert_same_weights(model, TFPegasusForConditionalGeneration.from_pretrained(tmp_path))


def test_safetensors_of_an_unknown_dtype(tmp_path):
    header = json.dumps({"w": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]}}).encode()
    content = struct.pack("<Q", len(header)) + header + b"\0\0"
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(DamagedFileError):
        find_source(tmp_path).open()


@pytest.mark.slow
def test_damaged_files_of_every_format_are_refused_or_read():
    counts, failures = fuzz(40, seed=7)
    assert failures == []
    assert set(counts) == set(FILES)
    # Not a test that cannot fail: most of the damage is found.
    assert all(outcomes["refused"] > 10 for outcomes in counts.values())


# Names on the hub


class _Hub(BaseHTTPRequestHandler):
    """Just enough of the hub's interface for one repository, `owner/tiny`."""

    directory, requests, commit = None, [], "0123456789abcdef0123456789abcdef01234567"

    def _answer(self, send_body):
        self.requests.append((self.path, self.headers.get("authorization")))
        parts = self.path.split("?")[0].strip("/").split("/")
        if parts[:2] == ["api", "models"] and parts[2:4] == ["owner", "tiny"]:
            revision = parts[5] if len(parts) > 5 else "main"
            if revision not in ("main", "v1", self.commit):
                return self._fail("RevisionNotFound")
            files = sorted(self.directory.iterdir())
            answer = {"id": "owner/tiny", "sha": self.commit}
            answer["siblings"] = [{"rfilename": path.name} for path in files]
            if "tree" in parts:
                answer = [
                    {"type": "file", "path": p.name, "size": p.stat().st_size, "oid": p.name}
                    for p in files
                ]
            body = json.dumps(answer).encode()
        elif parts[:2] == ["owner", "tiny"] and (self.directory / parts[-1]).is_file():
            body = (self.directory / parts[-1]).read_bytes()
        else:
            return self._fail("RepoNotFound")
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Repo-Commit", self.commit)
        self.send_header("ETag", f'"{parts[-1]}-{len(body)}"')
        self.end_headers()
        if send_body:
            self.wfile.write(body)

    def _fail(self, code):
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        self._answer(True)

    def do_HEAD(self):
        self._answer(False)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hub(tmp_path, model_directory, monkeypatch):
    """A hub on this machine, and a cache of its own."""
    from huggingface_hub import constants, hf_api

    files = tmp_path / "repository"
    shutil.copytree(model_directory, files)
    for name in ("pytorch_model.bin", "tf_model.h5", "run.py"):
        (files / name).write_bytes(b"not to be fetched")
    _Hub.directory, _Hub.requests = files, []
    server = HTTPServer(("127.0.0.1", 0), _Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(hf_api.constants, "ENDPOINT", endpoint)
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        endpoint + "/{repo_id}/resolve/{revision}/{filename}",
    )
    yield {"cache_dir": tmp_path / "cache"}
    server.shutdown()
    server.server_close()


def test_a_name_is_fetched_from_the_hub(hub, summarizer):
    model = TFPegasusForConditionalGeneration.from_pretrained(
        "owner/tiny", revision="v1", token="hf_secret", **hub
    )
    assert_same_weights(summarizer.model, model)
    fetched = {path.split("/")[-1] for path, _ in _Hub.requests}
    assert "model.safetensors" in fetched
    # The same weights in other formats, and code, are not.
    assert not fetched & {"pytorch_model.bin", "tf_model.h5", "run.py"}
    assert any("/v1" in path for path, _ in _Hub.requests)
    asked = {token for path, token in _Hub.requests if "owner/tiny" in path}
    assert asked == {"Bearer hf_secret"}


def test_a_name_without_a_connection(hub, monkeypatch):
    TFPegasusForConditionalGeneration.from_pretrained("owner/tiny", **hub)
    seen = len(_Hub.requests)
    TFPegasusForConditionalGeneration.from_pretrained("owner/tiny", local_files_only=True, **hub)
    assert len(_Hub.requests) == seen
    with pytest.raises(FileNotFoundError, match="is not in the cache, and may not be fetched"):
        TFPegasusModel.from_pretrained("owner/other", local_files_only=True, **hub)
    # Nothing answers there: what was fetched before still serves.
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    TFPegasusForConditionalGeneration.from_pretrained("owner/tiny", **hub)
    with pytest.raises(FileNotFoundError, match="the hub cannot be reached"):
        TFPegasusModel.from_pretrained("owner/other", **hub)


def test_names_that_the_hub_does_not_know(hub):
    with pytest.raises(FileNotFoundError, match=r"neither a directory nor a repository"):
        TFPegasusModel.from_pretrained("owner/unknown", **hub)
    with pytest.raises(FileNotFoundError, match="has no revision 'v9'"):
        TFPegasusModel.from_pretrained("owner/tiny", revision="v9", **hub)
    for path in ("/no/such/directory", "./none", "~/none", "a/b/c", "", "name", "what/is this?"):
        with pytest.raises(FileNotFoundError, match="no model directory at"):
            TFPegasusModel.from_pretrained(path, **hub)


def test_the_hub_is_an_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(ImportError, match=r"pip install 'tf-pegasus\[hub\]'"):
        TFPegasusModel.from_pretrained("google/pegasus-xsum")


# Conversion


@pytest.mark.parametrize("form", WEIGHTS_FORMATS)
def test_convert_any_to_any(form, tmp_path, model_directory, capsys):
    first, second = tmp_path / "first", tmp_path / "second"
    assert main(["convert", str(model_directory), str(first), "--to", form]) == 0
    assert main(["convert", str(first), str(second), "--to", "safetensors"]) == 0
    for name in ("spiece.model", "tokenizer_config.json", "config.json", "generation_config.json"):
        assert (second / name).read_bytes() == (model_directory / name).read_bytes(), name
    assert capsys.readouterr().out == f"{first}\n{second}\n"
    load = TFPegasusForConditionalGeneration.from_pretrained
    assert_same_weights(load(model_directory), load(second))


def test_convert_keeps_the_dtype_unless_told(model, tmp_path):
    model.save_pretrained(tmp_path / "half", dtype="float16")
    convert(tmp_path / "half", tmp_path / "bin", "bin")
    assert describe(tmp_path / "bin").dtypes.keys() == {"float16"}
    convert(tmp_path / "half", tmp_path / "full", "h5", dtype="float32")
    assert describe(tmp_path / "full").dtypes.keys() == {"float32"}


def test_a_conversion_that_dies_leaves_nothing(model_directory, tmp_path, monkeypatch, golden):
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


def test_converted_original_carries_its_positions(tmp_path):
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


def test_reading_uses_no_second_copy(tmp_path):
    # The peer's way, all tensors in a dict first, would hold two copies.
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
    # Each tensor once, and (the patch) nothing drawn that would be thrown away.
    assert sum(sizes) == 4 * model.count_params()
