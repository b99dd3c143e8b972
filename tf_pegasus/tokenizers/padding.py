"""Pads rows of different lengths to arrays."""

from collections.abc import Iterable, Mapping, Sequence
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
_NOWHERE = (0, 0)
# The entries of an encoding that have one value for each token, and the values that pad them. The
# id of pad is always 0.
PADDING_VALUES: dict[str, Any] = {
    "input_ids": 0,
    "attention_mask": 0,
    "token_type_ids": 0,
    "special_tokens_mask": 1,
    "offset_mapping": _NOWHERE,
    "decoder_input_ids": 0,
    "decoder_attention_mask": 0,
    "labels": IGNORED_LABEL,
    "mlm_labels": IGNORED_LABEL,
}


def widen_rows(
    rows: Iterable[Sequence[Any]], value: Any, width: int, side: str = "right"
) -> list[list[Any]]:
    """Pads lists at a side to `width`; longer rows are unchanged."""
    if side == "left":
        return [[*[value] * (width - len(row)), *row] for row in rows]
    return [[*row, *[value] * (width - len(row))] for row in rows]


def padded_width(
    rows: Iterable[Sequence[Any]], padding: str, max_length: int | None, multiple: int | None
) -> int:
    """Returns the width that `padding` (`"longest"` or `"max_length"`) gives rows."""
    width = max(map(len, rows), default=0)
    if padding == "max_length" and max_length is not None:
        width = max_length
    return -(-width // multiple) * multiple if multiple else width


def pad_encoding(
    encoding: Mapping[str, list],
    padding: bool | str,
    max_length: int | None,
    multiple: int | None,
    side: str,
) -> dict[str, list]:
    """Pads the entries of several rows that have one value for each token.

    Args:
        encoding: dict from name to list of rows. Entries not in `PADDING_VALUES` are unchanged.
        padding: False, `"longest"` or `"max_length"`.
        max_length: int or None.
        multiple: int or None, widths are rounded up to a multiple of it.
        side: `"right"` or `"left"`.

    Raises:
        ValueError: if a row of `attention_mask` is not as long as its ids.
    """
    ids = encoding["input_ids"]
    for row, mask in zip(ids, encoding.get("attention_mask", ids), strict=True):
        if len(row) != len(mask):
            raise ValueError(
                f"attention_mask has a row of {len(mask)} values for {len(row)} ids: they must "
                "have the same length"
            )
    if not padding:
        return dict(encoding)
    return {
        name: widen_rows(
            rows,
            PADDING_VALUES[name],
            padded_width(rows, str(padding), max_length, multiple),
            side,
        )
        if name in PADDING_VALUES
        else rows
        for name, rows in encoding.items()
    }


def as_rows(encoded_inputs: Any) -> dict[str, Any]:
    """Brings encodings to one form: a dict of lists.

    Args:
        encoded_inputs: dict with `input_ids`, of one row or several; or a list of dicts of one
            row each; with lists, arrays or tensors.

    Raises:
        TypeError: if it is neither.
        ValueError: if there are no `input_ids`, or not every row has the same entries.
    """
    if isinstance(encoded_inputs, (list, tuple)) and encoded_inputs:
        names = list(encoded_inputs[0])
        for number, row in enumerate(encoded_inputs):
            if set(row) != set(names):
                raise ValueError(
                    f"row {number} has the entries {sorted(row)}, row 0 has {sorted(names)}: they "
                    "must be the same"
                )
        encoded_inputs = {name: [row[name] for row in encoded_inputs] for name in names}
    if not isinstance(encoded_inputs, Mapping):
        raise TypeError(
            f"encoded_inputs must be a dict or a list of dicts, got {encoded_inputs!r:.60}"
        )
    if "input_ids" not in encoded_inputs:
        raise ValueError(f"encoded_inputs has no input_ids, only {sorted(encoded_inputs)}")
    rows_by_name = {name: as_lists(rows) for name, rows in encoded_inputs.items()}
    for name, rows in rows_by_name.items():
        if name in PADDING_VALUES:
            _check_rows(name, rows, rows_by_name["input_ids"])
    return rows_by_name


def _check_rows(name, rows, ids):
    """Checks that an entry is one row, or as many as the ids are."""
    if not isinstance(rows, list):
        raise TypeError(f"{name} must be a list of int, or of lists of int, got {rows!r:.60}")
    # The places of tokens are pairs.
    depth = 3 if name == "offset_mapping" else 2
    is_batch = isinstance(ids, list) and any(isinstance(row, list) for row in ids)
    for row in rows if is_batch else [rows]:
        values = row if isinstance(row, list) else [None]
        if any(value is None or isinstance(value, list) != (depth == 3) for value in values):
            expected = "lists of int" if is_batch else "int"
            raise TypeError(f"{name} must be a list of {expected}, got {rows!r:.60}")
    if is_batch and len(rows) != len(ids):
        raise ValueError(f"{name} has {len(rows)} rows, and input_ids {len(ids)}")


def as_lists(rows: Any) -> Any:
    """Converts arrays and tensors, also inside of lists, to lists."""
    if hasattr(rows, "numpy"):
        rows = rows.numpy()
    if hasattr(rows, "tolist"):
        return rows.tolist()
    if isinstance(rows, list) and rows and type(rows[0]) is int:
        return rows
    return [as_lists(row) for row in rows] if isinstance(rows, (list, tuple)) else rows


def as_tensor(name: str, rows: list, kind: str) -> Any:
    """Converts lists of int to an int32 array or tensor, of float to a float32 one.

    Args:
        name: str, name of the rows in error messages.
        rows: list of numbers or (nested) lists of numbers.
        kind: `"np"` or `"tf"`.

    Raises:
        ValueError: if lengths differ, or a value is not a number.
    """
    if len({len(row) for row in rows if isinstance(row, (list, tuple))}) > 1:
        hint = (
            "the texts have different lengths: pass padding=True to make a tensor"
            if name in PADDING_VALUES
            else "its rows have different lengths: pass return_tensors=None"
        )
        raise ValueError(f"{name}: {hint}")
    array = np.array(rows) if rows else np.zeros((0, 0) if name in PADDING_VALUES else 0)
    if array.dtype.kind not in "iufb":
        raise ValueError(f"{name}: only numbers can be made a tensor, got {rows!r:.60}")
    is_float = array.size and array.dtype.kind == "f"
    array = array.astype("float32" if is_float else "int32")
    if kind == "np":
        return array
    import tensorflow as tf

    return tf.constant(array)
