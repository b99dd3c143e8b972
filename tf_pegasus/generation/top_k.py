"""The best continuations of several hypotheses, out of the whole vocabulary, exactly."""

import tensorflow as tf

_BLOCK = 64


def best_continuations(scores, offsets, k):
    """The same as `tf.math.top_k` of `scores + offsets`, all rows of a source together.

    The k best entries lie in the k blocks with the largest maxima, so that only those blocks
    are searched; and an offset is added to maxima and to what is searched only. Ties go to the
    smaller index, as in `tf.math.top_k`.

    Args:
        scores: float32 `(batch, rows, n)`, n and rows known, no NaN.
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
    # In ascending order the candidates keep the order of their indices.
    best_blocks = tf.sort(best_blocks, axis=1)
    in_rows = best_blocks // blocks  # (batch, k)
    columns = (best_blocks % blocks)[:, :, None] * _BLOCK + tf.range(_BLOCK)  # (batch, k, block)
    exists = columns < n
    places = in_rows[:, :, None] * n + tf.minimum(columns, n - 1)
    candidates = tf.gather(tf.reshape(scores, (-1, rows * n)), places, axis=1, batch_dims=1)
    candidates += tf.gather(offsets, in_rows, axis=1, batch_dims=1)
    # Even among entries of -inf what does not exist loses every tie, because it stands last.
    candidates = tf.where(exists, candidates, -float("inf"))
    values, chosen = tf.math.top_k(tf.reshape(candidates, (-1, k * _BLOCK)), k)
    places = tf.reshape(places, (-1, k * _BLOCK))
    return values, tf.gather(places, chosen, axis=1, batch_dims=1)


def _block_maxima(scores):
    """float32 `(batch, rows, blocks)`, of blocks of `_BLOCK` columns; the last may be shorter."""
    rows, n = scores.shape[1:]
    whole = n // _BLOCK
    # Without padding the scores, which would copy them.
    maxima = tf.reshape(scores[:, :, : whole * _BLOCK], (-1, rows, whole, _BLOCK))
    maxima = tf.reduce_max(maxima, axis=3)
    if whole * _BLOCK == n:
        return maxima
    rest = tf.reduce_max(scores[:, :, whole * _BLOCK :], axis=2, keepdims=True)
    return tf.concat([maxima, rest], axis=2)
