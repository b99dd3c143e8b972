"""Computes requests of any size in parts that fit the buckets."""

import tensorflow as tf


def in_parts(function, inputs, most, shapes, dtypes):
    """Calls a function on at most `most` rows at a time and returns the results in row order.

    Rows of similar lengths are computed together.

    Args:
        function: callable that takes tensors like `inputs`, but with fewer rows and with sources
            that are cut to the columns in use (at least one), and returns a tuple of tensors with
            the same number of rows.
        inputs: tuple of int32 `(batch, length)`: source ids, their mask, and others.
        most: int, largest number of rows per call.
        shapes: tuple of the results' shapes, without the batch axis.
        dtypes: tuple of the results' dtypes.

    Returns:
        tuple of tensors `(batch, *shape)`.
    """
    ids, mask, *others = map(_with_a_column, inputs)
    batch = tf.shape(mask)[0]
    # Number of columns up to the last token of each row: (batch,)
    used = tf.reduce_max(mask * tf.range(1, tf.shape(mask)[1] + 1), axis=1)
    order = tf.argsort(used, stable=True)
    # An empty batch is one empty part.
    parts = tf.maximum((batch + most - 1) // most, 1)

    def step(part, *arrays):
        rows = order[part * most : (part + 1) * most]
        columns = tf.maximum(tf.reduce_max(tf.gather(used, rows)), 1)
        results = function(
            tf.gather(ids, rows)[:, :columns],
            tf.gather(mask, rows)[:, :columns],
            *(tf.gather(value, rows) for value in others),
        )
        written = (a.write(part, result) for a, result in zip(arrays, results, strict=True))
        return part + 1, *written

    arrays = (
        tf.TensorArray(dtype, size=parts, infer_shape=False, element_shape=(None, *shape))
        for shape, dtype in zip(shapes, dtypes, strict=True)
    )
    _, *arrays = tf.while_loop(
        lambda part, *arrays: part < parts,
        step,
        (tf.constant(0), *arrays),
        parallel_iterations=1,
    )
    places = tf.argsort(order)
    return tuple(
        tf.ensure_shape(tf.gather(array.concat(), places), (None, *shape))
        for array, shape in zip(arrays, shapes, strict=True)
    )


def _with_a_column(value):
    """Returns `value`, with one column of zeros if it has no columns."""
    return tf.pad(value, [[0, 0], [0, tf.maximum(1 - tf.shape(value)[1], 0)]])
