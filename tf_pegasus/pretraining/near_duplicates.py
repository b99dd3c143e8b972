"""Signatures by which near-duplicates among any number of documents are found.

Documents are compared by the MinHash of their word 5-grams (Broder, 1997), and only with those that
share a band of it (locality-sensitive hashing; Leskovec et al., Mining of Massive Datasets, 3.4).
"""

from collections.abc import Iterable, Iterator

import numpy as np

from tf_pegasus.utils.extras import require
from tf_pegasus.utils.words import words

_WIDTH = 5
_PERMUTATIONS = 128
# Documents of a bucket that each later one is compared with. A bucket of more that differ is one of
# chance, and comparing all pairs of it would take its size squared.
_MOST_COMPARED = 50


class Signatures:
    """Computes signatures, and cuts them into bands.

    Args:
        threshold: float in (0, 1], share of common 5-grams (Jaccard index) from which on documents
            are near-duplicates; pairs well above it are nearly always found.

    Raises:
        ImportError: if `datasketch` is not installed.
    """

    def __init__(self, threshold: float):
        datasketch = require("datasketch", "beam")
        self._empty = datasketch.MinHash(num_perm=_PERMUTATIONS)
        index = datasketch.MinHashLSH(threshold=threshold, num_perm=_PERMUTATIONS)
        self._bands, self._rows = index.b, index.r

    def __call__(self, text: str) -> np.ndarray:
        """Returns the signature of a text, uint64 `(128,)`."""
        found = words(text)
        starts = range(max(1, len(found) - _WIDTH + 1))
        ngrams = {" ".join(found[start : start + _WIDTH]).encode() for start in starts}
        minhash = self._empty.copy()
        minhash.update_batch(sorted(ngrams))
        return minhash.hashvalues

    def bands(self, signature: np.ndarray) -> Iterator[bytes]:
        """Yields the bands; near-duplicates nearly always have one in common."""
        for number in range(self._bands):
            start = number * self._rows
            band = signature[start : start + self._rows]
            yield number.to_bytes(2, "big") + band.tobytes()


def later_duplicates(
    documents: Iterable[tuple[bytes, np.ndarray]], threshold: float
) -> Iterator[bytes]:
    """Yields the documents of a bucket that have a near-duplicate before them, in order of keys.

    Args:
        documents: key and signature of each.
        threshold: float, see `Signatures`.
    """
    kept: list[np.ndarray] = []
    for key, signature in sorted(documents, key=lambda document: document[0]):
        if any(np.mean(signature == other) >= threshold for other in kept):
            yield key
        elif len(kept) < _MOST_COMPARED:
            kept.append(signature)
