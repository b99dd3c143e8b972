"""Converts models between formats, and describes directories of weights."""

import math
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from tf_pegasus.checkpoints.expected import match_weights
from tf_pegasus.checkpoints.formats import MAX_SHARD_SIZE
from tf_pegasus.checkpoints.loading import common_dtype, find_source, open_with_config
from tf_pegasus.checkpoints.names import LOGITS_BIAS, POSITIONS, embedding_names
from tf_pegasus.config.model import PegasusConfig
from tf_pegasus.models.conditional_generation import TFPegasusForConditionalGeneration
from tf_pegasus.tokenizers.tokenizer_files import TOKENIZER_FILES
from tf_pegasus.utils.directories import new_directory_atomically
from tf_pegasus.utils.hub import HubOptions


def convert(
    source: str | Path,
    destination: str | Path,
    weights_format: str,
    dtype: str | None = None,
    max_shard_size: int | str = MAX_SHARD_SIZE,
    revision: str | None = None,
    **overrides: Any,
) -> None:
    """Writes a model in another format, with its configuration and tokenizer files.

    Args:
        source, revision: see `from_pretrained`'s `path` and `revision`.
        destination: path of a directory that does not exist yet or is empty; it is written
            atomically.
        weights_format, max_shard_size: see `save_pretrained`.
        dtype: see `save_pretrained`; by default that of the source.
        **overrides: configuration values to override.

    Raises:
        FileExistsError: if `destination` is not empty.
        FileNotFoundError, ValueError, ImportError: see `from_pretrained` and
            `save_pretrained`.
    """
    with new_directory_atomically(destination) as temporary:
        found = find_source(source, HubOptions(revision=revision))
        directory = found.existing_directory()
        model = TFPegasusForConditionalGeneration.from_pretrained(
            found.prefix or directory, **overrides
        )
        dtype = dtype or common_dtype(found.open())
        # The tokenizer's files are copied unchanged.
        model.tokenizer = None
        model.save_pretrained(temporary, dtype, weights_format, max_shard_size)
        for name in TOKENIZER_FILES:
            if (directory / name).is_file():
                shutil.copy(directory / name, temporary / name)


STACKS = ("encoder", "decoder")


class CheckpointInfo(NamedTuple):
    """The result of `describe`.

    Fields:
        kind: str, name of the weights' format.
        files: dict from file name to size in bytes.
        dtypes: dict from dtype name to number of parameters.
        parameters: dict from part (`embedding`, `encoder`, `decoder`, `head`, `total`) to
            number of parameters; position tables are constants and not counted.
        config: `PegasusConfig`.
    """

    kind: str
    files: dict[str, int]
    dtypes: dict[str, int]
    parameters: dict[str, int]
    config: PegasusConfig


def describe(path: str | Path, **overrides: Any) -> CheckpointInfo:
    """Describes a directory of weights without reading the weights; see `CheckpointInfo`.

    Warns of weights that are missing or unexpected. A file of only one stack has only its weights.

    Raises:
        FileNotFoundError, ValueError: see `from_pretrained`.
    """
    file, config = open_with_config(find_source(path), overrides=overrides)
    sides = [
        side
        for side in STACKS
        if any(name.startswith(f"model.{side}.layers.") for name in file.tensors)
    ]
    match_weights(config, file, False, sides or STACKS, LOGITS_BIAS in file.tensors)
    parameters: Counter[str] = Counter()
    dtypes: Counter[str] = Counter()
    counted_embedding = False
    for name, info in file.tensors.items():
        if name in POSITIONS:
            continue
        part = name.split(".")[1] if name.startswith("model.") else "head"
        if name in embedding_names(config):
            # There is one embedding, which files may store several times.
            if counted_embedding:
                continue
            part, counted_embedding = "embedding", True
        count = math.prod(info.shape)
        parameters[part] += count
        dtypes[info.dtype] += count
    parameters["total"] = sum(parameters.values())
    files = {path.name: path.stat().st_size for path in file.paths}
    return CheckpointInfo(file.kind, files, dict(dtypes), dict(parameters), config)
