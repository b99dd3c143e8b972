"""`flax_model.msgpack`: weights in the format of the Flax classes of `transformers`."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import ml_dtypes  # noqa: F401  (registers bfloat16 with numpy)
import numpy as np

from tf_pegasus.checkpoints.names import from_keras_path, to_flax_path
from tf_pegasus.checkpoints.readers.msgpack_reader import MsgpackReader
from tf_pegasus.checkpoints.readers.weight_file import (
    FLOAT_DTYPES,
    MOST_DIMENSIONS,
    DamagedFileError,
    WeightFile,
)
from tf_pegasus.utils.extras import require

_NDARRAY = 1
_CHUNKED = "__msgpack_chunked_array__"
# Flax splits larger arrays, because the length of an extension has 32 bits.
_CHUNK_BYTES = 2**30
_MAX_DEPTH = 16
# Of arrays, and of the maps that they lie in.
_MOST_NAMES = 2**16


class FlaxFile(WeightFile):
    """Reads one msgpack file; headers alone when it is opened."""

    kind = "msgpack"
    unreadable = (ValueError, OSError, OverflowError, MemoryError)

    def __init__(self, path: str | Path):
        super().__init__([path])

    def _index(self):
        with self.paths[0].open("rb") as file:
            reader = MsgpackReader(file, self._bytes)
            self._names = 0
            self._index_map(reader, [])
            if reader.place() != self._bytes:
                raise DamagedFileError("something follows the weights")

    def _index_map(self, reader, path):
        """Notes where each array is, down the nested maps."""
        if len(path) > _MAX_DEPTH:
            raise DamagedFileError("its maps are nested too deep")
        for number in range(reader.map_header()):
            self._names += 1
            if self._names > _MOST_NAMES:
                raise DamagedFileError(f"it has more than {_MOST_NAMES} names")
            key = reader.text()
            if key == _CHUNKED:
                if number:
                    raise DamagedFileError("a chunk where a name should be")
                self._add_chunked(reader, path)
                return
            if reader.at_map():
                self._index_map(reader, [*path, key])
            else:
                array = _array(reader, ".".join([*path, key]))
                self._add(path, key, array.shape, [array])

    def _add_chunked(self, reader, path):
        """The rest of a map that stands for one array, in pieces."""
        if not path or not reader.true():
            raise DamagedFileError("a chunk where a name should be")
        name = ".".join(path)
        shape, chunks = None, []
        for _ in range(2):
            key = reader.text()
            if key == "shape":
                shape = [_dimension(reader, name) for _ in self._numbered(reader, name)]
            elif key == "chunks":
                chunks = [_array(reader, name) for _ in self._numbered(reader, name)]
            else:
                raise DamagedFileError(f"{name} has {key!r:.80} beside its chunks")
        sizes = {math.prod(chunk.shape) for chunk in chunks}
        total = sum(math.prod(chunk.shape) for chunk in chunks)
        if not sizes or shape is None or math.prod(shape) != total:
            raise DamagedFileError(f"{name} has the shape {shape}, its chunks {total} elements")
        if len({chunk.dtype for chunk in chunks}) > 1:
            raise DamagedFileError(f"{name} has chunks of several dtypes")
        self._add(path[:-1], path[-1], shape, chunks)

    def _numbered(self, reader, name):
        """Steps through a map with the keys "0", "1", …"""
        for number in range(reader.map_header()):
            self._names += 1
            if self._names > _MOST_NAMES or reader.text() != str(number):
                raise DamagedFileError(f"the chunks of {name} are not in order")
            yield number

    def _add(self, path, key, shape, arrays):
        name, transposed = from_keras_path(".".join([*path, key]))
        self.add(name, shape, arrays[0].dtype, (tuple(shape), arrays), transposed)

    def _load(self, place):
        shape, arrays = place
        value = np.empty(math.prod(shape), arrays[0].dtype)
        content = value.view("uint8")
        start = 0
        with self.paths[0].open("rb") as file:
            for array in arrays:
                file.seek(array.start)
                if file.readinto(content[start : start + array.length]) != array.length:
                    raise DamagedFileError("its numbers are cut short")
                start += array.length
        return value.reshape(shape)


class _Array(NamedTuple):
    """An array in the file: `length` bytes at `start`."""

    shape: tuple[int, ...]
    dtype: str
    start: int
    length: int


def _array(reader, name):
    """Reads the header of an array and skips its numbers."""
    end = reader.extension(_NDARRAY, name)
    if reader.array_header() != 3:
        raise DamagedFileError(f"{name} is no array of shape, dtype and bytes")
    rank = reader.array_header()
    if rank > MOST_DIMENSIONS:
        raise DamagedFileError(f"{name} has {rank} dimensions, more than {MOST_DIMENSIONS}")
    shape = tuple(_dimension(reader, name) for _ in range(rank))
    dtype = reader.text()
    if dtype not in FLOAT_DTYPES:
        raise DamagedFileError(f"{name} has the dtype {dtype:.20}")
    length = reader.binary_header()
    start = reader.place()
    if start + length != end:
        raise DamagedFileError(f"{name} has {length} bytes, and others behind or before")
    if math.prod(shape) * np.dtype(dtype).itemsize != length:
        raise DamagedFileError(f"{name} has the shape {shape} of {dtype}, but {length} bytes")
    reader.skip(length)
    return _Array(shape, dtype, start, length)


def _dimension(reader, name):
    try:
        return reader.unsigned()
    except DamagedFileError as error:
        raise DamagedFileError(f"{name} has an impossible shape: {error}") from None


def write_flax(path: str | Path, tensors: dict[str, np.ndarray]) -> None:
    """Writes a file that `FlaxPegasusForConditionalGeneration` of `transformers` loads."""
    msgpack = require("msgpack", "convert")
    tree: dict[str, Any] = {}
    for name, array in tensors.items():
        (*branches, leaf), transposed = to_flax_path(name, array.shape)
        node = tree
        for branch in branches:
            node = node.setdefault(branch, {})
        node[leaf] = array.T if transposed else array
    packer = msgpack.Packer(strict_types=True)
    with open(path, "wb") as file:
        _write_tree(file, packer, msgpack, tree)


def _write_tree(file, packer, msgpack, tree):
    file.write(packer.pack_map_header(len(tree)))
    for key, value in tree.items():
        file.write(packer.pack(key))
        if isinstance(value, dict):
            _write_tree(file, packer, msgpack, value)
        else:
            file.write(packer.pack(_packable(value, msgpack)))


def _packable(array, msgpack):
    array = np.ascontiguousarray(array)
    if array.nbytes <= _CHUNK_BYTES:
        fields = (list(array.shape), array.dtype.name, array.tobytes())
        return msgpack.ExtType(_NDARRAY, msgpack.packb(fields, use_bin_type=True))
    step = _CHUNK_BYTES // array.itemsize
    flat = array.reshape(-1)
    chunks = [flat[start : start + step] for start in range(0, flat.size, step)]
    return {
        _CHUNKED: True,
        "shape": {str(index): size for index, size in enumerate(array.shape)},
        "chunks": {str(index): _packable(chunk, msgpack) for index, chunk in enumerate(chunks)},
    }
