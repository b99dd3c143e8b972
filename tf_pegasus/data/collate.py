"""Makes arrays of ids of text pairs: tokenizes, truncates, counts, and pads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tf_pegasus.tokenizers.padding import IGNORED_LABEL, pad_rows
from tf_pegasus.tokenizers.sentencepiece_tokenizer import PegasusTokenizer
from tf_pegasus.tokenizers.truncation import check_max_lengths

# Lengths are padded to a multiple of this number, which suits vector units and compilers.
LENGTH_MULTIPLE = 8


@dataclass
class Truncation:
    """Counts what truncation cuts off, as texts are tokenized.

    Attributes:
        texts: int, number of texts.
        tokens: int, number of their tokens, including eos.
        texts_cut: int, number of texts longer than the limit.
        tokens_cut: int, number of tokens cut off.
    """

    texts: int = 0
    tokens: int = 0
    texts_cut: int = 0
    tokens_cut: int = 0

    def count(self, length: int, limit: int) -> None:
        """Counts a text of `length` tokens."""
        self.texts += 1
        self.tokens += length
        self.texts_cut += length > limit
        self.tokens_cut += max(0, length - limit)

    def __str__(self) -> str:
        share = self.tokens_cut / max(1, self.tokens)
        return (
            f"{self.texts_cut:,} of {self.texts:,} truncated, {self.tokens_cut:,} of "
            f"{self.tokens:,} tokens cut off ({share:.1%})"
        )


class Collator:
    """Turns text pairs into the inputs of a training step.

    Args:
        tokenizer: `PegasusTokenizer`.
        max_source_length, max_target_length: int, longer sequences are truncated; with eos.

    Attributes:
        sources, targets: `Truncation`.

    Raises:
        ValueError: if a length is less than 1.
    """

    def __init__(
        self,
        tokenizer: PegasusTokenizer,
        max_source_length: int | None,
        max_target_length: int | None,
    ):
        check_max_lengths(max_source_length, max_target_length)
        self._tokenizer = tokenizer
        self._max_source_length = max_source_length
        self._max_target_length = max_target_length
        self.sources = Truncation()
        self.targets = Truncation()

    def encode(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Returns int32 ids of document and summary of each pair, truncated, with eos."""
        documents, summaries = zip(*pairs, strict=True)
        sources = self._encode(documents, self._max_source_length, self.sources)
        targets = self._encode(summaries, self._max_target_length, self.targets)
        return list(zip(sources, targets, strict=True))

    def _encode(self, texts, limit, counter):
        rows = []
        for ids in self._tokenizer.encode_batch(texts):
            counter.count(len(ids), limit)
            rows.append(np.array(self._tokenizer.truncate(ids, limit), "int32"))
        return rows

    def pad(self, rows: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, np.ndarray]:
        """Returns int32 arrays: `input_ids`, `attention_mask`, and `labels` padded with -100."""
        sources, targets = zip(*rows, strict=True)
        return padded_batch(sources, targets, self._tokenizer.pad_token_id)


def padded_batch(
    sources: Sequence[Any], targets: Sequence[Any], pad_token_id: int
) -> dict[str, np.ndarray]:
    """Returns int32 arrays: `input_ids`, `attention_mask`, and `labels` padded with -100."""
    input_ids = pad_rows(sources, pad_token_id, LENGTH_MULTIPLE)
    lengths = np.array([len(source) for source in sources])[:, None]
    return {
        "input_ids": input_ids,
        "attention_mask": (np.arange(input_ids.shape[1]) < lengths).astype("int32"),
        "labels": padded_labels(targets),
    }


def padded_labels(labels: Sequence[Any]) -> np.ndarray:
    """Returns labels padded with -100, int32."""
    return pad_rows(labels, IGNORED_LABEL, LENGTH_MULTIPLE)
