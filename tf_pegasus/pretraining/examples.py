"""Makes a pre-training example of a document."""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tf_pegasus.pretraining.gap_sentences import GapSentenceSelector
from tf_pegasus.pretraining.masked_words import WordMasker, mask_id
from tf_pegasus.pretraining.sentences import sentence_splitter
from tf_pegasus.pretraining.settings import (
    FIRST_LENGTH_ID,
    FIRST_TASK_ID,
    HYBRID,
    LAST_LENGTH_ID,
    WINDOW,
    PretrainingSettings,
)
from tf_pegasus.tokenizers.padding import IGNORED_LABEL
from tf_pegasus.tokenizers.sentencepiece_tokenizer import PegasusTokenizer

# Characters that are tokenized for each token of the input, where a document has more.
_CHARACTERS_A_TOKEN = 8


class Example(NamedTuple):
    """A document as input and target.

    Attributes:
        input_ids: int32 `(length,)`, at most `max_source_length`.
        labels: int32 `(length,)`, at most `max_target_length`: the gap sentences.
        mlm_labels: int32, of the length of the input: the ids of masked words, -100 elsewhere; None
            if no words are masked.
        source_length, target_length: int, the lengths before they were cut.
    """

    input_ids: np.ndarray
    labels: np.ndarray
    mlm_labels: np.ndarray | None
    source_length: int
    target_length: int


class ExampleMaker:
    """Makes examples of documents.

    Special tokens that a document spells are text, not ids.

    Args:
        tokenizer: `PegasusTokenizer` with mask tokens.
        settings: `PretrainingSettings`; by default those of this package.

    Raises:
        ValueError: if the vocabulary lacks what the settings need, or there is no list of stop
            words.
        ImportError: if a library that the settings need is not installed.
    """

    def __init__(self, tokenizer: PegasusTokenizer, settings: PretrainingSettings | None = None):
        self._settings = settings = settings or PretrainingSettings()
        self._tokenizer = copy.copy(tokenizer)
        self._tokenizer.escape_special_tokens()
        self._sentence_mask = mask_id(tokenizer, tokenizer.mask_token_sent)
        self._check_reserved()
        self._split = sentence_splitter(settings)
        self._select = GapSentenceSelector(settings)
        self._mask_words = WordMasker(tokenizer, settings) if settings.masked_word_ratio else None
        self._options = np.cumsum(settings.sentence_options)
        self._has_window = settings.long_documents == WINDOW
        is_hybrid = settings.strategy == HYBRID
        # For the document, without the ids in front of it and eos.
        self._room = settings.max_source_length - len(self._prefix(0)) - is_hybrid - 1

    def _check_reserved(self):
        settings, first = self._settings, self._tokenizer.unk_token_id
        needed = {
            "strategy": settings.strategy == HYBRID and FIRST_LENGTH_ID,
            "length_bucket_size": settings.length_bucket_size is not None and LAST_LENGTH_ID + 1,
            "task_id": settings.task_id is not None and FIRST_TASK_ID + settings.task_id + 1,
        }
        for name, end in needed.items():
            if end and end > first:
                raise ValueError(
                    f"{name}={getattr(settings, name)!r} needs ids below {end}, but those of the "
                    f"vocabulary from {first} on are text: use a tokenizer with offset=103"
                )

    def __call__(
        self, texts: Sequence[str], randoms: Sequence[np.random.Generator]
    ) -> list[Example | None]:
        """Makes an example of each document.

        All random numbers of a document are drawn from its generator: with
        `long_documents="window"`, one `random()` for a document with too many characters, and
        another if too many tokens remain; those of `GapSentenceSelector`; for each selected
        sentence one `random()` for what becomes of it, followed by one `random()` for what replaces
        it, if something does; those of `WordMasker`.

        Args:
            texts: list of str.
            randoms: list of `np.random.Generator`, one a document.

        Returns:
            list of `Example`, or None for a document that `min_sentences` or `min_target_length`
            drops.
        """
        documents = [
            self._near(self._split(self._cut(text)), random)
            for text, random in zip(texts, randoms, strict=True)
        ]
        # Of all documents in one call, so that the tokenizer uses all cores.
        sentences = [sentence for document in documents for sentence in document]
        ids = iter(self._tokenizer.encode_batch(sentences))
        return [
            # Without the eos that `encode_batch` adds.
            self._example(document, [next(ids)[:-1] for _ in document], random)
            for document, random in zip(documents, randoms, strict=True)
        ]

    def _cut(self, text):
        most = self._settings.max_total_words
        if most is None:
            return text
        words = [word for word in text.split(" ") if word]
        return text if len(words) <= most else " ".join(words[:most])

    def _near(self, sentences, random):
        """Returns the sentences of a part of a document that is large enough to fill the input."""
        if not self._has_window:
            return sentences
        most = _CHARACTERS_A_TOKEN * self._settings.max_source_length
        return sentences[window([len(sentence) for sentence in sentences], most, random)]

    def _example(self, sentences, ids, random):
        settings, eos = self._settings, self._tokenizer.eos_token_id
        if self._has_window:
            part = window([len(row) for row in ids], self._room, random)
            sentences, ids = sentences[part], ids[part]
        if len(sentences) < settings.min_sentences:
            return None
        selected, task = self._select(sentences, random)
        target = [index for number in selected for index in ids[number]] + [eos]
        if min(len(target), settings.max_target_length) < settings.min_target_length:
            return None
        self._hide(ids, selected, random)
        source = [] if task is None else [task]
        source += [index for sentence in ids for index in sentence] + [eos]
        input_ids, mlm_labels = np.array(source, "int32"), None
        if self._mask_words is not None:
            input_ids, mlm_labels = self._mask_words(input_ids, random)
        labels = np.array(target[: settings.max_target_length], "int32")
        before = self._prefix(len(labels))
        most = settings.max_source_length
        if mlm_labels is not None:
            ignored = np.full(len(before), IGNORED_LABEL, "int32")
            mlm_labels = np.concatenate([ignored, mlm_labels])[:most]
        input_ids = np.concatenate([np.array(before, "int32"), input_ids])
        return Example(input_ids[:most], labels, mlm_labels, len(input_ids), len(target))

    def _hide(self, ids, selected, random):
        """Replaces the selected sentences in `ids`."""
        mask, replace, keep = self._options[:3]
        for number in selected:
            choice = random.random()
            if choice < mask:
                ids[number] = [self._sentence_mask]
            elif choice < replace:
                ids[number] = self._replacement(ids, selected, random)
            elif choice >= keep:
                ids[number] = []

    def _replacement(self, ids, selected, random):
        candidates = range(len(ids))
        if self._settings.effective("replacement") == "other":
            chosen = set(selected)
            candidates = [number for number in candidates if number not in chosen]
        drawn = random.random()
        if not candidates:
            return [self._sentence_mask]
        return ids[candidates[int(drawn * len(candidates))]]

    def _prefix(self, target_length):
        """Returns the ids in front of the input: of the corpus, of the target's length."""
        settings, ids = self._settings, []
        if settings.task_id is not None:
            ids.append(FIRST_TASK_ID + settings.task_id)
        if settings.length_bucket_size is not None:
            bucket = FIRST_LENGTH_ID + target_length // settings.length_bucket_size
            ids.append(min(bucket, LAST_LENGTH_ID))
        return ids


def window(lengths: Sequence[int], most: int, random: np.random.Generator) -> slice:
    """Returns neighbours from a random place whose lengths add up to at most `most`.

    It is all of them if they do, for which no number is drawn; and at least one.

    Args:
        lengths: list of int, of sentences.
        most: int.
        random: `np.random.Generator`.
    """
    ends = np.cumsum(lengths)
    if not len(ends) or ends[-1] <= most:
        return slice(None)
    starts = ends - lengths
    drawn = int(random.random() * (ends[-1] - most + 1))
    first = min(int(np.searchsorted(starts, drawn)), len(ends) - 1)
    last = int(np.searchsorted(ends, starts[first] + most, side="right"))
    return slice(first, max(last, first + 1))
