"""`pytorch_model.bin`, in the zip and the legacy format, read and written without PyTorch."""

import io
import pickle
import struct
import zipfile
from pathlib import Path

import ml_dtypes  # noqa: F401  (registers bfloat16 with numpy)
import numpy as np

from tf_pegasus.checkpoints.names import with_model_prefix
from tf_pegasus.checkpoints.readers.pickle_reader import STORAGE_DTYPES, StoredTensor, read_pickle
from tf_pegasus.checkpoints.readers.weight_file import DamagedFileError, WeightFile

# Of the list of an archive's files; theirs have about 60 bytes each.
_MOST_DIRECTORY_BYTES = 2**22
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C


class PytorchFile(WeightFile):
    """Reads one state dict that `torch.save` wrote."""

    kind = "bin"
    # Exceptions for invalid zip archives and numbers.
    unreadable = (
        *(zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError),
        *(ValueError, KeyError, IndexError, OverflowError, MemoryError, struct.error),
    )

    def __init__(self, path: str | Path):
        super().__init__([path])

    def _index(self):
        is_zip = zipfile.is_zipfile(self.paths[0])
        state = self._open_zip() if is_zip else self._open_legacy()
        if not isinstance(state, dict) or not state:
            raise DamagedFileError("it contains no state dict")
        for stored, tensor in state.items():
            if not isinstance(stored, str) or not isinstance(tensor, StoredTensor):
                raise DamagedFileError(f"{stored!s:.100} is not a tensor")
            self.add(with_model_prefix(stored), tensor.shape, tensor.storage.dtype, tensor)

    def _load(self, place):
        dtype = np.dtype(place.storage.dtype)
        size = place.storage.size * dtype.itemsize
        content = self._read_storage(place.storage.key, size)
        if len(content) != size:
            raise DamagedFileError("its numbers are truncated")
        flat = np.frombuffer(content, dtype)[place.offset :]
        strides = [stride * dtype.itemsize for stride in place.strides]
        # The bounds were checked when the pickle was read.
        return np.lib.stride_tricks.as_strided(flat, place.shape, strides, writeable=False)

    # Zip

    def _open_zip(self):
        # Once: each opening reads the list of all files.
        self._archive = archive = _open_archive(self.paths[0])
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise DamagedFileError("the archive has no data.pkl")
        self._prefix = pickles[0].removesuffix("data.pkl")
        order = self._prefix + "byteorder"
        if order in archive.namelist():
            with archive.open(self._entry(order)) as file:
                if file.read(len(b"little") + 1) != b"little":
                    raise DamagedFileError("its numbers are big-endian")
        info = self._entry(pickles[0])
        with archive.open(info) as file:
            state = read_pickle(file, info.file_size)
        self._read_storage = self._read_zip_storage
        return state

    def _entry(self, name):
        info = self._archive.getinfo(name)
        # PyTorch stores; what is compressed may unpack to any size.
        if info.compress_type != zipfile.ZIP_STORED:
            raise DamagedFileError(f"{name} is compressed")
        if info.file_size > self.paths[0].stat().st_size:
            raise DamagedFileError(f"{name} is larger than the file")
        return info

    def _read_zip_storage(self, key, size):
        info = self._entry(f"{self._prefix}data/{key}")
        if info.file_size != size:
            raise DamagedFileError(f"{info.file_size} bytes instead of {size}")
        return self._archive.read(info)

    # Legacy: pickles, then the size and the bytes of each storage

    def _open_legacy(self):
        length = self.paths[0].stat().st_size
        with self.paths[0].open("rb") as file:
            if read_pickle(file, length) != _LEGACY_MAGIC:
                raise DamagedFileError("no magic number")
            read_pickle(file, length)  # protocol version
            system = read_pickle(file, length)
            if not isinstance(system, dict) or system.get("little_endian") is not True:
                raise DamagedFileError("its numbers are not marked as little-endian")
            state = read_pickle(file, length)
            keys = read_pickle(file, length)
            if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
                raise DamagedFileError("no list of storages")
            tensors = state.values() if isinstance(state, dict) else ()
            dtypes = {t.storage.key: t.storage.dtype for t in tensors if hasattr(t, "storage")}
            self._places = {}
            for key in keys:
                (size,) = struct.unpack("<q", file.read(8))
                width = np.dtype(dtypes.get(key, "uint8")).itemsize
                if size < 0 or file.tell() + size * width > length:
                    raise DamagedFileError("it is truncated")
                self._places[key] = (file.tell(), size * width)
                file.seek(size * width, 1)
        self._read_storage = self._read_legacy_storage
        return state

    def _read_legacy_storage(self, key, size):
        start, stored = self._places[key]
        if stored != size:
            raise DamagedFileError(f"{stored} bytes instead of {size}")
        with self.paths[0].open("rb") as file:
            file.seek(start)
            return file.read(size)


class _ListedFile(io.FileIO):
    """A file that refuses to read the list of an archive's files where it is too long."""

    def __init__(self, path):
        super().__init__(path)
        self._size = Path(path).stat().st_size
        self.is_listed = False

    def read(self, size=-1):
        asked = self._size - self.tell() if size < 0 else size
        if not self.is_listed and asked > _MOST_DIRECTORY_BYTES:
            raise DamagedFileError(f"the archive's list of files has {asked} bytes")
        return super().read(size)


def _open_archive(path):
    file = _ListedFile(path)
    try:
        archive = zipfile.ZipFile(file)
    except BaseException:
        file.close()
        raise
    file.is_listed = True
    return archive


_STORAGE_NAMES = {dtype: name for name, dtype in STORAGE_DTYPES.items()}


def write_pytorch(path: str | Path, tensors: dict[str, np.ndarray]) -> None:
    """Writes a state dict as `torch.save` does (zip, pickle protocol 2)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", _state_dict_pickle(tensors))
        archive.writestr("archive/byteorder", "little")
        for index, array in enumerate(tensors.values()):
            archive.writestr(f"archive/data/{index}", np.ascontiguousarray(array).tobytes())
        archive.writestr("archive/version", "3\n")


def _state_dict_pickle(tensors):
    # Written by hand, because the library's pickler imports the classes that it names.
    ordered_dict = b"ccollections\nOrderedDict\n" + pickle.EMPTY_TUPLE + pickle.REDUCE
    parts = [pickle.PROTO + b"\x02", ordered_dict, pickle.MARK]
    for index, (name, array) in enumerate(tensors.items()):
        strides = [1]
        for size in array.shape[:0:-1]:
            strides.insert(0, strides[0] * size)
        storage = _STORAGE_NAMES[str(array.dtype)]
        parts += [
            _text(name),
            b"ctorch._utils\n_rebuild_tensor_v2\n",
            pickle.MARK,
            *(pickle.MARK, _text("storage"), f"ctorch\n{storage}\n".encode()),
            *(_text(str(index)), _text("cpu"), _integer(array.size), pickle.TUPLE),
            pickle.BINPERSID,
            _integer(0),
            _integers(array.shape),
            _integers(strides[: array.ndim]),
            pickle.NEWFALSE,
            ordered_dict,
            pickle.TUPLE + pickle.REDUCE,
        ]
    return b"".join([*parts, pickle.SETITEMS, pickle.STOP])


def _text(value):
    encoded = value.encode()
    return pickle.BINUNICODE + struct.pack("<I", len(encoded)) + encoded


def _integer(value):
    if value < 2**31:
        return pickle.BININT + struct.pack("<i", value)
    return pickle.LONG1 + b"\x08" + struct.pack("<q", value)


def _integers(values):
    return pickle.MARK + b"".join(map(_integer, values)) + pickle.TUPLE
