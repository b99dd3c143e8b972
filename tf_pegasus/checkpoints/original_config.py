"""Derives the configuration of the authors' checkpoints, which do not contain one."""

import re
import warnings
from collections.abc import Mapping
from typing import Any

from tf_pegasus.checkpoints.names import SHARED_EMBEDDING
from tf_pegasus.checkpoints.readers.weight_file import WeightFile
from tf_pegasus.config.model import PegasusConfig

# The width of the released models' heads, which cannot be derived from weights.
_HEAD_DIM = 64

# Settings of the authors' graph that cannot be derived from weights.
ORIGINAL_DIFFERENCES = {
    "position_embedding_type": "original",
    "layer_norm_epsilon": 1e-12,
    "activation_function": "relu",
    "scale_embedding": True,
    "max_position_embeddings": 1024,
    "forced_eos_token_id": None,
}
# The authors' decoding (pegasus/layers/decoding.py and the released parameters): 8 beams,
# GNMT's length penalty, and no forced token at the end.
ORIGINAL_GENERATION = {
    "num_beams": 8,
    "length_penalty": 0.8,
    "length_penalty_type": "gnmt",
    "max_length": 256,
}


def original_config(
    file: WeightFile,
    given: Mapping[str, Any],
    overrides: Mapping[str, Any] | None = None,
) -> PegasusConfig:
    """Returns the configuration of an authors' checkpoint.

    Args:
        file: the opened checkpoint.
        given: values by name that take precedence over the weights and
            `ORIGINAL_DIFFERENCES`, such as `encoder_attention_heads`.
        overrides: likewise, from the caller; unknown ones raise.

    Raises:
        ValueError: if a required weight is missing, or a value is out of range.
        TypeError: if an override is unknown.
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
        raise file.damaged(f"not a PEGASUS model: {error} is missing") from error
    heads = {f"{side}_attention_heads": d_model // _HEAD_DIM for side in ("encoder", "decoder")}
    if d_model % _HEAD_DIM and not heads.keys() <= given.keys() | overrides.keys():
        raise ValueError(
            f"the attention heads of {file.label()} cannot be derived from its width {d_model}, "
            f"which is not a multiple of {_HEAD_DIM}: give encoder_attention_heads and "
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


# Settings that are fixed in the authors' code, whatever a file says.
_FIXED = ("position_embedding_type", "layer_norm_epsilon", "activation_function", "scale_embedding")


def warn_of_differences(config: PegasusConfig) -> None:
    """Warns if the authors' code would compute something else than the configuration says."""
    other = {
        name: getattr(config, name)
        for name in _FIXED
        if getattr(config, name) != ORIGINAL_DIFFERENCES[name]
    }
    if other:
        named = ", ".join(f"{name}={value!r}" for name, value in other.items())
        warnings.warn(
            f"the authors' code has no {named}: it would compute something else with this "
            "checkpoint; config.json beside it keeps these values for tf_pegasus",
            stacklevel=4,
        )
