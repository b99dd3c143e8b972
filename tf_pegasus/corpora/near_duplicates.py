"""Finds texts that are nearly the same."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from tf_pegasus.utils.extras import require

THRESHOLD = 0.5


class DisjointSets:
    """Union-find over 0 … size - 1."""

    def __init__(self, size: int):
        self._parents = list(range(size))

    def find(self, item: int) -> int:
        """Returns the smallest member of the set that contains `item`."""
        while self._parents[item] != item:
            self._parents[item] = self._parents[self._parents[item]]
            item = self._parents[item]
        return item

    def union(self, a: int, b: int) -> None:
        """Joins the sets that contain `a` and `b`."""
        a, b = sorted((self.find(a), self.find(b)))
        self._parents[b] = a


def shingles(text: str, width: int = 3) -> set[bytes]:
    """Returns the set of word n-grams of a text, in lower case, as bytes."""
    words = text.lower().split()
    return {" ".join(words[i : i + width]).encode() for i in range(max(len(words) - width + 1, 1))}


def near_duplicate_pairs(
    texts: Iterable[str], threshold: float = THRESHOLD, num_perm: int = 64
) -> Iterator[tuple[int, int]]:
    """Yields index pairs of texts whose 3-gram sets overlap by about `threshold` (Jaccard).

    Uses locality-sensitive hashing of MinHash signatures (Broder, 1997): pairs well above the
    threshold are nearly always found, pairs well below it nearly never.
    """
    datasketch = require("datasketch", "corpora")
    lsh = datasketch.MinHashLSH(threshold=threshold, num_perm=num_perm)
    for index, signature in enumerate(
        datasketch.MinHash.generator(map(shingles, texts), num_perm=num_perm)
    ):
        for other in lsh.query(signature):
            yield other, index
        lsh.insert(index, signature, check_duplication=False)


class NearDuplicateIndex:
    """Texts, among which those nearly equal to another one are found, exactly.

    Only the rarest n-grams of a text are looked up: two sets whose Jaccard index reaches the
    threshold share one of these (prefix filtering; Chaudhuri et al., 2006).

    Args:
        texts: iterable of str.
        threshold: float, the smallest Jaccard index of 3-gram sets that counts as nearly equal.
    """

    def __init__(self, texts: Iterable[str], threshold: float = THRESHOLD):
        self._threshold = threshold
        self._sets = [shingles(text) for text in texts]
        self._frequencies = Counter(shingle for one in self._sets for shingle in one)
        self._postings: dict[bytes, list[int]] = defaultdict(list)
        for index, one in enumerate(self._sets):
            for shingle in self._rarest(one):
                self._postings[shingle].append(index)

    def nearest(self, text: str) -> tuple[int, float] | None:
        """Returns index and Jaccard index of the most similar text; None if none is similar."""
        given = shingles(text)
        candidates = {i for s in self._rarest(given) for i in self._postings.get(s, ())}
        found = max(((_jaccard(given, self._sets[i]), -i) for i in candidates), default=(0.0, 0))
        return (-found[1], found[0]) if found[0] >= self._threshold else None

    def _rarest(self, one):
        count = len(one) - math.ceil(self._threshold * len(one)) + 1
        # Equally frequent ones must have the same order in all texts.
        return islice(sorted(one, key=lambda s: (self._frequencies[s], s)), count)


def _jaccard(a, b):
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)
