"""Writes a model's weights in any of the published formats."""

import json
import os
from pathlib import Path

import ml_dtypes  # noqa: F401  (registers bfloat16 with numpy)
import numpy as np

from tf_pegasus.checkpoints.formats import (
    FILE_DTYPES,
    FORMATS,
    MAX_SHARD_SIZE,
    WEIGHTS_FORMATS,
    byte_size,
)
from tf_pegasus.checkpoints.names import huggingface_weights, position_tables
from tf_pegasus.checkpoints.original_config import warn_of_differences


def write_weights(
    model,
    directory: Path,
    dtype: str | None = None,
    weights_format: str = "safetensors",
    max_shard_size: int | str = MAX_SHARD_SIZE,
) -> None:
    """Writes a model's weights.

    Args:
        model: a model that `huggingface_weights` supports.
        directory: path of an existing directory, without weights of this format.
        dtype: one of `FILE_DTYPES`, or None for the variables' dtypes.
        weights_format: one of `WEIGHTS_FORMATS`.
        max_shard_size: int (bytes) or str such as `"5GB"`, for safetensors and bin files.

    Raises:
        ValueError: if the dtype or format is unknown, a weight is not finite in the dtype, or
            the format cannot hold it.
    """
    if dtype is not None and dtype not in FILE_DTYPES:
        raise ValueError(f"dtype={dtype!r} must be one of {', '.join(FILE_DTYPES)}")
    if weights_format not in FORMATS:
        raise ValueError(
            f"weights_format={weights_format!r} must be one of {', '.join(WEIGHTS_FORMATS)}"
        )
    limit = byte_size(max_shard_size)
    written = FORMATS[weights_format]
    if weights_format == "original":
        warn_of_differences(model.config)
    tensors = _tensors(model, dtype, written.has_positions)
    if written.shardable:
        _write_shards(directory, written, tensors, limit)
    else:
        written.write(directory / written.file, tensors)


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


def _write_shards(directory, written, tensors, limit):
    """Writes one file, or several of at most `limit` bytes (or one tensor) each."""
    shards, size = [{}], 0
    for name, array in tensors.items():
        if size and size + array.nbytes > limit:
            shards.append({})
            size = 0
        shards[-1][name] = array
        size += array.nbytes
    if len(shards) == 1:
        written.write(directory / written.file, tensors)
        return
    stem, suffix = os.path.splitext(written.file)
    weight_map = {}
    for number, shard in enumerate(shards, 1):
        name = f"{stem}-{number:05}-of-{len(shards):05}{suffix}"
        written.write(directory / name, shard)
        weight_map.update(dict.fromkeys(shard, name))
    index = {
        "metadata": {"total_size": sum(array.nbytes for array in tensors.values())},
        "weight_map": weight_map,
    }
    text = json.dumps(index, indent=2, sort_keys=True) + "\n"
    (directory / f"{written.file}.index.json").write_text(text, encoding="utf-8")
