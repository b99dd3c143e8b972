"""A temporary file of text pairs, for sources that can only be read in order."""

import struct
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

_LENGTHS = struct.Struct("<II")


class Spool:
    """Text pairs in a temporary file, which is removed along with this object.

    Args:
        directory: path, where to create it; the system's temporary directory if None.
    """

    def __init__(self, directory: str | Path | None = None):
        self._directory = tempfile.TemporaryDirectory(prefix="tf-pegasus-", dir=directory)
        self.path = Path(self._directory.name) / "pairs"
        self._file = open(self.path, "wb")  # noqa: SIM115

    def append(self, pair: tuple[str, str]) -> int:
        """Writes a pair; returns its position."""
        document, summary = (text.encode("utf-8") for text in pair)
        position = self._file.tell()
        self._file.write(_LENGTHS.pack(len(document), len(summary)) + document + summary)
        return position

    def finish(self) -> None:
        """Makes what was written readable; nothing can be written any more."""
        self._file.close()

    def read(self, positions: Iterable[int]) -> Iterator[tuple[str, str]]:
        """Yields the pairs at positions that `append` has returned."""
        with open(self.path, "rb") as file:
            for position in positions:
                file.seek(position)
                first, second = _LENGTHS.unpack(file.read(_LENGTHS.size))
                yield file.read(first).decode("utf-8"), file.read(second).decode("utf-8")
