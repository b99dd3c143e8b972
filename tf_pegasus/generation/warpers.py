"""Processors that shape the distribution that tokens are sampled from.

See `tf_pegasus.generation.logits_processors` for the form of a processor.
"""

import tensorflow as tf

from tf_pegasus.generation.token_rules import FORBIDDEN


def divide_by_temperature(temperature):
    """Divides scores: values below 1 sharpen the distribution, values above 1 flatten it."""

    def process(sequences, length, scores):
        return scores / temperature

    return process


def keep_top_k(k):
    """Forbids all but the k most probable tokens (Fan et al., 2018); ties are kept."""

    def process(sequences, length, scores):
        values, _ = tf.math.top_k(scores, min(k, scores.shape[1]))
        return tf.where(scores < values[:, -1:], FORBIDDEN, scores)

    return process


def keep_top_p(p, least):
    """Keeps the most probable tokens that together reach `p`, and at least `least` tokens.

    Nucleus sampling, Holtzman et al., 2020.
    """

    def process(sequences, length, scores):
        ascending = tf.argsort(scores, axis=1, stable=True)
        values = tf.gather(scores, ascending, axis=1, batch_dims=1)
        mass = tf.cumsum(tf.nn.softmax(values), axis=1)
        vocab_size = scores.shape[1]
        keep = (mass > 1 - p) | (tf.range(vocab_size) >= vocab_size - least)
        return _keep(scores, ascending, keep)

    return process


def keep_typical(mass, least):
    """Forbids tokens whose information is far from the entropy (Meister et al., 2022)."""

    def process(sequences, length, scores):
        log_probs = tf.nn.log_softmax(scores)
        distance = tf.abs(-log_probs - _entropy(log_probs))
        nearest = tf.argsort(distance, axis=1, stable=True)
        probs = tf.nn.softmax(tf.gather(scores, nearest, axis=1, batch_dims=1))
        reached = tf.reduce_sum(tf.cast(tf.cumsum(probs, axis=1) < mass, tf.int32), axis=1)
        last = tf.minimum(reached, scores.shape[1] - 1)
        distances = tf.gather(distance, nearest, axis=1, batch_dims=1)
        limit = tf.gather(distances, last, axis=1, batch_dims=1)
        keep = (distances <= limit[:, None]) | (tf.range(scores.shape[1]) < least)
        return _keep(scores, nearest, keep)

    return process


def keep_above_epsilon(epsilon, least):
    """Forbids tokens with a probability below `epsilon` (Hewitt et al., 2022).

    The `least` most probable ones remain.
    """

    def process(sequences, length, scores):
        return _keep_probable(scores, epsilon, least)

    return process


def keep_above_eta(eta, least):
    """Forbids tokens with a low probability in relation to the entropy (Hewitt et al., 2022)."""

    def process(sequences, length, scores):
        entropy = _entropy(tf.nn.log_softmax(scores))
        return _keep_probable(scores, tf.minimum(eta, tf.sqrt(eta) * tf.exp(-entropy)), least)

    return process


def _keep_probable(scores, limit, least):
    """Forbids tokens with a probability below `limit`, except for the `least` best ones."""
    best, _ = tf.math.top_k(scores, min(least, scores.shape[1]))
    keep = (tf.nn.softmax(scores) >= limit) | (scores >= best[:, -1:])
    return tf.where(keep, scores, FORBIDDEN)


def _entropy(log_probs):
    terms = tf.math.multiply_no_nan(log_probs, tf.exp(log_probs))
    return -tf.reduce_sum(terms, axis=1, keepdims=True)


def _keep(scores, order, keep):
    """Forbids token `order[i, j]` unless `keep[i, j]`; `order` sorts each row."""
    inverse = tf.argsort(order, axis=1)
    return tf.where(tf.gather(keep, inverse, axis=1, batch_dims=1), scores, FORBIDDEN)
