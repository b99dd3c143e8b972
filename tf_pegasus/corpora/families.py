"""Families of texts, which are never divided between training, validation and test."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

from tf_pegasus.corpora.corpus import SPLITS, Text
from tf_pegasus.corpora.near_duplicates import DisjointSets, near_duplicate_pairs


def join_near_duplicates(texts: Sequence[Text]) -> dict[str, str]:
    """Joins families that have nearly the same documents, transitively.

    Args:
        texts: list of `Text`.

    Returns:
        dict from each family to the name of the first text of the joined one.
    """
    sets = DisjointSets(len(texts))
    first: dict[str, int] = {}
    for index, text in enumerate(texts):
        sets.union(first.setdefault(text.family, index), index)
    for a, b in near_duplicate_pairs(text.document for text in texts):
        sets.union(a, b)
    return {family: texts[sets.find(index)].name for family, index in first.items()}


def without_near_duplicates(texts: Sequence[Text]) -> list[Text]:
    """Returns the texts without those whose documents nearly repeat an earlier one."""
    repeated = {later for _, later in near_duplicate_pairs(text.document for text in texts)}
    return [text for index, text in enumerate(texts) if index not in repeated]


def split_by_family(texts: Iterable[Text], held_out: int, largest: int) -> dict[str, list[Text]]:
    """Assigns whole families to train, validation and test, by a hash of their name.

    Args:
        texts: iterable of `Text`.
        held_out: int, target size of test; validation gets half as many texts.
        largest: int, size of the largest family that may be held out.

    Returns:
        dict of split name to list of texts.
    """
    members = defaultdict(list)
    for text in texts:
        members[text.family].append(text)
    splits: dict[str, list[Text]] = {name: [] for name in SPLITS}
    for family in sorted(members, key=_digest):
        group = members[family]
        if len(group) > largest:
            splits["train"] += group
        elif len(splits["test"]) < held_out:
            splits["test"] += group
        elif len(splits["validation"]) < (held_out + 1) // 2:
            splits["validation"] += group
        else:
            splits["train"] += group
    return splits


def thin_out(texts: Iterable[Text], most: int | None) -> list[Text]:
    """Returns at most `most` texts of each family, chosen by a hash of the name, sorted by name."""
    seen: dict[str, int] = defaultdict(int)
    kept = []
    for text in sorted(texts, key=lambda text: _digest(text.name)):
        seen[text.family] += 1
        if most is None or seen[text.family] <= most:
            kept.append(text)
    return sorted(kept, key=lambda text: text.name)


def _digest(name):
    return hashlib.sha256(name.encode()).digest()
