"""`model.safetensors`: the default format of this package and of Hugging Face."""

from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  (registers bfloat16 with numpy, which safetensors needs)
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from tf_pegasus.checkpoints.names import with_model_prefix
from tf_pegasus.checkpoints.readers.weight_file import DamagedFileError, WeightFile

# About 120 for each weight.
_MOST_HEADER_BYTES = 2**22
_MAPPED_BYTES = 2**25
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}


class SafetensorsFile(WeightFile):
    """Reads one safetensors file."""

    kind = "safetensors"
    is_strict = True
    unreadable = (SafetensorError, OverflowError, ValueError, TypeError, OSError)

    def __init__(self, path: str | Path):
        self._file: Any = None
        super().__init__([path])

    def _index(self):
        with self.paths[0].open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
        if length > _MOST_HEADER_BYTES:
            raise DamagedFileError(f"its header has {length} bytes, {_MOST_HEADER_BYTES} at most")
        with safe_open(self.paths[0], framework="np") as file:
            for stored in file.keys():  # noqa: SIM118 (not a mapping)
                part = file.get_slice(stored)
                dtype = part.get_dtype()
                if dtype not in _DTYPES:
                    raise DamagedFileError(f"{stored} has the dtype {dtype}")
                name = with_model_prefix(stored)
                self.add(name, part.get_shape(), _DTYPES[dtype], stored)

    def _load(self, place):
        # Opened anew now and then: pages of a mapped file stay in memory until it is closed,
        # but each opening reads the whole header.
        if self._file is None or self._read_bytes > _MAPPED_BYTES:
            self._file, self._read_bytes = safe_open(self.paths[0], framework="np"), 0
        value = self._file.get_tensor(place)
        self._read_bytes += value.nbytes
        return value


def write_safetensors(path: str | Path, tensors: dict[str, np.ndarray]) -> None:
    """Writes tensors by name, with the metadata that PyTorch's loader requires."""
    save_file(tensors, path, metadata={"format": "pt"})
