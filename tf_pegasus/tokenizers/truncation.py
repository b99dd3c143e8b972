"""Truncates pairs of texts, and splits long ones into windows that overlap; checks of lengths."""

from collections.abc import Sequence
from typing import Any, NamedTuple


def check_max_lengths(max_source_length: int | None, max_target_length: int | None) -> None:
    """Raises ValueError unless both are ints of at least 1; the message names the one."""
    for name, value in (
        ("max_source_length", max_source_length),
        ("max_target_length", max_target_length),
    ):
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name}={value!r} must be an int of at least 1")


class Window(NamedTuple):
    """The part of a sample that one row holds.

    Fields:
        first, second: slices of the ids of the first and the second text; `second` is empty for a
            sample without a second text.
    """

    first: slice
    second: slice

    def take(self, first: Sequence[Any], second: Sequence[Any] | None) -> tuple[list, list | None]:
        """Returns the window's part of both sequences."""
        rest = None if second is None else list(second[self.second])
        return list(first[self.first]), rest


def kept_lengths(
    first: int, second: int | None, limit: int, truncation: str, short_first: bool = False
) -> tuple[int, int]:
    """Returns how much of each of two texts remains, in total at most `limit`.

    Args:
        first, second: int, numbers of ids; `second` is None without a second text.
        limit: int, ids that may remain.
        truncation: `"longest_first"`, `"only_first"` or `"only_second"`.
        short_first: bool, whether of two equal texts the first loses one id more if `limit` is
            odd, as in the `tokenizers` library, and not the second.

    Raises:
        ValueError: if the text to be truncated is not long enough, or is missing.
    """
    limit = max(limit, 0)
    excess = first + (second or 0) - limit
    if excess <= 0:
        return first, second or 0
    if second is None:
        if truncation == "only_second":
            raise ValueError("truncation='only_second': there is no second text to be truncated")
        return first - excess, 0
    if truncation == "only_first":
        _check_long_enough("first", first, excess, truncation)
        return first - excess, second
    if truncation == "only_second":
        _check_long_enough("second", second, excess, truncation)
        return first, second - excess
    least, most = limit // 2, limit - limit // 2
    if short_first and first <= second:
        least, most = most, least
    # The shorter text stays whole if it fits in its half.
    if first <= second:
        kept = min(first, most)
        return kept, limit - kept
    kept = min(second, least)
    return limit - kept, kept


def _check_long_enough(which, length, excess, truncation):
    if length < excess:
        raise ValueError(
            f"truncation={truncation!r}: the {which} text is not long enough to be truncated"
        )


def truncated(length: int, kept: int, side: str) -> slice:
    """Returns what remains of a sequence that is truncated at a side."""
    return slice(length - kept, length) if side == "left" else slice(0, kept)


def overflow(length: int, kept: int, side: str, stride: int) -> slice:
    """Returns what is cut off, and `stride` more of what is kept beside it."""
    cut = min(length, length - kept + stride) if kept < length else 0
    return slice(0, cut) if side == "left" else slice(length - cut, length)


def windows(length: int, width: int, side: str, stride: int) -> list[slice]:
    """Splits a sequence into windows of `width` that share `stride` with their neighbours.

    Args:
        length: int, length of the sequence.
        width: int, length of all windows but the last.
        side: `"right"`: windows from the start to the end; `"left"`: from the end.
        stride: int less than `width`.

    Returns:
        list of slices; one, if the sequence fits.
    """
    if length <= width:
        return [slice(0, length)]
    step = width - stride
    count = 1 + -(-(length - width) // step)
    starts = [index * step for index in range(count)]
    if side == "left":
        return [slice(max(length - start - width, 0), length - start) for start in starts]
    return [slice(start, min(start + width, length)) for start in starts]


def pair_windows(firsts: list[slice], seconds: list[slice]) -> list[Window]:
    """Combines the windows of two texts, in the order of the `tokenizers` library."""
    rows = [(firsts[0], seconds[0])]
    rows += [(first, second) for first in firsts[1:] for second in seconds]
    rows += [(firsts[0], second) for second in seconds[1:]]
    return [Window(*row) for row in rows]
