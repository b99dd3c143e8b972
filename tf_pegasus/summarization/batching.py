"""Batches of texts of like lengths, whose results come back in the texts' order."""

import itertools
from collections.abc import Iterable, Iterator


def windows(texts: Iterable, size: int) -> Iterator[list]:
    """Yields lists of `size` texts as they come, the last one shorter."""
    texts = iter(texts)
    while window := list(itertools.islice(texts, size)):
        yield window


def batches_by_length(lengths: dict[int, int], batch_size: int) -> Iterator[list[int]]:
    """Yields batches of indices, short texts together with short ones.

    Args:
        lengths: dict from index to length in tokens.
        batch_size: int, at most so many indices a batch.
    """
    order = sorted(lengths, key=lengths.__getitem__)
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]
