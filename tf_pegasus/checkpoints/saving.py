"""Writing a model's weights, in any of the published formats."""

import contextlib
import json
import os
import re
import tempfile
from pathlib import Path

import ml_dtypes  # noqa: F401  (registers bfloat16 with numpy)
import numpy as np

from tf_pegasus.checkpoints.names import huggingface_weights, position_tables
from tf_pegasus.checkpoints.options import FILE_DTYPES, MAX_SHARD_SIZE, WEIGHTS_FORMATS
from tf_pegasus.checkpoints.readers.flax_file import write_flax
from tf_pegasus.checkpoints.readers.keras_h5_file import write_keras_h5
from tf_pegasus.checkpoints.readers.original import write_original
from tf_pegasus.checkpoints.readers.pytorch_file import write_pytorch
from tf_pegasus.checkpoints.readers.safetensors_file import write_safetensors
from tf_pegasus.utils.files import make_readable

WEIGHTS_FILE = "model.safetensors"

# Files of each format, also those in shards.
_PATTERNS = {
    "safetensors": r"model(-\d+-of-\d+)?\.safetensors(\.index\.json)?",
    "bin": r"pytorch_model(-\d+-of-\d+)?\.bin(\.index\.json)?",
    "h5": r"tf_model\.h5",
    "msgpack": r"flax_model\.msgpack",
    "original": r"model\.ckpt-\d+\.(index|data-\d+-of-\d+)",
}


def save_weights(
    model, directory, dtype=None, weights_format="safetensors", max_shard_size=MAX_SHARD_SIZE
):
    """Writes a model's weights into `directory`; each file appears whole or not at all.

    Older files of the same format go, as a reader might prefer them; others stay.

    Args:
        model: a model that `huggingface_weights` knows.
        directory: an existing directory.
        dtype: one of `FILE_DTYPES`, or None for the variables' own.
        weights_format: one of `WEIGHTS_FORMATS`.
        max_shard_size: int (bytes) or str such as `"5GB"`, of safetensors files.

    Raises:
        ValueError: an unknown dtype or format, or weights that are not finite in it.
    """
    if dtype is not None and dtype not in FILE_DTYPES:
        raise ValueError(f"dtype={dtype!r} must be one of {', '.join(FILE_DTYPES)}")
    if weights_format not in WEIGHTS_FORMATS:
        raise ValueError(
            f"weights_format={weights_format!r} must be one of {', '.join(WEIGHTS_FORMATS)}"
        )
    limit = byte_size(max_shard_size)
    tensors = _tensors(model, dtype, with_positions=weights_format in ("safetensors", "bin", "h5"))
    directory = Path(directory)
    with tempfile.TemporaryDirectory(dir=directory, prefix=".saving-") as temporary:
        temporary = Path(temporary)
        if weights_format == "safetensors":
            _write_shards(temporary, tensors, limit)
        elif weights_format == "bin":
            write_pytorch(temporary / "pytorch_model.bin", tensors)
        elif weights_format == "h5":
            write_keras_h5(temporary / "tf_model.h5", tensors)
        elif weights_format == "msgpack":
            write_flax(temporary / "flax_model.msgpack", tensors)
        else:
            write_original(temporary / "model.ckpt-0", tensors)
        _replace_files(temporary, directory, _PATTERNS[weights_format])


def _replace_files(temporary, directory, pattern):
    """Moves the new files in, and then removes older ones of the pattern."""
    written = sorted(path.name for path in temporary.iterdir())
    for name in written:
        make_readable(temporary / name)
        os.replace(temporary / name, directory / name)
    for path in directory.iterdir():
        if re.fullmatch(pattern, path.name) and path.name not in written:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()


def _tensors(model, dtype, with_positions):
    values = position_tables(model) if with_positions else {}
    for weight in huggingface_weights(model):
        value = np.asarray(weight.variable)
        values[weight.name] = value.T if weight.transposed else value
    return {name: _narrowed(name, value, dtype) for name, value in values.items()}


def _narrowed(name, value, dtype):
    if dtype is None:
        return np.ascontiguousarray(value)
    with np.errstate(over="ignore"):  # checked in the next line
        narrowed = value.astype(np.dtype(dtype), order="C")
    if not np.isfinite(narrowed.astype("float32")).all() and np.isfinite(value).all():
        raise ValueError(f"{name} does not fit into dtype={dtype!r}")
    return narrowed


def _write_shards(directory, tensors, limit):
    """Writes one file, or several no larger than `limit` (but for one tensor each)."""
    shards, size = [{}], 0
    for name, array in tensors.items():
        if size and size + array.nbytes > limit:
            shards.append({})
            size = 0
        shards[-1][name] = array
        size += array.nbytes
    if len(shards) == 1:
        write_safetensors(directory / WEIGHTS_FILE, tensors)
        return
    weight_map = {}
    for number, shard in enumerate(shards, 1):
        name = f"model-{number:05}-of-{len(shards):05}.safetensors"
        write_safetensors(directory / name, shard)
        weight_map.update(dict.fromkeys(shard, name))
    index = {
        "metadata": {"total_size": sum(array.nbytes for array in tensors.values())},
        "weight_map": weight_map,
    }
    text = json.dumps(index, indent=2, sort_keys=True) + "\n"
    (directory / f"{WEIGHTS_FILE}.index.json").write_text(text, encoding="utf-8")


_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def byte_size(size):
    """Bytes in `"5GB"`, `"300 MiB"`, or an int.

    Raises:
        ValueError: it is neither, or not positive.
    """
    if isinstance(size, int) and not isinstance(size, bool) and size > 0:
        return size
    match = re.fullmatch(r"\s*(\d+)\s*([KMG]?I?B)\s*", str(size).upper())
    if not match or not int(match[1]):
        raise ValueError(f"max_shard_size={size!r} must be a number of bytes such as '5GB'")
    return int(match[1]) * _UNITS[match[2]]
