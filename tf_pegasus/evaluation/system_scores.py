"""Scores of the summaries that one system wrote, collected one by one."""

import functools
from array import array
from dataclasses import asdict

import numpy as np

from tf_pegasus.evaluation.abstractiveness import abstractiveness
from tf_pegasus.evaluation.faithfulness import unsupported
from tf_pegasus.evaluation.rouge import METRICS, PARTS, aggregate, score_type
from tf_pegasus.utils.words import words

KINDS = {"number": "unsupported_numbers", "name": "unsupported_names"}


class SystemScores:
    """Collects the scores of a system's summaries, and keeps no texts.

    Args:
        scorer: `RougeScorer`, or None for the reference summaries, which only get the measures
            that need no reference.
        bleu: `BleuAndChrf`, or None likewise.
    """

    def __init__(self, scorer=None, bleu=None):
        self._scorer = scorer
        self._bleu = bleu
        self._names: list[str] = []
        self._values = array("d")

    def add(self, document: str, summary: str, reference: str) -> dict:
        """Scores a summary.

        Args:
            document, summary, reference: str.

        Returns:
            dict with `scores`, a dict of float (ROUGE as F1 in percent), and `unsupported`, a list
            of dict, see `faithfulness.Unsupported`.
        """
        found = unsupported(document, summary)
        values: dict[str, float] = {}
        if self._scorer is not None:
            for name, score in self._scorer.score(summary, reference).items():
                values |= {f"{name}_{part}": getattr(score, part) for part in PARTS}
        if self._bleu is not None:
            self._bleu.add(summary, reference)
        values |= abstractiveness(_document_words(document), words(summary))
        values |= {name: sum(u.kind == kind for u in found) for kind, name in KINDS.items()}
        self._names = list(values)
        self._values.extend(values.values())
        rouge = {m: 100 * values[f"{m}_fmeasure"] for m in METRICS} if self._scorer else {}
        rest = {name: value for name, value in values.items() if not name.startswith("rouge")}
        return {"scores": {**rouge, **rest}, "unsupported": [asdict(each) for each in found]}

    def column(self, name: str) -> np.ndarray:
        """Returns one score of all summaries, float64, as `add` returned it."""
        if name in METRICS:
            return 100 * self._column(f"{name}_fmeasure")
        return self._column(name)

    def result(self, bootstrap_samples, seed) -> dict:
        """Returns the scores of the system, see `evaluate`."""
        result: dict = {}
        if self._scorer is not None:
            make = score_type()
            for name in METRICS:
                columns = [self._column(f"{name}_{part}") for part in PARTS]
                # One metric at a time: the aggregator needs an object for each summary.
                scores = [{name: make(*row)} for row in zip(*columns, strict=True)]
                result |= aggregate(scores, bootstrap_samples, seed)
        if self._bleu is not None:
            result |= self._bleu.result()
        for name in self._names:
            if not name.startswith("rouge"):
                result[name] = float(self._column(name).mean())
        marked = sum(self._column(name) for name in KINDS.values()) > 0
        result["summaries_with_unsupported"] = 100 * float(marked.mean())
        return result

    def _column(self, name):
        width = len(self._names)
        return np.array(self._values[self._names.index(name) :: width])


# All systems summarize a document before the next one comes.
@functools.lru_cache(maxsize=1)
def _document_words(document):
    return words(document)
