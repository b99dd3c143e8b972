"""Baselines: summaries copied from a text by a rule."""

import random
import re
from collections.abc import Callable

from tf_pegasus.utils.words import ngrams, sentences, words

# An oracle reads this many sentences, so that a long document does not take minutes.
_ORACLE_SENTENCES = 200


def first_sentence(document):
    """Returns the first sentence of a text.

    It ends with a full stop, question or exclamation mark that white space follows, or with the
    line.
    """
    line = document.strip().split("\n")[0]
    return re.split(r"(?<=[.!?])\s", line)[0]


def first_words(document, count=10):
    """Returns the first `count` words of a text."""
    return " ".join(document.split()[:count])


def first_sentences(document, count=3):
    """Returns the first sentences of a text, one a line."""
    return "\n".join(sentences(document)[:count])


def random_sentence(document, seed):
    """Returns a sentence of a text, which depends on `seed` and the text."""
    return random.Random(repr((seed, document))).choice(sentences(document) or [document])


def oracle(document, reference):
    """Returns the sentences of a text that are most like its reference summary, one a line.

    They are chosen greedily: each is the one that raises the sum of the F1 of words and of word
    pairs most, until none does (Nallapati et al., 2017). Only the first 200 are considered. No
    extractive system does much better.

    Args:
        document, reference: str.
    """
    candidates = sentences(document)[:_ORACLE_SENTENCES]
    sizes = (1, 2)
    target = [ngrams(words(reference), size) for size in sizes]
    counts = [[ngrams(words(text), size) for size in sizes] for text in candidates]
    chosen: list[int] = []
    best, total = 0.0, [ngrams([], size) for size in sizes]
    while True:
        scores = {
            i: sum(_f1(a + b, c) for a, b, c in zip(total, counts[i], target, strict=True))
            for i in range(len(candidates))
            if i not in chosen
        }
        winner = max(scores, key=scores.__getitem__, default=None)
        if winner is None or scores[winner] <= best:
            return "\n".join(candidates[i] for i in sorted(chosen))
        chosen.append(winner)
        best = scores[winner]
        total = [a + b for a, b in zip(total, counts[winner], strict=True)]


def _f1(found, target):
    both = found.total() + target.total()
    return 2 * (found & target).total() / both if both else 0.0


# Functions of document, reference summary and seed.
BASELINES: dict[str, Callable[[str, str, int], str]] = {
    "first sentence": lambda document, reference, seed: first_sentence(document),
    "first 10 words": lambda document, reference, seed: first_words(document),
    "first 3 sentences": lambda document, reference, seed: first_sentences(document),
    "random sentence": lambda document, reference, seed: random_sentence(document, seed),
    "oracle": lambda document, reference, seed: oracle(document, reference),
}
