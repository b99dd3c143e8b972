"""How much of a summary is copied from its document, and how much of it repeats itself."""

from collections import defaultdict
from collections.abc import Sequence

from tf_pegasus.utils.words import ngrams

NGRAM_SIZES = (1, 2, 3, 4)


def abstractiveness(document: Sequence[str], summary: Sequence[str]) -> dict[str, float]:
    """Measures a summary against its document.

    Args:
        document, summary: lists of words, see `words`.

    Returns:
        dict of float:

        - `words`: number of words of the summary.
        - `coverage`: share of them that is part of a fragment copied from the document.
        - `density`: mean length of the fragment that a word is part of.
        - `compression`: words of the document per word of the summary.
        - `novel_1grams` to `novel_4grams`: percentage of the summary's n-grams that are not in
          the document.
        - `repeated_1grams` to `repeated_4grams`: percentage of the summary's n-grams that the
          summary had before.

        A share of nothing, such as that of the 4-grams of three words, is 0.0.

    Reference:
        Grusky et al., Newsroom: A Dataset of 1.3 Million Summaries with Diverse Extractive
        Strategies, NAACL 2018 (coverage, density and compression).
    """
    lengths = fragments(document, summary)
    size = len(summary)
    measures = {
        "words": float(size),
        "coverage": _ratio(sum(lengths), size),
        "density": _ratio(sum(length**2 for length in lengths), size),
        "compression": _ratio(len(document), size),
    }
    novel, repeated = {}, {}
    for n in NGRAM_SIZES:
        in_summary, in_document = ngrams(summary, n), ngrams(document, n)
        total = in_summary.total()
        new = sum(count for ngram, count in in_summary.items() if ngram not in in_document)
        novel[f"novel_{n}grams"] = 100 * _ratio(new, total)
        repeated[f"repeated_{n}grams"] = 100 * _ratio(total - len(in_summary), total)
    return {**measures, **novel, **repeated}


def fragments(document: Sequence[str], summary: Sequence[str]) -> list[int]:
    """Returns the lengths of the fragments of a document that a summary consists of.

    They are found greedily, as in figure 3 of Grusky et al. (2018): from each place of the summary
    on, the longest match. A match that begins inside another one of the same place is not tried.

    Args:
        document, summary: lists of words.

    Returns:
        list of int, in the order of the summary.
    """
    places = defaultdict(list)
    for place, word in enumerate(document):
        places[word].append(place)
    lengths = []
    start = 0
    while start < len(summary):
        longest = end = 0
        for place in places.get(summary[start], ()):
            if place >= end:
                length = _match(document, place, summary, start)
                longest = max(longest, length)
                end = place + length
        if longest:
            lengths.append(longest)
        start += max(longest, 1)
    return lengths


def _match(document, place, summary, start):
    length = 0
    for a, b in zip(document[place:], summary[start:], strict=False):
        if a != b:
            break
        length += 1
    return length


def _ratio(part, whole):
    return part / whole if whole else 0.0
