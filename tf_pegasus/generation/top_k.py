"""Exact top-k over the vocabulary and all hypotheses of a source."""

import tensorflow as tf

_BLOCK = 64


def best_continuations(scores, offsets, k):
    """Returns `tf.math.top_k` of `scores + offsets` over all rows of a source together.

    The k best entries lie in the k blocks with the largest maxima, so only those blocks are
    searched, and offsets are added only to maxima and to these blocks. Ties go to the smaller
    index, as in `tf.math.top_k`.

    Args:
        scores: float32 `(batch, rows, n)`, rows and n static, without NaN.
        offsets: float32 `(batch, rows, 1)`.
        k: int, at most rows * n.

    Returns:
        values `(batch, k)` and int32 indices `(batch, k)` into `(rows * n,)`, best first.
    """
    rows, n = scores.shape[1:]
    blocks = -(-n // _BLOCK)
    if n < _BLOCK or rows * blocks <= 2 * k:
        return tf.math.top_k(tf.reshape(scores + offsets, (-1, rows * n)), k)
    maxima = tf.reshape(_block_maxima(scores) + offsets, (-1, rows * blocks))
    _, best_blocks = tf.math.top_k(maxima, k)
    # In ascending order, candidates keep the order of their indices.
    best_blocks = tf.sort(best_blocks, axis=1)
    in_rows = best_blocks // blocks  # (batch, k)
    columns = (best_blocks % blocks)[:, :, None] * _BLOCK + tf.range(_BLOCK)  # (batch, k, block)
    exists = columns < n
    places = in_rows[:, :, None] * n + tf.minimum(columns, n - 1)
    candidates = tf.gather(tf.reshape(scores, (-1, rows * n)), places, axis=1, batch_dims=1)
    candidates += tf.gather(offsets, in_rows, axis=1, batch_dims=1)
    # Padding comes last, so that it loses every tie, even among entries of -inf.
    candidates = tf.where(exists, candidates, -float("inf"))
    values, chosen = tf.math.top_k(tf.reshape(candidates, (-1, k * _BLOCK)), k)
    places = tf.reshape(places, (-1, k * _BLOCK))
    return values, tf.gather(places, chosen, axis=1, batch_dims=1)


def _block_maxima(scores):
    """Returns the maxima of blocks of `_BLOCK` columns, float32 `(batch, rows, blocks)`.

    The last block may be shorter.
    """
    rows, n = scores.shape[1:]
    whole = n // _BLOCK
    # Padding the scores instead would copy them.
    maxima = tf.reshape(scores[:, :, : whole * _BLOCK], (-1, rows, whole, _BLOCK))
    maxima = tf.reduce_max(maxima, axis=3)
    if whole * _BLOCK == n:
        return maxima
    rest = tf.reduce_max(scores[:, :, whole * _BLOCK :], axis=2, keepdims=True)
    return tf.concat([maxima, rest], axis=2)
