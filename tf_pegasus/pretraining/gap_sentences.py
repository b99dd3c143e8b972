"""Selects the sentences of a document that the decoder is to write (paper, section 3.1)."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from tf_pegasus.pretraining.importance import Importance
from tf_pegasus.pretraining.settings import (
    CONTINUOUS,
    DYNAMIC,
    HYBRID,
    HYBRID_TASK_IDS,
    LEAD,
    NONE,
    RANDOM,
    SEQUENTIAL,
    PretrainingSettings,
)
from tf_pegasus.pretraining.stop_words import stop_words
from tf_pegasus.utils.words import words

# Tokens of a sentence, as the authors estimate them.
_TOKENS_A_SENTENCE = 20.0
_ASCII_WORD = re.compile("[A-Za-z0-9]+")


class GapSentences(NamedTuple):
    """The selection.

    Attributes:
        indices: list of int, the sentences of the target, in order.
        task_id: int, the id that `"hybrid"` puts in front of the input; otherwise None.
    """

    indices: list[int]
    task_id: int | None = None


class GapSentenceSelector:
    """Selects gap sentences by the strategy of the settings.

    Args:
        settings: `PretrainingSettings`.

    Raises:
        ValueError, ImportError: see `stop_words`.
    """

    def __init__(self, settings: PretrainingSettings):
        self._settings = settings
        self._ratio = np.float32(settings.effective("gap_sentence_ratio"))
        self._noise = float(np.float32(settings.effective("rouge_noise")))
        self._least_share = float(np.float32(settings.effective("dynamic_min_ratio")))
        self._stop_words: frozenset[str] = frozenset()
        self._words: Callable[[str], list[str]] = words
        if settings.strategy not in (RANDOM, LEAD, NONE):
            self._stop_words = stop_words(settings)
            self._words = words if settings.effective("words") == "unicode" else ascii_words

    def __call__(self, sentences: Sequence[str], random: np.random.Generator) -> GapSentences:
        """Selects sentences of a document.

        Random numbers are drawn in this order: one `random()` for the task of `hybrid` or the
        ratio of `dynamic`; then `permutation(sentences)` for `random`, or
        `standard_normal(sentences)` for the noise of `dynamic`.

        Args:
            sentences: list of str.
            random: `np.random.Generator`.
        """
        strategy = self._settings.strategy
        if strategy == NONE:
            return GapSentences([])
        if strategy == HYBRID:
            tasks = list(HYBRID_TASK_IDS)
            task = tasks[int(random.random() * len(tasks))]
            return GapSentences(self._select(task, sentences, random), HYBRID_TASK_IDS[task])
        return GapSentences(self._select(strategy, sentences, random))

    def _select(self, strategy, sentences, random):
        ratio = self._ratio
        if strategy == DYNAMIC:
            least = self._least_share
            ratio = np.float32(float(ratio) * (least + (1 - least) * random.random()))
        number = number_selected(len(sentences), ratio)
        if strategy == RANDOM:
            return sorted(random.permutation(len(sentences))[:number].tolist())
        if strategy == LEAD or not sentences:
            return list(range(number))
        if strategy in SEQUENTIAL:
            candidates = min(len(sentences), self._most_candidates())
            number = number_selected(candidates, ratio)
            return self._importance(sentences).sequential(number, candidates)
        if strategy == CONTINUOUS:
            first = self._importance(sentences).window(number)
            return list(range(first, first + number))
        scores = self._importance(sentences).independent()
        if strategy == DYNAMIC:
            drawn = self._noise * random.standard_normal(len(sentences))
            scores = (scores * (1 + self._noise * drawn)).astype("float32")
        return best_sentences(scores, number)

    def _most_candidates(self):
        source, target = self._settings.max_source_length, self._settings.max_target_length
        wanted = float(np.float32(target) / self._ratio)
        return max(1, int(max(source / _TOKENS_A_SENTENCE, wanted / _TOKENS_A_SENTENCE)))

    def _importance(self, sentences):
        settings, stops = self._settings, self._stop_words
        return Importance(
            [[word for word in self._words(text) if word not in stops] for text in sentences],
            settings.effective("rouge_size"),
            settings.effective("rouge_metric"),
            settings.counting,
        )


def number_selected(sentences: int, ratio: float) -> int:
    """Returns how many of a number of sentences are selected: at least one, if there is one.

    The product is rounded to float32, as in the authors' code: 0.29 of 100 are 29.
    """
    return min(max(int(np.float32(sentences) * np.float32(ratio)), 1), sentences)


def best_sentences(scores: np.ndarray, number: int) -> list[int]:
    """Returns the indices of the highest scores in order; of equal ones, the later first."""
    return sorted(np.argsort(scores, kind="stable")[::-1][:number].tolist())


def ascii_words(text: str) -> list[str]:
    """Returns the runs of ASCII letters and digits of a text, in lower case."""
    # Not those of the text in lower case: that of "İ" has an ASCII letter.
    return [word.lower() for word in _ASCII_WORD.findall(text)]
