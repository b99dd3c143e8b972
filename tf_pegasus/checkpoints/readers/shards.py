"""Weights in several files, with an index of the files."""

from collections.abc import Sequence
from pathlib import Path

from tf_pegasus.checkpoints.readers.weight_file import DamagedFileError, WeightFile
from tf_pegasus.utils.files import read_json_object


def shard_paths(index_path: str | Path) -> list[Path]:
    """Reads `….index.json` and returns the shards' paths, which are all beside it.

    Raises:
        DamagedFileError: if the index is invalid, or names files elsewhere.
        FileNotFoundError: if a shard is missing.
    """
    index_path = Path(index_path)
    weight_map = read_json_object(index_path).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise DamagedFileError(f"{str(index_path)!r} has no weight_map")
    names = sorted({str(name) for name in weight_map.values()})
    for name in names:
        # Otherwise an index could name any file of the machine.
        if name != Path(name).name or name in ("", ".", ".."):
            raise DamagedFileError(
                f"{str(index_path)!r} names {name!r}: shards must be beside their index"
            )
        if not (index_path.parent / name).is_file():
            raise FileNotFoundError(f"{str(index_path)!r} names {name!r}, which is missing")
    return [index_path.parent / name for name in names]


class ShardedWeights(WeightFile):
    """Several files of one format, read as one."""

    def __init__(self, files: Sequence[WeightFile]):
        self.kind = files[0].kind
        self.is_strict = files[0].is_strict
        self._files = files
        super().__init__([path for file in files for path in file.paths])

    def _index(self):
        for file in self._files:
            for name, info in file.tensors.items():
                self.add(name, info.shape, info.dtype, (file, name))

    def same(self, name, other):
        file, _ = self._stored[name].place
        if file is self._stored[other].place[0]:
            return file.same(name, other)
        return super().same(name, other)

    def _load(self, place):
        file, name = place
        return file.read(name)
