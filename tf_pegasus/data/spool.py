"""A temporary file of rows of texts, for sources that can only be read in order."""

import struct
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path


class Spool:
    """Rows of texts in a temporary file, which is removed along with this object.

    Args:
        texts: int, number of texts of each row.
        directory: path, where to create it; the system's temporary directory if None.
    """

    def __init__(self, texts: int, directory: str | Path | None = None):
        self._lengths = struct.Struct(f"<{texts}I")
        self._directory = tempfile.TemporaryDirectory(prefix="tf-pegasus-", dir=directory)
        self.path = Path(self._directory.name) / "rows"
        self._file = open(self.path, "wb")  # noqa: SIM115

    def append(self, row: tuple[str, ...]) -> int:
        """Writes a row; returns its position."""
        texts = [text.encode("utf-8") for text in row]
        position = self._file.tell()
        self._file.write(self._lengths.pack(*map(len, texts)) + b"".join(texts))
        return position

    def finish(self) -> None:
        """Makes what was written readable; nothing can be written any more."""
        self._file.close()

    def read(self, positions: Iterable[int]) -> Iterator[tuple[str, ...]]:
        """Yields the rows at positions that `append` has returned."""
        with open(self.path, "rb") as file:
            for position in positions:
                file.seek(position)
                lengths = self._lengths.unpack(file.read(self._lengths.size))
                yield tuple(file.read(length).decode("utf-8") for length in lengths)
