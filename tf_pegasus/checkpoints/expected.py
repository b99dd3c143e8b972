"""The weights that a configuration asks for, compared with a file before anything is built."""

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence

from tf_pegasus.checkpoints.names import (
    EMBEDDINGS,
    LM_HEAD,
    LOGITS_BIAS,
    POSITIONS,
    embedding_name,
    embedding_names,
)
from tf_pegasus.checkpoints.readers.weight_file import FLOAT_DTYPES, WeightFile
from tf_pegasus.config.model import PegasusConfig

# What may be built whatever the size of the file: bytes, and layers of both stacks, which take
# 30 to 50 ms each. A larger file may have a layer more for each 10 MB, so that all of them take at
# most about 5 s and 5 s a gigabyte.
_FREE_BYTES = 100 * 10**6
FREE_LAYERS = 128
_BYTES_A_LAYER = 10 * 10**6


def expected_weights(
    config: PegasusConfig,
    sides: Sequence[str] = ("encoder", "decoder"),
    has_bias: bool = True,
    has_head: bool = True,
) -> dict[str, tuple[int, ...]]:
    """Lists the weights of a model, as `huggingface_weights` does once it is built.

    Args:
        config: `PegasusConfig`.
        sides: the stacks that it has, of `"encoder"` and `"decoder"`.
        has_bias: bool, whether it adds a bias to its logits.
        has_head: bool, whether it computes logits.

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
    if has_head and not config.tie_word_embeddings:
        expected[LM_HEAD] = (config.vocab_size, width)
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
    has_head: bool = True,
    ignore_mismatched_sizes: bool = False,
) -> tuple[dict[str, str], dict[str, list]]:
    """Compares a file's weights with what a configuration asks for.

    Args:
        config: `PegasusConfig`.
        file: `WeightFile`.
        strict: bool, whether missing and unexpected weights raise or warn; by default as the
            file's format has it.
        sides, has_bias, has_head: see `expected_weights`.
        ignore_mismatched_sizes: bool, whether weights of another shape are left out with a
            warning, or raise.

    Returns:
        dict from the name of a weight that the file has to its name there, and a dict with
        `missing_keys`, `unexpected_keys` and `mismatched_keys`, of which the last has tuples of
        the name, the shape in the file and the shape that is asked for.

    Raises:
        ValueError: weights are missing or unexpected, or of another shape; or the model would
            be far larger than its file. The message lists them.
    """
    _check_layers(config, file, sides)
    expected = expected_weights(config, sides, has_bias, has_head)
    found = {name: _stored_name(name, file, config) for name in expected}
    stored_names = {name: stored for name, stored in found.items() if stored is not None}
    mismatched = [
        (name, file.tensors[stored].shape, expected[name])
        for name, stored in stored_names.items()
        if file.tensors[stored].shape != expected[name]
    ]
    shapes = [
        f"{name} has the shape {stored}, the configuration asks for {asked}"
        for name, stored, asked in mismatched
    ]
    dtypes = [
        f"{stored} has the dtype {file.tensors[stored].dtype}, weights are floating-point numbers"
        for stored in stored_names.values()
        if file.tensors[stored].dtype not in FLOAT_DTYPES
    ]
    wrong = dtypes if ignore_mismatched_sizes else shapes + dtypes
    if wrong:
        raise ValueError(f"{file.label()} does not fit: " + first_few(wrong))
    _check_positions(config, file, sides)
    info: dict[str, list] = {
        # A bare model's file has no bias: it stays the zeros that it is when untrained.
        "missing_keys": [n for n in expected if n not in stored_names and n != LOGITS_BIAS],
        "unexpected_keys": [
            name for name in file.tensors if not _is_known(name, expected, sides, has_bias)
        ],
        "mismatched_keys": mismatched,
    }
    problems = [f"{name} is missing" for name in info["missing_keys"]]
    problems += [f"{name} is unexpected" for name in info["unexpected_keys"]]
    for name, _, _ in mismatched:
        del stored_names[name]
    embedding = stored_names.get(embedding_name(sides))
    if embedding is not None:
        unused = _other_embeddings(config, file, embedding)
        info["unexpected_keys"] += unused
        problems += [_why_unused(name, embedding) for name in unused]
        # What the TensorFlow reference computes, whose files never have a head.
        if LM_HEAD in info["missing_keys"]:
            stored_names[LM_HEAD] = embedding
    new = [*info["missing_keys"], *(name for name, _, _ in mismatched)]
    _check_new(file, expected, new, problems + shapes)
    _report(file, strict, problems, shapes)
    return stored_names, info


def _report(file, strict, problems, shapes):
    """Raises or warns about weights that do not match; `shapes` only warn."""
    if not problems and not shapes:
        return
    message = f"{file.label()} does not match the model: "
    is_strict = file.is_strict if strict is None else strict
    if problems and is_strict:
        raise ValueError(message + first_few(problems))
    shapes = [f"{problem}, and starts anew" for problem in shapes]
    warnings.warn(message + first_few(problems + shapes), stacklevel=6)


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


def _check_new(file, expected, names: Iterable[str], problems):
    """Raises where what the file does not have is much larger than the file."""
    size = sum(4 * math.prod(expected[name]) for name in names)
    if size > _FREE_BYTES + file.nbytes():
        raise ValueError(
            f"{file.label()} does not match the model: {first_few(problems)}: {size:,} bytes are "
            f"missing, the file has {file.nbytes():,}"
        )


def _stored_name(name, file, config):
    """Where the file has a weight: the one embedding may go under several names."""
    same = embedding_names(config)
    names = (name, *same) if name in same else (name,)
    return next((stored for stored in names if stored in file.tensors), None)


def _other_embeddings(config, file, embedding):
    """The names under which the file has an embedding that differs from the one that is used."""
    names = [n for n in embedding_names(config) if n in file.tensors and n != embedding]
    return [name for name in names if not file.same(name, embedding)]


def _why_unused(name, embedding):
    remedy = "; tie_word_embeddings=False would use it" if name == LM_HEAD else ""
    return f"{name} differs from {embedding}, which is used in its place{remedy}"


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
