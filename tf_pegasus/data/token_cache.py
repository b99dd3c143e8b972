"""A temporary file of tokenized examples, so that each is tokenized once only."""

import tempfile
import threading
from pathlib import Path

import numpy as np

_MISSING = -1


class TokenCache:
    """Ids of documents and summaries in a temporary file; in memory it has 16 bytes an example.

    Args:
        count: int, number of examples.
        directory: path, where to create the file; the system's temporary directory if None.
    """

    def __init__(self, count: int, directory: str | Path | None = None):
        # Without a name, so that nothing is left behind when the process is killed.
        self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115
        self._lock = threading.Lock()
        self._positions = np.full(count, _MISSING, "int64")
        self._lengths = np.zeros((count, 2), "uint32")

    def missing(self, indices: np.ndarray) -> np.ndarray:
        """Returns those of the indices that are not in the file."""
        return indices[self._positions[indices] == _MISSING]

    def put(self, index: int, row: tuple[np.ndarray, np.ndarray]) -> None:
        """Stores the int32 ids of an example."""
        content = b"".join(ids.tobytes() for ids in row)
        with self._lock:
            position = self._file.seek(0, 2)
            self._file.write(content)
            self._file.flush()
            self._lengths[index] = [len(ids) for ids in row]
            self._positions[index] = position

    def get(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the int32 ids of a stored example."""
        first, second = self._lengths[index].tolist()
        with self._lock:
            self._file.seek(self._positions[index])
            ids = np.frombuffer(self._file.read(4 * (first + second)), "int32")
        return ids[:first], ids[first:]
