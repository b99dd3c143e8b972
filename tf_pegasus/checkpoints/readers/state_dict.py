"""Weights in memory, as PyTorch's `state_dict()` returns them."""

from collections.abc import Mapping
from typing import Any

import ml_dtypes  # noqa: F401  (registers bfloat16 with numpy)
import numpy as np

from tf_pegasus.checkpoints.names import with_model_prefix
from tf_pegasus.checkpoints.readers.weight_file import DamagedFileError, WeightFile


class StateDict(WeightFile):
    """Reads arrays by Hugging Face name.

    Args:
        arrays: dict from name to array or tensor, in PyTorch's layout.
    """

    kind = "state_dict"
    unreadable = (TypeError, ValueError)

    def __init__(self, arrays: Mapping[str, Any]):
        if not isinstance(arrays, Mapping) or not arrays:
            raise TypeError(f"state_dict={arrays!r:.80} must be a dict from name to array")
        self._arrays = {name: as_array(name, value) for name, value in arrays.items()}
        super().__init__([])

    def _size(self):
        return sum(array.nbytes for array in self._arrays.values())

    def _index(self):
        for stored, array in self._arrays.items():
            self.add(with_model_prefix(stored), array.shape, array.dtype, stored)

    def _load(self, place):
        return self._arrays[place]

    def label(self):
        return "state_dict"

    def damaged(self, why):
        return DamagedFileError(f"state_dict does not hold weights: {why}")


def as_array(name: str, value: Any) -> np.ndarray:
    """Returns a tensor of any library as an array, without a copy where that is possible.

    Raises:
        TypeError: if it is no tensor of numbers.
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        # NumPy and PyTorch have no bfloat16 in common.
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
    array = np.asarray(value)
    if array.dtype == object:
        raise TypeError(f"state_dict[{name!r}]={value!r:.80} must be an array")
    return array
