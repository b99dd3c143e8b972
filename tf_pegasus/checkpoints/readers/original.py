"""The authors' TF1 checkpoints: `model.ckpt-N.index` and `model.ckpt-N.data-*`.

The authors' model differs from Hugging Face's in the position formula, the epsilon of layer norms,
its lack of attention biases, and the length penalty; see `original_config`.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_pegasus.checkpoints.folding import fold_attention_biases
from tf_pegasus.checkpoints.names import (
    LM_HEAD,
    LOGITS_BIAS,
    SHARED_EMBEDDING,
    from_original,
    to_original,
)
from tf_pegasus.checkpoints.readers.tensor_bundle import check_bundle
from tf_pegasus.checkpoints.readers.weight_file import FLOAT_DTYPES, DamagedFileError, WeightFile

_SKIPPED = re.compile(r"adafactor|^global_step$|^_CHECKPOINTABLE_OBJECT_GRAPH$", re.IGNORECASE)
_PROJECTION = re.compile(r"_proj\.weight$")


class _Zeros(NamedTuple):
    """Stands for a weight that the authors' model lacks."""

    shape: tuple[int, ...]


class OriginalCheckpoint(WeightFile):
    """Reads one checkpoint, by its prefix; weights that their model lacks are read as zeros."""

    kind = "original"
    # Exceptions of TensorFlow's reader for invalid data.
    unreadable = (
        *(tf.errors.OpError, ValueError, TypeError, IndexError, KeyError),
        *(RuntimeError, MemoryError, OverflowError),
    )

    def __init__(self, prefix: str | Path):
        self._prefix = str(prefix)
        index = Path(f"{prefix}.index")
        super().__init__([index, *sorted(index.parent.glob(f"{index.stem}.data-*"))])

    def _index(self):
        check_bundle(self._prefix)
        self._reader = tf.train.load_checkpoint(self._prefix)
        shapes = self._reader.get_variable_to_shape_map()
        dtypes = self._reader.get_variable_to_dtype_map()
        for stored in sorted(shapes):
            if _SKIPPED.search(stored):
                continue
            name, transposed = from_original(stored)
            if dtypes[stored].name not in FLOAT_DTYPES:
                raise DamagedFileError(f"{stored} has the dtype {dtypes[stored].name}")
            # Without elements, a shape could be of any size.
            if len(shapes[stored]) > 2 or 0 in shapes[stored]:
                raise DamagedFileError(f"{stored} has the shape {shapes[stored]}")
            self.add(name, shapes[stored], dtypes[stored].as_numpy_dtype, stored, transposed)
        for name, info in list(self.tensors.items()):
            if _PROJECTION.search(name):
                self._add_zeros(name.replace(".weight", ".bias"), (info.shape[0],))
        if SHARED_EMBEDDING in self.tensors:
            self._add_zeros(LOGITS_BIAS, (1, self.tensors[SHARED_EMBEDDING].shape[0]))

    def _add_zeros(self, name, shape):
        if name not in self.tensors:
            self.add(name, shape, "float32", _Zeros(shape))

    def _load(self, place):
        if isinstance(place, _Zeros):
            return np.zeros(place.shape, "float32")
        value = self._reader.get_tensor(place)
        if place == "embeddings/weights":
            # The authors' decoder starts with a zero vector, ours with the embedding of pad.
            value = value.copy()
            value[0] = 0
        return value


def write_original(prefix: str | Path, tensors: dict[str, np.ndarray]) -> None:
    """Writes a checkpoint with the authors' names, in float32.

    Attention biases, which their model does not have, are folded into other weights; see
    `fold_attention_biases`.

    Raises:
        ValueError: if their model cannot hold a weight; the message names it and the reason.
    """
    if LM_HEAD in tensors:
        raise ValueError(
            f"{LM_HEAD} is a table of its own (tie_word_embeddings=False): the authors' model "
            "projects to logits with its embedding, so weights_format='original' cannot hold "
            "this model"
        )
    start = tensors.get(SHARED_EMBEDDING)
    if start is not None and np.any(start[0]):
        largest = np.abs(start[0].astype("float32")).max()
        raise ValueError(
            f"{SHARED_EMBEDDING}[0], the embedding of pad and of the decoder's start, is not "
            f"zero (up to {largest:.2g}): the authors' model starts its decoder with a zero "
            "vector, so weights_format='original' cannot hold this model"
        )
    named = {}
    for name, array in fold_attention_biases(tensors).items():
        theirs, transposed = to_original(name, array.shape)
        if theirs is not None:
            exact = array.astype("float32")
            named[theirs] = np.ascontiguousarray(exact.T if transposed else exact)
        elif np.any(array):
            raise ValueError(
                f"{name} is not zero: the authors' model adds nothing to its logits, so "
                "weights_format='original' cannot hold this model"
            )
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(named),
        shape_and_slices=[""] * len(named),
        tensors=list(named.values()),
    )
