"""Batches of texts of similar lengths, whose results keep the order of the texts."""

import itertools
from collections.abc import Iterable, Iterator


def windows(texts: Iterable, size: int) -> Iterator[list]:
    """Yields lists of `size` texts, of which the last may be shorter."""
    texts = iter(texts)
    while window := list(itertools.islice(texts, size)):
        yield window


def batches_by_length(lengths: dict[int, int], batch_size: int) -> Iterator[list[int]]:
    """Yields batches of indices, grouped by length.

    Args:
        lengths: dict from index to number of tokens.
        batch_size: int, largest number of indices per batch.
    """
    order = sorted(lengths, key=lengths.__getitem__)
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
