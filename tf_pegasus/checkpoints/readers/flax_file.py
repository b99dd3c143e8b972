"""`flax_model.msgpack`: weights in the format of the Flax classes of `transformers`."""

import math
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  (registers bfloat16 with numpy)
import numpy as np

from tf_pegasus.checkpoints.names import from_keras_path, to_flax_path
from tf_pegasus.checkpoints.readers.weight_file import FLOAT_DTYPES, DamagedFileError, WeightFile
from tf_pegasus.utils.extras import require

_NDARRAY = 1
_CHUNKED = "__msgpack_chunked_array__"
# Flax splits larger arrays, because the length of an extension has 32 bits.
_CHUNK_BYTES = 2**30
_MAX_DEPTH = 16
_MAX_NAME = 1024


class FlaxFile(WeightFile):
    """Reads one msgpack file, which is indexed first, so that it is never in memory as a whole."""

    kind = "msgpack"
    # Exceptions of msgpack for invalid data; its own exceptions are added below.
    unreadable: tuple[type[Exception], ...] = (
        *(ValueError, TypeError, KeyError, IndexError, AttributeError, OSError),
        *(OverflowError, MemoryError, RecursionError, BufferError),
    )

    def __init__(self, path: str | Path):
        self._msgpack = require("msgpack", "convert")
        self.unreadable = (self._msgpack.UnpackException, *type(self).unreadable)
        self._size = Path(path).stat().st_size
        super().__init__([path])

    def _index(self):
        with self.paths[0].open("rb") as file, self.paths[0].open("rb") as peeked:
            unpacker = self._unpacker(file)
            self._index_map(unpacker, peeked, [])
            if unpacker.tell() != self._size:
                raise DamagedFileError("there is data after the weights")

    def _unpacker(self, file):
        return self._msgpack.Unpacker(
            file,
            max_buffer_size=max(self._size, 2**20),
            ext_hook=self._msgpack.ExtType,
            strict_map_key=True,
        )

    def _index_map(self, unpacker, peeked, path):
        """Records the position of each array in the nested maps."""
        if len(path) > _MAX_DEPTH:
            raise DamagedFileError("its maps are nested too deeply")
        count = unpacker.read_map_header()
        if count > self._size:
            raise DamagedFileError("it is truncated")
        for _ in range(count):
            key = unpacker.unpack()
            if not isinstance(key, str) or len(key) > _MAX_NAME:
                raise DamagedFileError("a key is not a name")
            place = unpacker.tell()
            peeked.seek(place)
            first = peeked.read(1)
            if key == _CHUNKED:
                raise DamagedFileError("a chunk where a name should be")
            if _is_map(first) and not self._is_chunked(peeked, place):
                self._index_map(unpacker, peeked, [*path, key])
                continue
            shape, dtype = self._array(peeked, place)[:2]
            name, transposed = from_keras_path(".".join([*path, key]))
            self.add(name, shape, dtype, place, transposed)
            unpacker.skip()

    def _is_chunked(self, file, place):
        file.seek(place)
        unpacker = self._unpacker(file)
        return unpacker.read_map_header() > 0 and unpacker.unpack() == _CHUNKED

    def _array(self, file, place):
        """Returns shape, dtype and bytes of the array at `place`, which may be chunked."""
        file.seek(place)
        value = self._unpacker(file).unpack()
        if isinstance(value, dict) and value.get(_CHUNKED) is True:
            shape = _listed(value["shape"])
            chunks = [self._decoded(chunk) for chunk in _listed(value["chunks"])]
            content = b"".join(chunk[2] for chunk in chunks)
            return _checked(shape, chunks[0][1], content)
        return self._decoded(value)

    def _decoded(self, value):
        if not isinstance(value, self._msgpack.ExtType) or value.code != _NDARRAY:
            raise DamagedFileError("a value is not an array")
        shape, dtype, content = self._msgpack.unpackb(value.data, raw=True)
        return _checked(shape, dtype.decode("ascii"), content)

    def _load(self, place):
        with self.paths[0].open("rb") as file:
            shape, dtype, content = self._array(file, place)
        return np.frombuffer(content, dtype).reshape(shape)


def _is_map(first):
    return bool(first) and (0x80 <= first[0] <= 0x8F or first[0] in (0xDE, 0xDF))


def _listed(mapping):
    return [mapping[str(index)] for index in range(len(mapping))]


def _checked(shape, dtype, content):
    if dtype not in FLOAT_DTYPES:
        raise DamagedFileError(f"an array has the dtype {dtype:.20}")
    shape = tuple(shape)
    if len(shape) > 8 or any(not isinstance(size, int) or size < 0 for size in shape):
        raise DamagedFileError("an array has an invalid shape")
    if math.prod(shape) * np.dtype(dtype).itemsize != len(content):
        raise DamagedFileError(f"an array of the shape {shape} has {len(content)} bytes")
    return shape, dtype, content


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
