"""Exact top-k over long rows in two stages."""

import math

import tensorflow as tf


def exact_top_k(scores, k):
    """The same values and indices as `tf.math.top_k(scores, k)`, found faster.

    The k best entries of a row lie in the k blocks with the greatest maxima, so only those
    blocks are searched. Ties go to the smaller index, as in `tf.math.top_k`.

    Args:
        scores: float `(rows, n)`, n known and at least k, no NaN.
        k: int.

    Returns:
        values `(rows, k)` and int32 indices `(rows, k)`, best first.
    """
    n = scores.shape[1]
    # Stage one reads n / block maxima, stage two k * block entries: balance the two.
    block = max(1, int(math.sqrt(n / k)))
    blocks = -(-n // block)
    if blocks <= 2 * k:
        return tf.math.top_k(scores, k)
    # Even among entries of -inf the padding loses every tie, because it stands last.
    padding = [[0, 0], [0, blocks * block - n]]
    padded = tf.pad(scores, padding, constant_values=-math.inf)
    padded = tf.reshape(padded, (-1, blocks, block))
    _, best_blocks = tf.math.top_k(tf.reduce_max(padded, axis=2), k)
    # In ascending order the candidates keep the order of their indices.
    best_blocks = tf.sort(best_blocks, axis=1)
    candidates = tf.gather(padded, best_blocks, axis=1, batch_dims=1)  # (rows, k, block)
    values, places = tf.math.top_k(tf.reshape(candidates, (-1, k * block)), k)
    chosen_blocks = tf.gather(best_blocks, places // block, axis=1, batch_dims=1)
    return values, chosen_blocks * block + places % block
