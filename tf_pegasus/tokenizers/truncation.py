"""Pairs of texts, and their truncation to a common length."""

from collections.abc import Iterable
from typing import Any


def as_pairs(
    texts: Iterable[Any], others: Iterable[Any] | None
) -> tuple[list[Any], list[Any] | None]:
    """Converts the possible forms of pairs to two lists of texts; the second may be None."""
    texts = list(texts)
    if others is not None and others != [None]:
        others = list(others)
        if len(others) != len(texts):
            raise ValueError(
                f"text has {len(texts)} texts and text_pair {len(others)}: they must have the same "
                "length"
            )
        return texts, others
    if texts and all(isinstance(text, (tuple, list)) and len(text) == 2 for text in texts):
        return [text[0] for text in texts], [text[1] for text in texts]
    return texts, None


def truncate_pair(
    first: list[int], second: list[int] | None, limit: int, truncation: str
) -> tuple[list[int], list[int] | None]:
    """Truncates the ids of a pair to `limit` in total."""
    limit = max(limit, 0)
    excess = len(first) + len(second or ()) - limit
    if excess <= 0:
        return first, second
    if second is None or truncation == "only_first":
        if len(first) < excess:
            raise ValueError(
                "truncation='only_first': the first text is not long enough to be truncated"
            )
        return first[: len(first) - excess], second
    if truncation == "only_second":
        if len(second) < excess:
            raise ValueError(
                "truncation='only_second': the second text is not long enough to be truncated"
            )
        return first, second[: len(second) - excess]
    keep_first, keep_second = len(first), len(second)
    for _ in range(excess):
        if keep_first > keep_second:
            keep_first -= 1
        else:
            keep_second -= 1
    return first[:keep_first], second[:keep_second]
