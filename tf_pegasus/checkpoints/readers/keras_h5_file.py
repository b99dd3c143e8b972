"""`tf_model.h5`: weights in the format of `transformers`' TensorFlow classes (Keras 2)."""

import os
from pathlib import Path

import h5py
import numpy as np

from tf_pegasus.checkpoints.names import LM_HEAD, LOGITS_BIAS, from_keras_path, to_tensorflow_path
from tf_pegasus.checkpoints.readers.weight_file import FLOAT_DTYPES, DamagedFileError, WeightFile

# The most bytes of names that Keras 2 reads from one HDF5 attribute.
_ATTRIBUTE_LIMIT = 64512
# A weight lies in a group of its own, in a layer's group.
_MOST_OBJECTS = 2**15


class KerasH5File(WeightFile):
    """Reads one Keras 2 weight file."""

    kind = "h5"
    unreadable = (OSError, RuntimeError, KeyError, TypeError, ValueError, MemoryError)

    def __init__(self, path: str | Path):
        super().__init__([path])

    def _index(self):
        self._seen: set[int] = set()
        with h5py.File(self.paths[0], "r") as file:
            for place, dataset in self._datasets(file):
                # The top group is the layer's name, the remaining path the weight's.
                weight = place.split("/", 1)[-1]
                name, transposed = from_keras_path(weight.replace("/", "."))
                if str(dataset.dtype) not in FLOAT_DTYPES:
                    raise DamagedFileError(f"{place} has the dtype {dataset.dtype}")
                self.add(name, dataset.shape, dataset.dtype, place, transposed)

    def _datasets(self, group, prefix=""):
        for key in group:
            # A link could point outside of the file.
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise DamagedFileError(f"{prefix}{key} is a link")
            item = group[key]
            self._visit(item, f"{prefix}{key}")
            if isinstance(item, h5py.Group):
                if prefix.count("/") > 16:
                    raise DamagedFileError("its groups are nested too deeply")
                yield from self._datasets(item, f"{prefix}{key}/")
            elif isinstance(item, h5py.Dataset):
                stored = item.id.get_storage_size()
                if item.is_virtual or item.external or stored < item.nbytes or item.chunks:
                    raise DamagedFileError(f"{prefix}{key} is not stored in one piece in this file")
                yield f"{prefix}{key}", item

    def _visit(self, item, name):
        """Raises where something is reached again, as it could be in 2^n ways."""
        address = h5py.h5o.get_info(item.id).addr
        if address in self._seen:
            raise DamagedFileError(f"{name} is linked twice")
        self._seen.add(address)
        if len(self._seen) > _MOST_OBJECTS:
            raise DamagedFileError(f"it has more than {_MOST_OBJECTS} groups and arrays")

    def _load(self, place):
        with h5py.File(self.paths[0], "r") as file:
            return file[place][()]


def write_keras_h5(path: str | Path, tensors: dict[str, np.ndarray]) -> None:
    """Writes a file that `TFPegasusForConditionalGeneration` of `transformers` loads."""
    groups: dict[str, dict[str, np.ndarray]] = {"model": {}}
    for name, array in tensors.items():
        if name == LOGITS_BIAS:
            groups[LOGITS_BIAS] = {f"{LOGITS_BIAS}:0": array}
        else:
            place, transposed = to_tensorflow_path(name, array.shape)
            # A layer beside the model; the reference has none and reports it as unused.
            layer = "lm_head" if name == LM_HEAD else "model"
            groups.setdefault(layer, {})[place] = array.T if transposed else array
    size = sum(array.size * max(4, array.dtype.itemsize) for array in tensors.values())
    # Plus an upper bound of what HDF5 writes besides the arrays.
    _reserve(path, size + 2**16 + 2**12 * len(tensors))
    with h5py.File(path, "w") as file:
        file.attrs["backend"] = "tensorflow"
        file.attrs["keras_version"] = "2.14.0"
        file.attrs["layer_names"] = list(groups)
        for layer, weights in groups.items():
            group = file.create_group(layer)
            _write_names(group, list(weights))
            for place, array in weights.items():
                # HDF5 has no bfloat16.
                exact = array.astype("float32") if array.dtype == "bfloat16" else array
                group.create_dataset(place, data=np.ascontiguousarray(exact))
        file.create_group("top_level_model_weights").attrs["weight_names"] = np.zeros(0)


def _reserve(path, size):
    """Raises OSError if the disk has no room for a file of that many bytes.

    HDF5 cannot close a file that it cannot write, and crashes the process later.
    """
    with open(path, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)


def _write_names(group, names):
    """Writes the attribute `weight_names`, in pieces if HDF5 would refuse it as a whole."""
    encoded = [name.encode() for name in names]
    width = max(map(len, encoded), default=1)
    per_piece = max(1, _ATTRIBUTE_LIMIT // width)
    pieces = [encoded[start : start + per_piece] for start in range(0, len(encoded), per_piece)]
    if len(pieces) <= 1:
        group.attrs["weight_names"] = encoded
        return
    for index, piece in enumerate(pieces):
        group.attrs[f"weight_names{index}"] = piece
