"""Making rows of different lengths into one array."""

import numpy as np


def pad_rows(rows, value, multiple=1):
    """Pads rows of int at their end to the longest, rounded up.

    Args:
        rows: non-empty list of sequences of int.
        value: int to pad with.
        multiple: int, the width is a multiple of it.

    Returns:
        int32 array `(len(rows), width)`.
    """
    width = -(-max(map(len, rows)) // multiple) * multiple
    padded = np.full((len(rows), width), value, "int32")
    for padded_row, row in zip(padded, rows, strict=True):
        padded_row[: len(row)] = row
    return padded
