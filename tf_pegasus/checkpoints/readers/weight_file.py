"""What every reader of weights looks like from outside."""

from typing import NamedTuple

import numpy as np


class TensorInfo(NamedTuple):
    """Shape and dtype name of a stored tensor."""

    shape: tuple
    dtype: str


class DamagedFileError(ValueError):
    """A file that is truncated, no such file at all, or refused because it is not safe."""


class WeightFile:
    """Weights on disk, read one at a time.

    Subclasses fill `tensors` when they are opened, and implement `read`.

    Attributes:
        kind: str, the format's name, as `save_pretrained(weights_format=…)` has it.
        paths: list of `Path`, the files.
        tensors: dict from Hugging Face name to `TensorInfo`, in Hugging Face's layout.
    """

    kind = None

    def __init__(self, paths):
        self.paths = list(paths)
        self.tensors = {}

    def read(self, name):
        """Returns one tensor as a numpy array, in Hugging Face's layout.

        Raises:
            DamagedFileError: its bytes are missing or make no sense.
        """
        raise NotImplementedError

    def add(self, name, shape, dtype, transposed=False):
        """Registers a tensor stored as `shape`; `transposed` where Hugging Face's differs."""
        if name in self.tensors:
            raise DamagedFileError(f"{self.label()} holds {name} twice")
        shape = tuple(int(size) for size in shape)
        self.tensors[name] = TensorInfo(shape[::-1] if transposed else shape, str(np.dtype(dtype)))

    def label(self):
        """How messages call it."""
        return repr(str(self.paths[0]))

    def damaged(self, why):
        """Returns the error for a damaged file."""
        return DamagedFileError(f"{self.label()} is damaged or no {self.kind} file: {why}")


FLOAT_DTYPES = ("float32", "float64", "float16", "bfloat16")
