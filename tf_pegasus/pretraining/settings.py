"""The settings of the pre-training objectives, and the authors' released ones."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from tf_pegasus.config.base import Options, check_names, choice, integer, number

RANDOM, LEAD, CONTINUOUS, DYNAMIC, HYBRID, NONE = (
    "random",
    "lead",
    "continuous",
    "dynamic",
    "hybrid",
    "none",
)
INDEPENDENT = ("ind-orig", "ind-uniq", "ind-log")
SEQUENTIAL = ("seq-orig", "seq-uniq", "seq-log")
STRATEGIES = (RANDOM, LEAD, *INDEPENDENT, *SEQUENTIAL, CONTINUOUS, DYNAMIC, HYBRID, NONE)
_SCORED = (*INDEPENDENT, *SEQUENTIAL, CONTINUOUS, DYNAMIC, HYBRID)
# The counting that the name of a strategy says.
_COUNTING_OF = {"orig": "standard", "uniq": "deduplicate", "log": "log"}

METRICS = ("precision", "recall", "fmeasure")
COUNTINGS = ("standard", "deduplicate", "log")
SPLITTERS = ("sentencex", "authors")
WORDS = ("unicode", "ascii")
REPLACEMENTS = ("other", "any")
WINDOW, BEGINNING = LONG_DOCUMENTS = ("window", "beginning")
NO_STOP_WORDS = "none"

# Ids in front of the input: of the task that `hybrid` drew, of the target's length, of a corpus.
IND = "ind"
HYBRID_TASK_IDS = {RANDOM: 5, LEAD: 6, IND: 7}
FIRST_LENGTH_ID, LAST_LENGTH_ID = 20, 49
FIRST_TASK_ID = 50
# The last reserved id is 104.
_MOST_TASKS = 54

# What a field is where it is None and has an effect.
_DEFAULTS = {
    "gap_sentence_ratio": 0.45,
    "dynamic_min_ratio": 0.33,
    "rouge_noise": 0.2,
    "rouge_size": 1,
    "rouge_metric": "fmeasure",
    "words": "unicode",
    "sentence_mask": 0.9,
    "sentence_replace": 0.0,
    "sentence_keep": 0.1,
    "sentence_remove": 0.0,
    "replacement": "other",
    "word_mask": 0.8,
    "word_replace": 0.1,
    "word_keep": 0.1,
}
_SENTENCE_OPTIONS = ("sentence_mask", "sentence_replace", "sentence_keep", "sentence_remove")
_WORD_OPTIONS = ("word_mask", "word_replace", "word_keep")


def _probability():
    return number(None, least=0, most=1, optional=True)


def _splitter(default):
    return dataclasses.field(
        default=default, metadata={"check": _check_splitter, "optional": False}
    )


def _check_splitter(name, value):
    if callable(value) or value in SPLITTERS:
        return value
    raise ValueError(f"{name}={value!r} must be one of {', '.join(SPLITTERS)}, or a function")


def _stop_words():
    return dataclasses.field(default=None, metadata={"check": _check_stop_words, "optional": True})


def _check_stop_words(name, value):
    if isinstance(value, str) and value:
        return value
    if isinstance(value, Sequence) and all(isinstance(word, str) for word in value):
        return tuple(value)
    raise TypeError(f"{name}={value!r} must be a language, 'none', or a list of words")


@dataclass(frozen=True)
class PretrainingSettings(Options):
    """How documents become examples: gap sentences (paper section 3.1), masked words (3.2).

    A field that is None has the default below, or no effect with the other settings; giving a
    value that has none is an error.

    Args:
        strategy: str, which sentences become the target. `"random"`; `"lead"`, the first ones;
            `"ind-orig"`, those with the highest ROUGE against the rest of the document, each by
            itself; `"seq-orig"`, one after the other, each together with those before it (at the
            authors' limit of max(max_source_length, max_target_length / ratio) / 20 sentences);
            both also as `-uniq`, in which each n-gram counts once, and `-log`; `"continuous"`, the
            best window of neighbours; `"dynamic"` (default), as `"ind-orig"`, with noise and a
            ratio that is drawn for each document; `"hybrid"`, which draws random, lead or ind
            and puts the id 5, 6 or 7 in front of the input; `"none"`, masked words alone.
        gap_sentence_ratio: float in (0, 1], share of the sentences that become the target, at
            least one. Default 0.45.
        dynamic_min_ratio: float in [0, 1], of `"dynamic"`: the ratio is drawn between this share
            of `gap_sentence_ratio` and the whole of it. Default 0.33.
        rouge_noise: float r, of `"dynamic"`: a score is multiplied by 1 + r N(0, r). Default 0.2.
        rouge_size: int, words of an n-gram. Default 1.
        rouge_metric: `"precision"`, `"recall"` or `"fmeasure"` (default).
        rouge_counting: `"standard"` (default), `"deduplicate"` (each n-gram counts once) or
            `"log"` (log(1 + n)); `ind` and `seq` have it in their names.
        words: `"unicode"` (default), words of any language, see `tf_pegasus.utils.words`; or
            `"ascii"`, the authors' runs of `[a-z0-9]`, with which a text in other letters has no
            words, so that ties decide.
        stop_words: words that do not count: a language, `"none"`, or a list of lower-case words.
            English ones are the authors' 127, others those of `stopwordsiso`. Default `language`.
        sentences: `"sentencex"` (default), which knows the abbreviations of `language`;
            `"authors"`, behind `.`, `!` and `?` that white space follows; or a function from a
            text to a list of str.
        language: str, code of the language of the documents. Default `"en"`.
        sentence_mask, sentence_replace, sentence_keep, sentence_remove: float, probabilities that
            a selected sentence becomes the sentence mask, becomes another sentence, stays, or is
            removed from the input. Default 0.9, 0, 0.1, 0.
        replacement: what a sentence is replaced by: `"other"` (default), one that is not in the
            target (masked if there is none); or `"any"`, as in the authors' code: any sentence as
            it is then in the input, itself and masks included.
        masked_word_ratio: float in [0, 1], share of the words of the input that the encoder
            predicts, at least one; 0 for none. Default 0.15.
        word_mask, word_replace, word_keep: float, probabilities that such a word becomes word
            masks, random ids, or stays. Default 0.8, 0.1, 0.1 (Devlin et al., 2019).
        max_source_length, max_target_length: int, longer inputs and targets are cut, and lose
            their eos, as in the authors' code.
        min_target_length: int, an example whose target has fewer tokens, eos included, is dropped.
            (The authors' `pretrain_target_filter_min` is one less.)
        min_sentences: int, a document with fewer sentences is dropped. Default 2: of one sentence,
            nothing is left to summarize.
        max_total_words: int, documents are cut behind so many words, split at spaces.
        long_documents: what becomes of documents longer than the input: `"window"` (default),
            neighbouring sentences that fit, from a place that is drawn each time; or
            `"beginning"`, as in the authors' code: the input is cut after sentences of the whole
            document were selected, so that of some in the target, nothing is in the input.
        length_bucket_size: int b, puts the id 20 + length of the target // b, at most 49, in front
            of the input.
        task_id: int, puts the id 50 + `task_id` in front of the input, before that.

    Raises:
        ValueError: if a value is out of range or has no effect, or probabilities do not add up to
            1; the message names it.
        TypeError: if a value has the wrong type.

    Example:
        >>> PretrainingSettings(strategy="ind-uniq", gap_sentence_ratio=0.3)
        >>> PretrainingSettings.from_preset("authors", masked_word_ratio=0.15)
    """

    strategy: str = choice(DYNAMIC, STRATEGIES)
    gap_sentence_ratio: float | None = number(None, above=0, most=1, optional=True)
    dynamic_min_ratio: float | None = number(None, least=0, most=1, optional=True)
    rouge_noise: float | None = number(None, least=0, optional=True)
    rouge_size: int | None = integer(None, least=1, optional=True)
    rouge_metric: str | None = choice(None, METRICS, optional=True)
    rouge_counting: str | None = choice(None, COUNTINGS, optional=True)
    words: str | None = choice(None, WORDS, optional=True)
    stop_words: str | tuple[str, ...] | None = _stop_words()
    sentences: str | Callable[[str], Sequence[str]] = _splitter("sentencex")  # noqa: RUF009
    language: str = "en"
    sentence_mask: float | None = _probability()
    sentence_replace: float | None = _probability()
    sentence_keep: float | None = _probability()
    sentence_remove: float | None = _probability()
    replacement: str | None = choice(None, REPLACEMENTS, optional=True)
    masked_word_ratio: float = number(0.15, least=0, most=1)
    word_mask: float | None = _probability()
    word_replace: float | None = _probability()
    word_keep: float | None = _probability()
    max_source_length: int = integer(512, least=2)
    max_target_length: int = integer(256, least=2)
    min_target_length: int = integer(1, least=1)
    min_sentences: int = integer(2, least=0)
    max_total_words: int | None = integer(None, least=1, optional=True)
    long_documents: str = choice(WINDOW, LONG_DOCUMENTS)
    length_bucket_size: int | None = integer(None, least=1, optional=True)
    task_id: int | None = integer(None, least=0, most=_MOST_TASKS, optional=True)

    def __post_init__(self):
        self.validate()

    @classmethod
    def from_preset(cls, name: str = "default", **overrides: Any) -> Self:
        """Returns the settings of a preset, some of them replaced.

        Args:
            name: `"default"`, this package's; or `"authors"`, those with which the checkpoints
                were released ("mixed & stochastic", without masked words).
            **overrides: fields to replace. What the preset sets and then has no effect is left out.

        Raises:
            ValueError: if there is no such preset, or a value is out of range.
            TypeError: if there is no such field.
        """
        if name not in PRESETS:
            raise ValueError(f"name={name!r} must be one of {', '.join(PRESETS)}")
        check_names(overrides, cls.option_names(), "pre-training setting")
        values = {**PRESETS[name], **overrides}
        strategy = values.get("strategy", DYNAMIC)
        return cls(
            **{
                field: value
                for field, value in values.items()
                if field in overrides or strategy in _USED_BY.get(field, STRATEGIES)
            }
        )

    def effective(self, field: str) -> Any:
        """Returns the value of a field, its default if it is None."""
        value = getattr(self, field)
        return _DEFAULTS.get(field) if value is None else value

    @property
    def counting(self) -> str:
        """The counting of n-grams, one of `COUNTINGS`."""
        named = _COUNTING_OF.get(self.strategy.rpartition("-")[2])
        return named or self.rouge_counting or "standard"

    @property
    def sentence_options(self) -> tuple[float, ...]:
        """The probabilities of mask, replace, keep and remove."""
        return tuple(self.effective(field) for field in _SENTENCE_OPTIONS)

    @property
    def word_options(self) -> tuple[float, ...]:
        """The probabilities of mask, replace and keep."""
        return tuple(self.effective(field) for field in _WORD_OPTIONS)

    def _check_together(self):
        if not isinstance(self.language, str) or not self.language:
            raise TypeError(f"language={self.language!r} must be a non-empty str")
        for field, strategies in _USED_BY.items():
            if getattr(self, field) is not None and self.strategy not in strategies:
                self._refuse(field, f"strategy={self.strategy!r}", ", ".join(strategies))
        if not self.masked_word_ratio:
            for field in _WORD_OPTIONS:
                if getattr(self, field) is not None:
                    self._refuse(field, "masked_word_ratio=0", "a ratio above 0")
        if self.replacement is not None and not self.effective("sentence_replace"):
            self._refuse("replacement", "sentence_replace=0", "a probability above 0")
        if self.strategy == NONE and not self.masked_word_ratio:
            raise ValueError("strategy='none' and masked_word_ratio=0 leave nothing to learn")
        for fields in (_SENTENCE_OPTIONS, _WORD_OPTIONS):
            total = math.fsum(self.effective(field) for field in fields)
            if not math.isclose(total, 1.0):
                shown = ", ".join(f"{field}={self.effective(field):g}" for field in fields)
                raise ValueError(f"{shown} must add up to 1, not {total:g}")

    def _refuse(self, field, given, needed):
        value = getattr(self, field)
        raise ValueError(f"{field}={value!r} has no effect with {given}: it needs {needed}")


_ALL_BUT_NONE = tuple(strategy for strategy in STRATEGIES if strategy != NONE)
# The strategies with which a field has an effect, of those that not all use.
_USED_BY = {
    "gap_sentence_ratio": _ALL_BUT_NONE,
    "dynamic_min_ratio": (DYNAMIC,),
    "rouge_noise": (DYNAMIC,),
    "rouge_size": _SCORED,
    "rouge_metric": _SCORED,
    "rouge_counting": (CONTINUOUS, DYNAMIC, HYBRID),
    "words": _SCORED,
    "stop_words": _SCORED,
    **dict.fromkeys(_SENTENCE_OPTIONS, _ALL_BUT_NONE),
    "replacement": _ALL_BUT_NONE,
}

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "authors": {
        "sentences": "authors",
        "words": "ascii",
        "stop_words": "en",
        "masked_word_ratio": 0.0,
        "min_sentences": 0,
        "long_documents": BEGINNING,
    },
}
