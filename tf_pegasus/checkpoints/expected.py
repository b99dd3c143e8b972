"""The weights that a configuration asks for, compared with a file before anything is built."""

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence

from tf_pegasus.checkpoints.formats import FORMATS
from tf_pegasus.checkpoints.names import EMBEDDINGS, LOGITS_BIAS, POSITIONS, embedding_name
from tf_pegasus.checkpoints.readers.weight_file import FLOAT_DTYPES, WeightFile
from tf_pegasus.config.model import PegasusConfig

# What may be built whatever the size of the file: bytes, and layers of both stacks, which take
# 30 to 50 ms each. A larger file may have a layer more for each 10 MB, so that all of them take at
# most about 5 s and 5 s a gigabyte.
_FREE_BYTES = 100 * 10**6
FREE_LAYERS = 128
_BYTES_A_LAYER = 10 * 10**6


def expected_weights(
    config: PegasusConfig, sides: Sequence[str] = ("encoder", "decoder"), has_bias: bool = True
) -> dict[str, tuple[int, ...]]:
    """Lists the weights of a model, as `huggingface_weights` does once it is built.

    Args:
        config: `PegasusConfig`.
        sides: the stacks that it has, of `"encoder"` and `"decoder"`.
        has_bias: bool, whether it adds a bias to its logits.

    Returns:
        dict from Hugging Face name to shape, in Hugging Face's layout.
    """
    width = config.d_model
    expected: dict[str, tuple[int, ...]] = {embedding_name(sides): (config.vocab_size, width)}
    for side in sides:
        inner = getattr(config, f"{side}_ffn_dim")
        attentions = ("self_attn", "encoder_attn") if side == "decoder" else ("self_attn",)
        for index in range(getattr(config, f"{side}_layers")):
            prefix = f"model.{side}.layers.{index}"
            for attention in attentions:
                for projection in ("k_proj", "v_proj", "q_proj", "out_proj"):
                    name = f"{prefix}.{attention}.{projection}"
                    expected |= {f"{name}.weight": (width, width), f"{name}.bias": (width,)}
                expected |= _norm(f"{prefix}.{attention}_layer_norm", width)
            expected |= {f"{prefix}.fc1.weight": (inner, width), f"{prefix}.fc1.bias": (inner,)}
            expected |= {f"{prefix}.fc2.weight": (width, inner), f"{prefix}.fc2.bias": (width,)}
            expected |= _norm(f"{prefix}.final_layer_norm", width)
        expected |= _norm(f"model.{side}.layer_norm", width)
    if has_bias:
        expected[LOGITS_BIAS] = (1, config.vocab_size)
    return expected


def _norm(name, width):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def match_weights(
    config: PegasusConfig,
    file: WeightFile,
    strict: bool | None,
    sides: Sequence[str],
    has_bias: bool,
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Compares a file's weights with what a configuration asks for.

    Args:
        config: `PegasusConfig`.
        file: `WeightFile`.
        strict: bool, whether missing and unexpected weights raise or warn; by default as the
            file's format has it.
        sides, has_bias: see `expected_weights`.

    Returns:
        dict from the name of a weight that the file has to its name there, and a dict with
        `missing_keys` and `unexpected_keys`.

    Raises:
        ValueError: weights are missing or unexpected, or of another shape; or the model would
            be far larger than its file. The message lists them.
    """
    _check_layers(config, file, sides)
    expected = expected_weights(config, sides, has_bias)
    found = {name: _stored_name(name, file) for name in expected}
    stored_names = {name: stored for name, stored in found.items() if stored is not None}
    wrong = [
        f"{name} has the shape {file.tensors[stored].shape}, the configuration asks for "
        f"{expected[name]}"
        for name, stored in stored_names.items()
        if file.tensors[stored].shape != expected[name]
    ]
    wrong += [
        f"{stored} has the dtype {file.tensors[stored].dtype}, weights are floating-point numbers"
        for stored in stored_names.values()
        if file.tensors[stored].dtype not in FLOAT_DTYPES
    ]
    if wrong:
        raise ValueError(f"{file.label()} does not fit: " + first_few(wrong))
    _check_positions(config, file, sides)
    info = {
        # A bare model's file has no bias: it stays the zeros that it is when untrained.
        "missing_keys": [n for n in expected if n not in stored_names and n != LOGITS_BIAS],
        "unexpected_keys": [
            name for name in file.tensors if not _is_known(name, expected, sides, has_bias)
        ],
    }
    problems = [f"{name} is missing" for name in info["missing_keys"]]
    problems += [f"{name} is unexpected" for name in info["unexpected_keys"]]
    if problems:
        message = f"{file.label()} does not match the model: " + first_few(problems)
        if FORMATS[file.kind].strict if strict is None else strict:
            raise ValueError(message)
        _check_missing(file, expected, info["missing_keys"], message)
        warnings.warn(message, stacklevel=5)
    return stored_names, info


def _check_layers(config, file, sides):
    """Raises where there are too many layers even to list their weights."""
    counts = {f"{side}_layers": getattr(config, f"{side}_layers") for side in sides}
    most = FREE_LAYERS + file.nbytes() // _BYTES_A_LAYER
    if sum(counts.values()) > most:
        asked = " and ".join(f"{name}={count}" for name, count in counts.items())
        raise ValueError(
            f"{asked} of the configuration of {file.label()} are more than {most}, the most "
            f"layers that are loaded from {file.nbytes():,} bytes"
        )


def _check_positions(config, file, sides):
    """Raises where the position tables, which no file has to have, are out of all proportion."""
    positions = config.max_position_embeddings
    size = 4 * positions * config.d_model * len(sides)
    if size > _FREE_BYTES + file.nbytes():
        raise ValueError(
            f"max_position_embeddings={positions} of the configuration of {file.label()} takes "
            f"{size:,} bytes, the file has {file.nbytes():,}: it must be at most "
            f"{(_FREE_BYTES + file.nbytes()) * positions // size}"
        )


def _check_missing(file, expected, missing: Iterable[str], message):
    """Raises where what is missing is much larger than the file."""
    size = sum(4 * math.prod(expected[name]) for name in missing)
    if size > _FREE_BYTES + file.nbytes():
        raise ValueError(f"{message}: {size:,} bytes are missing, the file has {file.nbytes():,}")


def _stored_name(name, file):
    """Where the file has a weight: the one embedding may go under several names."""
    names = (name, *EMBEDDINGS) if name in EMBEDDINGS else (name,)
    return next((stored for stored in names if stored in file.tensors), None)


def _is_known(name, expected: Mapping[str, tuple[int, ...]], sides, has_bias):
    if name in expected or name in EMBEDDINGS or name in POSITIONS:
        return True
    # A part of the model reads the file of the whole; the rest is then left over.
    if "encoder" not in sides and name.startswith("model.encoder."):
        return True
    return name == LOGITS_BIAS and not has_bias


def first_few(problems: Sequence[str], count: int = 5) -> str:
    """The first problems, and how many more there are."""
    more = len(problems) - count
    return "; ".join(problems[:count]) + (f"; and {more} more" if more > 0 else "")
