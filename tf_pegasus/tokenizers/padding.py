"""Pads rows of different lengths to arrays."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np


def pad_rows(rows: Sequence[Sequence[int]], value: int, multiple: int = 1) -> np.ndarray:
    """Pads rows of int at the end to the length of the longest, rounded up.

    Args:
        rows: non-empty list of sequences of int.
        value: int to pad with.
        multiple: int, the width is rounded up to a multiple of it.

    Returns:
        int32 array `(len(rows), width)`.
    """
    width = -(-max(map(len, rows)) // multiple) * multiple
    padded = np.full((len(rows), width), value, "int32")
    for padded_row, row in zip(padded, rows, strict=True):
        padded_row[: len(row)] = row
    return padded


# The label of positions that the loss ignores.
IGNORED_LABEL = -100
# Padding values of each part of an encoding; ids are padded with the tokenizer's pad.
PADDING_VALUES = {"attention_mask": 0, "special_tokens_mask": 1, "labels": IGNORED_LABEL}


def widen_rows(rows: Iterable[Sequence[int]], value: int, width: int) -> list[list[int]]:
    """Pads lists of int at the end to `width`; longer rows are unchanged."""
    return [[*row, *[value] * (width - len(row))] for row in rows]


def as_tensor(name: str, rows: list[list[int]], kind: str) -> Any:
    """Converts lists of int to an int32 array or tensor `(rows, length)`.

    Args:
        name: str, name of the rows in error messages.
        rows: list of lists of int.
        kind: `"np"` or `"tf"`.

    Raises:
        ValueError: if their lengths differ.
    """
    if len(set(map(len, rows))) > 1:
        raise ValueError(
            f"{name}: the texts have different lengths: pass padding=True to make a tensor"
        )
    array = np.array(rows, "int32").reshape(len(rows), -1)
    if kind == "np":
        return array
    import tensorflow as tf

    return tf.constant(array)
