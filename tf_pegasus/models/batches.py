"""Batches of tokenized examples, as `transformers`' `prepare_tf_dataset` makes them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_pegasus.tokenizers.padding import PADDING_VALUES, pad_rows

# What Keras takes as the target, apart from the inputs.
_LABELS = "labels"


def batched(
    examples: Any,
    input_names: Sequence[str],
    tokenizer: Any = None,
    *,
    batch_size: int = 8,
    shuffle: bool = True,
    collate_fn: Callable | None = None,
    collate_fn_args: Mapping[str, Any] | None = None,
    drop_remainder: bool | None = None,
    prefetch: bool = True,
) -> tf.data.Dataset:
    """Batches tokenized examples.

    Args:
        examples: sequence of dicts from column to ids, such as a `datasets.Dataset`; they are read
            when they are needed.
        input_names: the columns to keep.
        tokenizer: has the `pad_token_id` of `input_ids`; labels are padded with -100. Without one,
            the rows of a batch must have the same length.
        batch_size: int.
        shuffle: bool, whether to draw a new order for each epoch.
        collate_fn: function from a list of dicts to a dict of arrays, instead of padding.
        collate_fn_args: dict of keyword arguments for it.
        drop_remainder: bool, whether to drop a last batch that is smaller; by default `shuffle`.
        prefetch: bool, whether to prepare batches ahead.

    Returns:
        `tf.data.Dataset` of `(inputs, labels)`, or of the inputs if there are no labels; the inputs
        are a dict, or a tensor if there is only one.

    Raises:
        ValueError: if there are no examples, or none of their columns is an input.
    """
    count = len(examples)
    if count == 0:
        raise ValueError("dataset has no examples")
    arguments = dict(collate_fn_args or {})

    def batch(indices):
        rows = [_selected(examples[int(index)], input_names) for index in indices]
        return collate_fn(rows, **arguments) if collate_fn else padded(rows, tokenizer)

    first = {name: np.asarray(array) for name, array in batch(range(min(count, 2))).items()}
    dtypes = [array.dtype for array in first.values()]

    def load(indices):
        arrays = batch(indices)
        return [np.asarray(arrays[name], dtypes[i]) for i, name in enumerate(first)]

    def tensors(indices):
        values = tf.numpy_function(load, [indices], dtypes)
        named = dict(zip(first, values, strict=True))
        for name, value in named.items():
            value.set_shape([None] * first[name].ndim)
        return _divided(named)

    order = tf.data.Dataset.range(count)
    if shuffle:
        order = order.shuffle(count, reshuffle_each_iteration=True)
    drop_remainder = shuffle if drop_remainder is None else drop_remainder
    dataset = order.batch(batch_size, drop_remainder=drop_remainder).map(tensors)
    return dataset.prefetch(tf.data.AUTOTUNE) if prefetch else dataset


def _selected(row, names):
    selected = {name: value for name, value in row.items() if name in names}
    if not selected:
        raise ValueError(
            f"dataset has the columns {sorted(row)}, none of which is an input of the model: "
            "tokenize its texts first"
        )
    return selected


def _divided(named):
    labels = named.pop(_LABELS, None)
    inputs = named if len(named) > 1 else next(iter(named.values()))
    return inputs if labels is None else (inputs, labels)


def padded(rows: Sequence[Mapping[str, Sequence[int]]], tokenizer: Any) -> dict[str, np.ndarray]:
    """Pads the ids of a batch, and adds an `attention_mask` if it is missing.

    Raises:
        ValueError: if rows have different lengths and there is no tokenizer.
    """
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    if tokenizer is None:
        for name, values in columns.items():
            if len(set(map(len, values))) > 1:
                raise ValueError(f"{name} has rows of different lengths: give a tokenizer")
    if "input_ids" in columns and "attention_mask" not in columns:
        columns["attention_mask"] = [[1] * len(ids) for ids in columns["input_ids"]]
    pad = 0 if tokenizer is None else tokenizer.pad_token_id
    return {
        name: pad_rows(values, PADDING_VALUES.get(name, pad)) for name, values in columns.items()
    }
