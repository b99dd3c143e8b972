"""Rounding shapes up, so that few different ones are ever compiled.

Lengths go up to a power of two or to one and a half times one, batches to a power of two.
"""

import numpy as np
import tensorflow as tf

_POWERS = 2 ** np.arange(31, dtype="int64")
SIZES = {
    "batch": _POWERS[:24].astype("int32"),
    "length": np.sort(np.concatenate([_POWERS[4:24], 3 * _POWERS[3:22]])).astype("int32"),
}


def bucket(size, kind, most=None):
    """The smallest bucket that holds `size`, at most `most`: an int32 scalar tensor.

    Args:
        size: int or int32 scalar tensor.
        kind: `"batch"` or `"length"`.
        most: int or None, the largest size there is (such as the model's longest source).
    """
    sizes = tf.constant(SIZES[kind])
    size = tf.convert_to_tensor(size, tf.int32)
    chosen = sizes[tf.searchsorted(sizes, size[None])[0]]
    return chosen if most is None else tf.maximum(tf.minimum(chosen, most), size)


def pad_to_bucket(input_ids, attention_mask, pad_token_id, longest):
    """Pads ids and mask, both int32 `(batch, length)`, to the buckets of their shape.

    Added rows have an all-zero mask, which the searches do not work on.
    """
    batch, length = tf.unstack(tf.shape(input_ids))
    rows = bucket(batch, "batch") - batch
    columns = bucket(length, "length", longest) - length
    padding = [[0, rows], [0, columns]]
    return (
        tf.pad(input_ids, padding, constant_values=pad_token_id),
        tf.pad(attention_mask, padding),
    )
