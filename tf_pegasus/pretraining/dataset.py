"""Datasets of batches for pre-training: examples are made of documents as they are needed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tf_pegasus.data.collate import Truncation, padded_batch, padded_labels
from tf_pegasus.data.dataset import DatasetStatistics
from tf_pegasus.data.epochs import ordered_dataset
from tf_pegasus.data.order import BatchOrder
from tf_pegasus.data.records import OnError
from tf_pegasus.data.rows import Documents, as_rows
from tf_pegasus.pretraining.examples import Example, ExampleMaker
from tf_pegasus.pretraining.settings import NONE, PretrainingSettings
from tf_pegasus.tokenizers.padding import IGNORED_LABEL
from tf_pegasus.tokenizers.sentencepiece_tokenizer import PegasusTokenizer

# Documents that are tried before the settings are said to drop all.
_MOST_ATTEMPTS = 100


@dataclass(frozen=True)
class PretrainingStatistics(DatasetStatistics):
    """What became of the documents; `documents` counts inputs, `summaries` targets.

    Attributes:
        replacements: `Replacements`.
    """

    replacements: "Replacements | None" = None

    def __str__(self) -> str:
        return f"{super().__str__()}\n{self.replacements}"


@dataclass
class Replacements:
    """Counts documents that were dropped, in whose place another was drawn.

    Attributes:
        count: int.
    """

    count: int = 0

    def __str__(self) -> str:
        return f"{self.count:,} times, another document took the place of one with too little text"


def pretraining_dataset(
    data: Any,
    tokenizer: PegasusTokenizer,
    settings: PretrainingSettings | None = None,
    *,
    batch_size: int = 8,
    text_column: str | None = None,
    text_layout: str | None = None,
    max_samples: int | None = None,
    on_error: OnError = "raise",
    split: str | None = None,
    shuffle: bool = True,
    bucket: bool = True,
    seed: int = 0,
    start_step: int = 0,
    repeat: bool = False,
    num_shards: int = 1,
    shard_index: int = 0,
    remask: bool = True,
    prefetch: int = 2,
    temporary_directory: str | Path | None = None,
) -> tf.data.Dataset:
    """Returns a dataset of batches of gap sentences and masked words, for `model.fit`.

    As in `summarization_dataset`, documents stay on disk, and are read and checked once before the
    first step; each iteration is the next epoch. What is masked in a document is new in each epoch,
    and depends on `seed`, the number of the epoch and that of the document only. Where `settings`
    drop a document, another one that is drawn in the same way takes its place.

    Args:
        data: path or glob pattern of text (`.txt`), JSONL, CSV, Parquet or TFRecord files, also
            compressed, or a list of them; a list of dicts, a `datasets.Dataset`, a
            `tf.data.Dataset` of dicts, a TFDS builder; or `Documents` of any of these, for which
            `text_column`, `text_layout`, `max_samples`, `on_error` and `split` are given already.
        tokenizer: `PegasusTokenizer` with mask tokens.
        settings: `PretrainingSettings`; by default those of this package.
        batch_size: int, examples of a batch, of one worker.
        text_column, text_layout, max_samples, on_error, split: see `Documents`.
        shuffle, bucket, seed, start_step, repeat, num_shards, shard_index, prefetch,
            temporary_directory: see `summarization_dataset`.
        remask: bool, whether what is masked is drawn anew in each epoch; False to validate.

    Returns:
        `tf.data.Dataset` of dicts of int32 `(batch, length)`: `input_ids`, `attention_mask`,
        `labels`, and `mlm_labels` if words are masked; labels are padded with -100. With the
        strategy `"none"` all `labels` are -100. (The authors' code learns the eos there.) Its
        attribute `statistics`, a `PretrainingStatistics`, counts skipped rows, tokens cut off and
        documents replaced.

    Raises:
        ValueError: if a row is bad, or an argument is out of range or without effect; see
            `Documents`, `BatchOrder` and `ExampleMaker`. While it is read: if 100 documents
            in a row have too little text for `settings`.
        FileNotFoundError: if there is no such file.
        TypeError: if `data` is nothing that has records.
        ImportError: if a library that a file or `settings` need is not installed.

    Example:
        >>> data = pretraining_dataset("corpus-*.txt", tokenizer, batch_size=32)
        >>> model = TFPegasusForPreTraining(config)
        >>> model.compile("adafactor")
        >>> model.fit(data, epochs=3)
        >>> print(data.statistics)
    """
    if tokenizer.sp_model_kwargs.get("enable_sampling"):
        raise ValueError(
            "the tokenizer samples, so that examples would depend on more than seed: use one "
            "without enable_sampling"
        )
    settings = settings or PretrainingSettings()
    reading = {
        "text_column": text_column,
        "text_layout": text_layout,
        "max_samples": max_samples,
        "split": split,
        "on_error": on_error,
    }
    documents = as_rows(Documents, data, reading, temporary_directory)
    order = BatchOrder(documents.sizes, batch_size, seed, shuffle, bucket, num_shards, shard_index)
    batches = _Batches(documents, tokenizer, settings, seed, remask)
    names = ["input_ids", "attention_mask", "labels"]
    names += ["mlm_labels"] if settings.masked_word_ratio else []
    dataset = ordered_dataset(
        order,
        batches,
        dict.fromkeys(names, tf.TensorSpec((None, None), tf.int32)),
        start_step=start_step,
        repeat=repeat,
        prefetch=prefetch,
    )
    dataset.statistics = PretrainingStatistics(
        len(documents),
        documents.skipped,
        documents.messages,
        order.steps,
        batches.sources,
        batches.targets,
        batches.replacements,
    )
    return dataset


class _Batches:
    """Makes the batch of an epoch and of indices of documents."""

    def __init__(self, documents, tokenizer, settings, seed, remask):
        self._documents, self._settings, self._seed = documents, settings, seed
        self._remask = remask
        self._pad_token_id = tokenizer.pad_token_id
        self._make = ExampleMaker(tokenizer, settings)
        self.sources, self.targets = Truncation(), Truncation()
        self.replacements = Replacements()

    def __call__(self, epoch, indices):
        examples = self._examples(epoch if self._remask else 0, indices)
        for example in examples:
            self.sources.count(example.source_length, self._settings.max_source_length)
            self.targets.count(example.target_length, self._settings.max_target_length)
        labels = [example.labels for example in examples]
        if self._settings.strategy == NONE:
            labels = [np.full_like(row, IGNORED_LABEL) for row in labels]
        batch = padded_batch([e.input_ids for e in examples], labels, self._pad_token_id)
        if self._settings.masked_word_ratio:
            batch["mlm_labels"] = padded_labels([e.mlm_labels for e in examples])
        return batch

    def _examples(self, epoch, indices) -> list[Example]:
        examples: list[Example | None] = [None] * len(indices)
        for attempt in range(_MOST_ATTEMPTS):
            missing = [place for place, example in enumerate(examples) if example is None]
            if not missing:
                break
            self.replacements.count += len(missing) if attempt else 0
            randoms = [
                np.random.default_rng((self._seed, epoch, indices[place], attempt))
                for place in missing
            ]
            chosen = indices[missing]
            if attempt:
                count = len(self._documents)
                chosen = np.array([int(random.random() * count) for random in randoms])
            made = self._make(self._documents.take(chosen), randoms)
            for place, example in zip(missing, made, strict=True):
                examples[place] = example
        found = [example for example in examples if example is not None]
        if len(found) < len(examples):
            settings = self._settings
            raise ValueError(
                f"none of {_MOST_ATTEMPTS} documents has at least "
                f"min_sentences={settings.min_sentences} and a target of at least "
                f"min_target_length={settings.min_target_length} tokens: the data has too little "
                "text for these settings"
            )
        return found
