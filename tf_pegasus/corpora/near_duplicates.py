"""Finds texts that are nearly the same."""

from collections.abc import Iterable, Iterator

from tf_pegasus.utils.extras import require


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
    texts: Iterable[str], threshold: float = 0.5, num_perm: int = 64
) -> Iterator[tuple[int, int]]:
    """Yields index pairs of texts whose 3-gram sets overlap by about `threshold` (Jaccard).

    Uses locality-sensitive hashing of MinHash signatures (Broder, 1997): pairs well above the
    threshold are nearly always found, pairs well below it nearly never.
    """
    datasketch = require("datasketch", "train")
    lsh = datasketch.MinHashLSH(threshold=threshold, num_perm=num_perm)
    for index, signature in enumerate(
        datasketch.MinHash.generator(map(shingles, texts), num_perm=num_perm)
    ):
        for other in lsh.query(signature):
            yield other, index
        lsh.insert(index, signature, check_duplication=False)
