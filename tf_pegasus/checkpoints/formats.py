"""The registry of checkpoint formats; imports only the standard library.

To add a format, write its reader and writer in `readers/` and add an entry here, which loading,
saving, the hub, conversion and the command line use.
"""

import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from tf_pegasus.checkpoints.readers.weight_file import WeightFile

FileDtype = Literal["float32", "float16", "bfloat16"]
FILE_DTYPES: tuple[str, ...] = get_args(FileDtype)
MAX_SHARD_SIZE = "5GB"


@dataclass(frozen=True)
class CheckpointFormat:
    """A checkpoint format.

    Attributes:
        name: str, its name for `save_pretrained(weights_format=…)`.
        file: str, the name of the file; for the authors' format, its prefix.
        reader: str, module under `readers` and class, a `WeightFile` created from a path.
        writer: str, module and function, which takes a path and a dict from name to array.
        files: regular expression that matches all files that saving may write.
        fetched: shell patterns of the files to download from the hub, besides JSON files.
        shardable: bool, whether saving splits large files; reading accepts shards of all
            formats but the authors', whose writer has its own kind of shards.
        has_positions: bool, whether files contain the position tables, which are constants.
    """

    name: str
    file: str
    reader: str
    writer: str
    files: str
    fetched: tuple[str, ...]
    shardable: bool = False
    has_positions: bool = True

    def find(self, directory: Path) -> Path | None:
        """Returns the path of the weights in this format in a directory, or None.

        It is the path of the file or of the shards' index; for the authors' format, the prefix
        of the newest checkpoint.
        """
        if self.name == "original":
            return find_original(directory)
        for name in (self.file, f"{self.file}.index.json"):
            if (directory / name).is_file():
                return directory / name
        return None

    def open(self, path: Path) -> "WeightFile":
        """Opens the path that `find` returned.

        Raises:
            DamagedFileError: if it cannot be read.
            FileNotFoundError: if a shard is missing.
            ImportError: if the reader needs an extra that is not installed.
        """
        reader = _import(self.reader)
        if path.name.endswith(".index.json"):
            shards = _import("shards:shard_paths")(path)
            return _import("shards:ShardedWeights")([reader(shard) for shard in shards])
        return reader(path)

    def write(self, path: Path, tensors: Mapping[str, Any]) -> None:
        """Writes arrays by Hugging Face name.

        Raises:
            ValueError: if the format cannot hold one of them.
            ImportError: if the writer needs an extra that is not installed.
        """
        _import(self.writer)(path, tensors)


# In order of preference, if a directory has several.
_FORMATS = (
    CheckpointFormat(
        name="safetensors",
        file="model.safetensors",
        reader="safetensors_file:SafetensorsFile",
        writer="safetensors_file:write_safetensors",
        files=r"model(-\d+-of-\d+)?\.safetensors(\.index\.json)?",
        fetched=("*.safetensors",),
        shardable=True,
    ),
    CheckpointFormat(
        name="bin",
        file="pytorch_model.bin",
        reader="pytorch_file:PytorchFile",
        writer="pytorch_file:write_pytorch",
        files=r"pytorch_model(-\d+-of-\d+)?\.bin(\.index\.json)?",
        fetched=("pytorch_model*.bin",),
        shardable=True,
    ),
    CheckpointFormat(
        name="h5",
        file="tf_model.h5",
        reader="keras_h5_file:KerasH5File",
        writer="keras_h5_file:write_keras_h5",
        files=r"tf_model(-\d+-of-\d+)?\.h5(\.index\.json)?",
        fetched=("tf_model*.h5",),
    ),
    CheckpointFormat(
        name="msgpack",
        file="flax_model.msgpack",
        reader="flax_file:FlaxFile",
        writer="flax_file:write_flax",
        files=r"flax_model(-\d+-of-\d+)?\.msgpack(\.index\.json)?",
        fetched=("flax_model*.msgpack",),
        has_positions=False,
    ),
    CheckpointFormat(
        name="original",
        file="model.ckpt-0",
        reader="original:OriginalCheckpoint",
        writer="original:write_original",
        files=r"model\.ckpt-\d+\.(index|data-\d+-of-\d+)",
        fetched=("*.ckpt-*.index", "*.ckpt-*.data-*"),
        has_positions=False,
    ),
)
FORMATS = {entry.name: entry for entry in _FORMATS}
WEIGHTS_FORMATS = tuple(FORMATS)


def find_weights(
    directory: Path, formats: Iterable[str] = WEIGHTS_FORMATS
) -> tuple[CheckpointFormat, Path]:
    """Finds the preferred weights of a directory.

    Args:
        directory: path of the directory.
        formats: names of the formats to look for.

    Raises:
        FileNotFoundError: if it has no weights in these formats.
    """
    for name in formats:
        path = FORMATS[name].find(directory)
        if path is not None:
            return FORMATS[name], path
    names = ", ".join(
        "model.ckpt-*" if name == "original" else FORMATS[name].file for name in formats
    )
    raise FileNotFoundError(f"no weights in {str(directory)!r}: none of {names}")


_STEP = re.compile(r"-(\d+)\.index$")


def find_original(directory: str | Path) -> Path | None:
    """Returns the prefix of the authors' newest checkpoint in a directory, or None."""
    steps = {}
    for path in Path(directory).glob("*.ckpt-*.index"):
        match = _STEP.search(path.name)
        if match:
            steps[int(match[1])] = path
    return steps[max(steps)].with_suffix("") if steps else None


_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def byte_size(size: int | str) -> int:
    """Converts `"5GB"`, `"300 MiB"`, or an int to bytes.

    Raises:
        ValueError: if it is neither, or not positive.
    """
    if isinstance(size, int) and not isinstance(size, bool) and size > 0:
        return size
    match = re.fullmatch(r"\s*(\d+)\s*([KMG]?I?B)\s*", str(size).upper())
    if not match or not int(match[1]):
        raise ValueError(f"max_shard_size={size!r} must be a number of bytes such as '5GB'")
    return int(match[1]) * _UNITS[match[2]]


def _import(name):
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(f"tf_pegasus.checkpoints.readers.{module}"), attribute)
