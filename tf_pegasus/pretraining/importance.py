"""How important sentences are: their ROUGE against the rest of the document.

All counts are integers, in `log` counting too (in units of 2^-40), so that sums are exact in any
order, and sentences with the same words have the same score. Scores are rounded to float32 at the
places where the authors' code does.
"""

from collections.abc import Sequence

import numpy as np

_LOG_UNITS = 2**40
# The least denominator of precision and recall.
_LEAST = {"standard": 1.0, "deduplicate": 1.0, "log": 0.1 * _LOG_UNITS}


class NgramTable:
    """The n-grams of a document, counted in it and in each of its sentences.

    Args:
        sentences: list of lists of words.
        size: int, words of an n-gram. Those that span two sentences count in the document.

    Attributes:
        total: int64 `(ngrams,)`, counts in the document.
        ngram, count: int64 `(entries,)`, which n-grams a sentence has, and how often; sentence by
            sentence.
        ends: int64 `(sentences + 1,)`, where the entries of each sentence begin and end.
    """

    def __init__(self, sentences: Sequence[Sequence[str]], size: int = 1):
        numbers: dict[str, int] = {}
        words = np.array(
            [numbers.setdefault(word, len(numbers)) for words in sentences for word in words],
            "int64",
        )
        owner = np.repeat(np.arange(len(sentences)), [len(words) for words in sentences])
        ngrams = words
        for width in range(1, size):
            pairs = ngrams[:-1] * len(numbers) + words[width:]
            ngrams = np.unique(pairs, return_inverse=True)[1]
        self.total = np.bincount(ngrams)
        kinds = max(1, len(self.total))
        inside = owner[: len(ngrams)] == owner[size - 1 :]
        keys = owner[: len(ngrams)][inside] * kinds + ngrams[inside]
        keys, self.count = np.unique(keys, return_counts=True)
        sentence, self.ngram = np.divmod(keys, kinds)
        self.ends = np.searchsorted(sentence, np.arange(len(sentences) + 1))

    def __len__(self) -> int:
        return len(self.ends) - 1

    def sums(self, values: np.ndarray, sentences: int) -> np.ndarray:
        """Adds up values of the entries of each of the first sentences."""
        running = np.concatenate([[0], np.cumsum(values)])
        return running[self.ends[1 : sentences + 1]] - running[self.ends[:sentences]]


class Importance:
    """Scores the sentences of a document.

    Args:
        sentences: list of lists of words, without stop words.
        size: int, words of an n-gram.
        metric: `"precision"`, `"recall"` or `"fmeasure"`.
        counting: `"standard"`, `"deduplicate"` or `"log"`.
    """

    def __init__(
        self,
        sentences: Sequence[Sequence[str]],
        size: int = 1,
        metric: str = "fmeasure",
        counting: str = "standard",
    ):
        self._table = NgramTable(sentences, size)
        self._metric = metric
        self._least = _LEAST[counting]
        self._weight = _weights(counting, int(self._table.total.max(initial=0)))

    def independent(self) -> np.ndarray:
        """Returns the score of each sentence against all others, float32 `(sentences,)`."""
        division = _Division(self._table, self._weight)
        return self._scores(division, len(self._table), self._table.count)

    def sequential(self, number: int, sentences: int) -> list[int]:
        """Selects sentences one after the other.

        Args:
            number: int, how many.
            sentences: int, only the first ones can be selected; the others count in the reference.

        Returns:
            list of int, in the order of the document. Each step selects the sentence which gives
            those selected so far the highest score against what then remains; of several, the last.
        """
        table, division = self._table, _Division(self._table, self._weight)
        count = table.count.copy()
        selected: list[int] = []
        for _ in range(number):
            scores = self._scores(division, sentences, count)
            scores[selected] = -1
            best = _last_maximum(scores)
            division.move(best)
            count[table.ends[best] : table.ends[best + 1]] = 0
            selected.append(best)
        return sorted(selected)

    def window(self, number: int) -> int:
        """Returns where the `number` neighbours with the highest score begin; the last such."""
        division = _Division(self._table, self._weight)
        for sentence in range(number):
            division.move(sentence)
        totals = [division.totals()]
        for sentence in range(number, len(self._table)):
            division.move(sentence - number, back=True)
            division.move(sentence)
            totals.append(division.totals())
        return _last_maximum(self._measure(*np.array(totals).T))

    def _scores(self, division, sentences, count):
        """Scores what is selected together with `count` of each sentence, against the rest."""
        table, weight = self._table, self._weight
        entries = table.ends[sentences]
        ngram, count = table.ngram[:entries], count[:entries]
        inside, outside = division.inside[ngram], division.outside[ngram]
        before_inside, before_outside = weight[inside], weight[outside]
        after_inside, after_outside = weight[inside + count], weight[outside - count]
        overlap, candidate, reference = division.totals()
        overlap += table.sums(
            np.minimum(after_inside, after_outside) - np.minimum(before_inside, before_outside),
            sentences,
        )
        candidate += table.sums(after_inside - before_inside, sentences)
        reference -= table.sums(before_outside - after_outside, sentences)
        return self._measure(overlap, candidate, reference)

    def _measure(self, overlap, candidate, reference):
        precision = (overlap / np.maximum(candidate, self._least)).astype("float32")
        if self._metric == "precision":
            return precision
        recall = (overlap / np.maximum(reference, self._least)).astype("float32")
        if self._metric == "recall":
            return recall
        total = precision + recall
        # Without overlap both are 0.
        return np.float32(2) * precision * recall / np.where(total > 0, total, np.float32(1))


class _Division:
    """A document, divided into what is selected (inside) and the rest (outside)."""

    def __init__(self, table, weight):
        self._table, self._weight = table, weight
        self.outside = table.total.copy()
        self.inside = np.zeros_like(table.total)
        self._totals = np.array([0, 0, weight[self.outside].sum()])

    def totals(self):
        """Returns the weights of the overlap, of what is inside, and of what is outside."""
        return self._totals.copy()

    def move(self, sentence, back=False):
        """Moves a sentence inside, or back outside."""
        start, end = self._table.ends[sentence : sentence + 2]
        ngrams, count = self._table.ngram[start:end], self._table.count[start:end]
        count = -count if back else count
        before = self._sums(ngrams)
        self.inside[ngrams] += count
        self.outside[ngrams] -= count
        self._totals += self._sums(ngrams) - before

    def _sums(self, ngrams):
        inside = self._weight[self.inside[ngrams]]
        outside = self._weight[self.outside[ngrams]]
        return np.array([np.minimum(inside, outside).sum(), inside.sum(), outside.sum()])


def _weights(counting, most):
    """Returns the weight of an n-gram that occurs 0, 1, … `most` times, int64."""
    counts = np.arange(most + 1)
    if counting == "deduplicate":
        return np.minimum(counts, 1)
    if counting == "log":
        return np.rint(np.log1p(counts) * _LOG_UNITS).astype("int64")
    return counts


def _last_maximum(scores):
    return len(scores) - 1 - int(np.argmax(scores[::-1]))
