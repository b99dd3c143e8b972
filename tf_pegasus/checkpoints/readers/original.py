"""The authors' TF1 checkpoints: `model.ckpt-N.index` and `model.ckpt-N.data-*`.

Their model differs from Hugging Face's in the position formula, the layer norms' epsilon,
in having no biases in attention, and in the length penalty; `original_config` says so.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_pegasus.checkpoints.names import (
    LOGITS_BIAS,
    SHARED_EMBEDDING,
    from_original,
    to_original,
)
from tf_pegasus.checkpoints.readers.weight_file import FLOAT_DTYPES, DamagedFileError, WeightFile
from tf_pegasus.config.model import PegasusConfig

_SKIPPED = re.compile(r"adafactor|^global_step$|^_CHECKPOINTABLE_OBJECT_GRAPH$", re.IGNORECASE)
_PROJECTION = re.compile(r"_proj\.weight$")
# The released models' heads are this wide, which no weight tells.
_HEAD_DIM = 64


class _Zeros(NamedTuple):
    """What their model lacks."""

    shape: tuple[int, ...]


class OriginalCheckpoint(WeightFile):
    """Reads one checkpoint, by its prefix; what their model lacks reads as zeros."""

    kind = "original"
    # What TensorFlow's reader raises on nonsense.
    unreadable = (
        *(tf.errors.OpError, ValueError, TypeError, IndexError, KeyError),
        *(RuntimeError, MemoryError, OverflowError),
    )

    def __init__(self, prefix: str | Path):
        self._prefix = str(prefix)
        index = Path(f"{prefix}.index")
        super().__init__([index, *sorted(index.parent.glob(f"{index.stem}.data-*"))])

    def _index(self):
        self._reader = tf.train.load_checkpoint(self._prefix)
        shapes = self._reader.get_variable_to_shape_map()
        dtypes = self._reader.get_variable_to_dtype_map()
        for stored in sorted(shapes):
            if _SKIPPED.search(stored):
                continue
            name, transposed = from_original(stored)
            if dtypes[stored].name not in FLOAT_DTYPES:
                raise DamagedFileError(f"{stored} has the dtype {dtypes[stored].name}")
            if len(shapes[stored]) > 2:
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
            # They feed a zero vector as the decoder's start, where we embed pad.
            value = value.copy()
            value[0] = 0
        return value


def original_config(
    file: WeightFile,
    given: Mapping[str, Any],
    overrides: Mapping[str, Any] | None = None,
) -> PegasusConfig:
    """The configuration of one of the authors' checkpoints.

    Args:
        file: `OriginalCheckpoint`.
        given: values by name that are known better than by the weights and by
            `ORIGINAL_DIFFERENCES`, such as `encoder_attention_heads`.
        overrides: the same, of the caller; unknown ones are refused.

    Raises:
        ValueError: a weight that would tell is missing, or a value is out of range.
        TypeError: an unknown override.
    """
    overrides = overrides or {}
    shapes = {name: info.shape for name, info in file.tensors.items()}

    def layers(side):
        numbers = [re.match(rf"model\.{side}\.layers\.(\d+)\.", name) for name in shapes]
        return 1 + max((int(match[1]) for match in numbers if match), default=-1)

    try:
        vocab_size, d_model = shapes[SHARED_EMBEDDING]
        ffn_dims = {
            f"{side}_ffn_dim": shapes[f"model.{side}.layers.0.fc1.weight"][0]
            for side in ("encoder", "decoder")
        }
    except (KeyError, ValueError) as error:
        raise file.damaged(f"no PEGASUS model: {error} is missing") from error
    heads = {f"{side}_attention_heads": d_model // _HEAD_DIM for side in ("encoder", "decoder")}
    if d_model % _HEAD_DIM and not heads.keys() <= given.keys() | overrides.keys():
        raise ValueError(
            f"{file.label()} does not tell how many attention heads it has (its width {d_model} "
            f"is not a multiple of {_HEAD_DIM}): give encoder_attention_heads and "
            "decoder_attention_heads, or put a config.json beside it"
        )
    told = {
        **ORIGINAL_DIFFERENCES,
        "vocab_size": vocab_size,
        "d_model": d_model,
        "encoder_layers": layers("encoder"),
        "decoder_layers": layers("decoder"),
        **ffn_dims,
        **heads,
    }
    return PegasusConfig.from_dict({**told, **given}, **overrides)


# What the authors' graph has and no weight tells.
ORIGINAL_DIFFERENCES = {
    "position_embedding_type": "original",
    "layer_norm_epsilon": 1e-12,
    "activation_function": "relu",
    "scale_embedding": True,
    "max_position_embeddings": 1024,
    "forced_eos_token_id": None,
}
# The authors' decoding (pegasus/layers/decoding.py and the released parameters): 8 beams,
# the length penalty of GNMT, nothing forced at the end.
ORIGINAL_GENERATION = {
    "num_beams": 8,
    "length_penalty": 0.8,
    "length_penalty_type": "gnmt",
    "max_length": 256,
}


def write_original(prefix: str | Path, tensors: dict[str, np.ndarray]) -> None:
    """Writes a checkpoint under the authors' names.

    Raises:
        ValueError: a bias that their model does not have is not zero.
    """
    named = {}
    for name, array in tensors.items():
        theirs, transposed = to_original(name, array.shape)
        if theirs is not None:
            exact = array.astype("float32")
            named[theirs] = np.ascontiguousarray(exact.T if transposed else exact)
        elif np.any(array):
            raise ValueError(
                f"{name} is not zero: the authors' model has no such bias, so that "
                "weights_format='original' cannot hold this one"
            )
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(named),
        shape_and_slices=[""] * len(named),
        tensors=list(named.values()),
    )
