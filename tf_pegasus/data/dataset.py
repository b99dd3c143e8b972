"""Tokenized examples and their batches for training and validation."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from tf_pegasus.tokenizers.padding import IGNORED_LABEL, pad_rows
from tf_pegasus.tokenizers.sentencepiece_tokenizer import PegasusTokenizer

# Batches are cut from a shuffled chunk of this many batches, sorted by length: large enough for
# little padding, small enough for well mixed batches.
BATCHES_PER_CHUNK = 50
# Lengths are padded to a multiple of this number, which suits vector units and compilers.
LENGTH_MULTIPLE = 8


class Examples:
    """Tokenized (source, target) pairs.

    Args:
        records: dicts with `document` and `summary`.
        tokenizer: `PegasusTokenizer`.
        max_source_length, max_target_length: int, longer sequences are truncated; with eos.
    """

    def __init__(
        self,
        records: Iterable[dict[str, Any]],
        tokenizer: PegasusTokenizer,
        max_source_length: int,
        max_target_length: int,
    ):
        records = list(records)
        if not records:
            raise ValueError("there are no examples to train on or to validate with")
        self.sources = _encode(tokenizer, [r["document"] for r in records], max_source_length)
        self.targets = _encode(tokenizer, [r["summary"] for r in records], max_target_length)
        self.lengths = np.array([len(source) for source in self.sources])
        self.pad_token_id = tokenizer.pad_token_id

    def __len__(self) -> int:
        return len(self.sources)

    def batch(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the padded examples as int32 arrays: `input_ids`, `attention_mask`, `labels`."""
        input_ids = pad_rows([self.sources[i] for i in indices], self.pad_token_id, LENGTH_MULTIPLE)
        lengths = self.lengths[indices][:, None]
        return {
            "input_ids": input_ids,
            "attention_mask": (np.arange(input_ids.shape[1]) < lengths).astype("int32"),
            "labels": pad_rows([self.targets[i] for i in indices], IGNORED_LABEL, LENGTH_MULTIPLE),
        }

    def epoch(self, number: int, batch_size: int, seed: int) -> list[np.ndarray]:
        """Returns the index arrays of one epoch, in an order determined by `seed` and `number`."""
        random = np.random.default_rng((seed, number))
        order = random.permutation(len(self))
        batches = []
        chunk_size = batch_size * BATCHES_PER_CHUNK
        for start in range(0, len(order), chunk_size):
            chunk = order[start : start + chunk_size]
            chunk = chunk[np.argsort(self.lengths[chunk], kind="stable")]
            batches += [chunk[i : i + batch_size] for i in range(0, len(chunk), batch_size)]
        return [batches[i] for i in random.permutation(len(batches))]


def _encode(tokenizer, texts, max_length):
    return [
        np.array(tokenizer.truncate(ids, max_length), "int32")
        for ids in tokenizer.encode_batch(texts)
    ]


def steps_per_epoch(examples: Examples, batch_size: int) -> int:
    """Returns the number of batches of `Examples.epoch`."""
    chunk_size = batch_size * BATCHES_PER_CHUNK
    full, rest = divmod(len(examples), chunk_size)
    return full * BATCHES_PER_CHUNK + -(-rest // batch_size)


def training_dataset(
    examples: Examples, batch_size: int, seed: int = 0, start_step: int = 0
) -> tf.data.Dataset:
    """Returns an endless `tf.data.Dataset` of batches that starts at `start_step`."""
    per_epoch = steps_per_epoch(examples, batch_size)

    def generate():
        number, skip = divmod(start_step, per_epoch)
        while True:
            for indices in examples.epoch(number, batch_size, seed)[skip:]:
                yield examples.batch(indices)
            number, skip = number + 1, 0

    return _dataset(generate, tf.data.INFINITE_CARDINALITY)


def validation_dataset(examples: Examples, batch_size: int) -> tf.data.Dataset:
    """Returns a `tf.data.Dataset` of all examples, sorted by length."""
    order = np.argsort(examples.lengths, kind="stable")

    def generate():
        for start in range(0, len(order), batch_size):
            yield examples.batch(order[start : start + batch_size])

    return _dataset(generate, -(-len(examples) // batch_size))


def _dataset(generate, cardinality):
    matrix = tf.TensorSpec((None, None), tf.int32)
    signature = {"input_ids": matrix, "attention_mask": matrix, "labels": matrix}
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(cardinality)).prefetch(2)
