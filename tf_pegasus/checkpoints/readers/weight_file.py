"""The common interface of all readers of weights."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tf_pegasus.checkpoints.names import EMBEDDINGS, POSITIONS

# More, or longer ones, are no weights of a model.
MOST_DIMENSIONS = 8
MOST_TENSORS = 2**15
MOST_NAME_CHARACTERS = 1024
# Encoder and decoder may be tied, in files that name both.
_MOST_SHARED = 2


class TensorInfo(NamedTuple):
    """Shape and dtype name of a stored tensor."""

    shape: tuple[int, ...]
    dtype: str

    def nbytes(self) -> int:
        """How many bytes it has."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


class DamagedFileError(ValueError):
    """Raised for a file that is truncated, of another format, or refused as unsafe."""


class _Stored(NamedTuple):
    """The location of a tensor in a file, and whether Hugging Face's layout is its transpose."""

    place: Any
    transposed: bool


class WeightFile:
    """Weights on disk, read one at a time.

    Subclasses implement `_index`, which calls `add` for each tensor, and `_load`. Both may raise
    the exceptions in `unreadable`, or `DamagedFileError` with only the reason as its message.

    Attributes:
        kind: str, the format's name, see `save_pretrained(weights_format=…)`.
        paths: list of `Path`, the files.
        tensors: dict from Hugging Face name to `TensorInfo`, in Hugging Face's layout.
        is_strict: bool, whether missing and unexpected weights raise or warn by default.
        unreadable: exceptions that the format's library raises for invalid files.

    Raises:
        DamagedFileError: if the files are damaged, or of another format.
    """

    kind: str
    is_strict: bool = False
    unreadable: tuple[type[Exception], ...] = ()

    def __init__(self, paths: Iterable[str | Path]):
        self.paths = [Path(path) for path in paths]
        self.tensors: dict[str, TensorInfo] = {}
        self._stored: dict[str, _Stored] = {}
        try:
            # Compared with what the files say, before memory is taken for it.
            self._bytes = self._size()
            self._index()
            self._check_total()
        except self._errors() as error:
            raise self.damaged(_reason(error)) from error

    def _errors(self) -> tuple[type[Exception], ...]:
        return (DamagedFileError, *self.unreadable)

    def _size(self) -> int:
        return sum(path.stat().st_size for path in self.paths)

    def _index(self) -> None:
        """Calls `add` for each tensor."""
        raise NotImplementedError

    def _load(self, place: Any) -> np.ndarray:
        """Reads the tensor that was added with `place`, in the file's layout."""
        raise NotImplementedError

    def read(self, name: str) -> np.ndarray:
        """Returns one tensor in Hugging Face's layout.

        Raises:
            DamagedFileError: if its bytes are missing or invalid.
        """
        stored = self._stored[name]
        try:
            value = self._load(stored.place)
        except self._errors() as error:
            raise self.damaged(f"{name}: {_reason(error)}") from error
        return value.T if stored.transposed else value

    def same(self, name: str, other: str) -> bool:
        """Whether two tensors are equal; those at one place in the file are not read."""
        if self._stored[name] == self._stored[other]:
            return True
        return self.tensors[name] == self.tensors[other] and np.array_equal(
            self.read(name), self.read(other)
        )

    def add(
        self, name: str, shape: Iterable[int], dtype: Any, place: Any, transposed: bool = False
    ) -> None:
        """Registers a tensor stored as `shape`; `transposed` if Hugging Face's layout differs.

        Raises:
            DamagedFileError: the file has this tensor already, or more than it can have; or
                the shape is impossible.
        """
        if len(name) > MOST_NAME_CHARACTERS:
            raise DamagedFileError(f"the name {name:.80}… has {len(name)} characters")
        if name in self.tensors:
            raise DamagedFileError(f"it holds {name} twice")
        if len(self.tensors) >= MOST_TENSORS:
            raise DamagedFileError(f"it has more than {MOST_TENSORS} tensors")
        shape = tuple(int(size) for size in shape)
        if len(shape) > MOST_DIMENSIONS:
            raise DamagedFileError(
                f"{name} has {len(shape)} dimensions, more than {MOST_DIMENSIONS}"
            )
        # Also where another dimension is 0, so that the product tells nothing.
        if any(not 0 <= size <= self._bytes for size in shape):
            raise DamagedFileError(
                f"{name} has the shape {shape}, in a file of {self._bytes} bytes"
            )
        self.tensors[name] = TensorInfo(shape[::-1] if transposed else shape, str(np.dtype(dtype)))
        self._stored[name] = _Stored(place, transposed)

    def _check_total(self) -> None:
        """Raises where the tensors are much larger than the file, as parts of it that are
        read many times would be; tied weights may share theirs."""
        sizes = {name: info.nbytes() for name, info in self.tensors.items()}
        total = sum(sizes.values())
        for same in (EMBEDDINGS, POSITIONS):
            shared = [sizes[name] for name in same if name in sizes]
            total -= sum(shared) - max(shared, default=0)
        if total > _MOST_SHARED * self._bytes:
            raise DamagedFileError(f"its tensors have {total} bytes, the file has {self._bytes}")

    def nbytes(self) -> int:
        """How many bytes the files have."""
        return self._bytes

    def label(self) -> str:
        """Returns the name of the file for messages."""
        return repr(str(self.paths[0]))

    def damaged(self, why: object) -> DamagedFileError:
        """Returns the error for a damaged file."""
        return DamagedFileError(f"{self.label()} is damaged or not a {self.kind} file: {why}")


def _reason(error):
    if isinstance(error, DamagedFileError):
        return str(error)
    # Some exceptions have no message.
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


FLOAT_DTYPES = ("float32", "float64", "float16", "bfloat16")
