"""Datasets of batches for training and validation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from tf_pegasus.data.collate import Collator, Truncation
from tf_pegasus.data.epochs import ordered_dataset
from tf_pegasus.data.order import BatchOrder
from tf_pegasus.data.records import OnError
from tf_pegasus.data.rows import Rows, as_rows
from tf_pegasus.data.token_cache import TokenCache
from tf_pegasus.tokenizers.sentencepiece_tokenizer import PegasusTokenizer

_IDS = dict.fromkeys(
    ("input_ids", "attention_mask", "labels"), tf.TensorSpec((None, None), tf.int32)
)
_TEXTS = (tf.TensorSpec((None,), tf.string),) * 2


@dataclass(frozen=True)
class DatasetStatistics:
    """What became of the rows of a dataset.

    Attributes:
        examples: int, number of good rows.
        skipped: int, number of bad rows that were left out.
        messages: list of str, what is wrong with the first of them.
        steps_per_epoch: int, number of batches.
        documents, summaries: `Truncation`, counted while the dataset is read; None if it is not
            tokenized.
    """

    examples: int
    skipped: int
    messages: list[str]
    steps_per_epoch: int
    documents: Truncation | None = None
    summaries: Truncation | None = None

    def __str__(self) -> str:
        lines = [f"{self.examples:,} examples, {self.skipped:,} bad rows skipped"]
        lines += [f"  {message}" for message in self.messages]
        for name, counts in (("documents", self.documents), ("summaries", self.summaries)):
            if counts is not None:
                lines.append(f"{name}: {counts}")
        return "\n".join(lines)


def summarization_dataset(
    data: Any,
    tokenizer: PegasusTokenizer | None = None,
    *,
    batch_size: int = 8,
    max_source_length: int | None = None,
    max_target_length: int | None = None,
    document_column: str | None = None,
    summary_column: str | None = None,
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
    cache: bool = False,
    prefetch: int = 2,
    temporary_directory: str | Path | None = None,
) -> tf.data.Dataset:
    """Returns a dataset of batches of documents and summaries, for `model.fit`.

    The rows stay on disk. They are read and checked once before the first step, so that errors
    come early and the order can be exact: each epoch is a shuffle of all rows that depends on
    `seed` and the number of the epoch only. An iteration of the dataset is an epoch, and the next
    iteration is the next epoch.

    Args:
        data: path or glob pattern of JSONL, CSV, Parquet or TFRecord files, also compressed, or a
            list of them; a list of dicts, a `datasets.Dataset`, a `tf.data.Dataset` of dicts, a
            TFDS builder; or `Rows` of any of these, for which the columns, `max_samples`,
            `on_error` and `split` are given already.
        tokenizer: `PegasusTokenizer`; None for a dataset of strings, for a model with a
            `preprocessor`.
        batch_size: int, examples of a batch, of one worker.
        max_source_length, max_target_length: int, longer sequences are truncated, keeping eos.
            Required with a tokenizer.
        document_column, summary_column: see `Rows`.
        max_samples: see `Rows`.
        on_error: see `Rows`.
        split: str, the split of a TFDS builder.
        shuffle: bool; False to validate.
        bucket: bool, whether batches have documents of similar lengths, for little padding. Without
            `shuffle`, the shortest come first.
        seed: int.
        start_step: int, number of batches that were read already: a dataset with this argument
            continues one that was interrupted.
        repeat: bool, whether an iteration goes on with the next epoch, without end.
        num_shards, shard_index: int, number of workers, and which of them this is, where each
            worker is given its own batches. Together they have the same examples in each step as
            one worker with a batch `num_shards` times as large. `fit` under `tf.distribute` cuts
            batches itself.
        cache: bool, whether ids are kept in a temporary file, so that each text is tokenized once.
        prefetch: int, number of batches that are prepared ahead.
        temporary_directory: path for temporary files; the system's if None.

    Returns:
        `tf.data.Dataset` of dicts of int32 `(batch, length)`: `input_ids`, `attention_mask`, and
        `labels` padded with -100; without a tokenizer, of pairs of strings `(batch,)`. Its
        attribute `statistics`, a `DatasetStatistics`, counts skipped rows and truncated tokens.

    Raises:
        ValueError: if a row is bad, or an argument is out of range or without effect; see `Rows`
            and `BatchOrder`.
        FileNotFoundError: if there is no such file.
        TypeError: if `data` is nothing that has records.
        ImportError: if a file's reader is not installed.

    Example:
        >>> data = summarization_dataset(
        ...     "train-*.jsonl", tokenizer, max_source_length=512, max_target_length=128
        ... )
        >>> model.fit(data, epochs=3)
        >>> print(data.statistics)
    """
    reading = {
        "document_column": document_column,
        "summary_column": summary_column,
        "max_samples": max_samples,
        "split": split,
    }
    rows = as_rows(Rows, data, {**reading, "on_error": on_error}, temporary_directory)
    order = BatchOrder(rows.sizes, batch_size, seed, shuffle, bucket, num_shards, shard_index)
    collator = None
    if tokenizer is None:
        _check_without_tokenizer(max_source_length, max_target_length, cache)
        batches = _texts(rows)
    else:
        collator = Collator(tokenizer, max_source_length, max_target_length)
        batches = _ids(rows, collator, _cache(tokenizer, rows, temporary_directory, cache))
    dataset = ordered_dataset(
        order,
        lambda epoch, indices: batches(indices),
        _TEXTS if collator is None else _IDS,
        start_step=start_step,
        repeat=repeat,
        prefetch=prefetch,
    )
    dataset.statistics = DatasetStatistics(
        len(rows),
        rows.skipped,
        rows.messages,
        order.steps,
        None if collator is None else collator.sources,
        None if collator is None else collator.targets,
    )
    return dataset


def _check_without_tokenizer(max_source_length, max_target_length, cache):
    given = {
        "max_source_length": max_source_length,
        "max_target_length": max_target_length,
        "cache": cache or None,
    }
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{name}={value!r} has no effect without a tokenizer")


def _cache(tokenizer, rows, directory, cache):
    if not cache:
        return None
    if tokenizer.sp_model_kwargs.get("enable_sampling"):
        raise ValueError(
            "cache=True would keep one segmentation of each text, but the tokenizer samples: leave "
            "cache out"
        )
    return TokenCache(len(rows), directory)


def _texts(rows):
    """Returns a function from indices to a batch of strings."""

    def batch(indices):
        documents, summaries = zip(*rows.take(indices), strict=True)
        return list(documents), list(summaries)

    return batch


def _ids(rows, collator, cache):
    """Returns a function from indices to a batch of ids."""

    def encoded(indices):
        return collator.encode(rows.take(indices))

    def cached(indices):
        missing = cache.missing(indices)
        if len(missing):
            for index, row in zip(missing, encoded(missing), strict=True):
                cache.put(index, row)
        return [cache.get(index) for index in indices]

    get = encoded if cache is None else cached
    return lambda indices: collator.pad(get(indices))
