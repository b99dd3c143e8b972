"""Processors of the next token's scores.

A processor maps `(sequences, length, scores)` to new scores. Sequences are int32
`(rows, max_length)`, of which the first `length` (int scalar tensor) positions are filled. Scores
are float32 `(rows, vocab_size)`: log-probabilities, as changed by earlier processors.
"""

import math
from collections import defaultdict

import numpy as np
import tensorflow as tf

FORBIDDEN = -math.inf
# Longer n-grams are compared in a loop, so that programs stay small.
_UNROLLED = 8


def logits_processors(options, eos_token_id, prompt_length, source_ids, beams, last_length):
    """Returns the processors that the options request, in the order of `transformers`.

    Args:
        options: `GenerationConfig`.
        eos_token_id: int.
        prompt_length: int, number of tokens of the prompt.
        source_ids: int32 `(batch, source_length)`.
        beams: int, rows per source.
        last_length: int or int32 scalar tensor, the length at which outputs end.
    """
    processors = []
    if options.no_repeat_ngram_size > 0:
        processors.append(no_repeat_ngram(options.no_repeat_ngram_size))
    if options.encoder_no_repeat_ngram_size > 0:
        size = options.encoder_no_repeat_ngram_size
        processors.append(no_ngram_of_source(size, source_ids, beams))
    words = [word for word in options.bad_words_ids or () if word != (eos_token_id,)]
    if words:
        processors.append(forbid_words(words))
    if options.min_length > 0:
        processors.append(forbid_eos_before(options.min_length, eos_token_id))
    if options.min_new_tokens > 0:
        least = prompt_length + options.min_new_tokens
        processors.append(forbid_eos_before(least, eos_token_id))
    if options.forced_bos_token_id is not None:
        processors.append(force_at(options.forced_bos_token_id, 1))
    if options.forced_eos_token_id is not None:
        processors.append(force_at(options.forced_eos_token_id, last_length - 1))
    if options.suppress_tokens:
        processors.append(forbid_tokens(options.suppress_tokens))
    if options.begin_suppress_tokens:
        is_forced = prompt_length == 1 and options.forced_bos_token_id is not None
        first = prompt_length + (1 if is_forced else 0)
        processors.append(forbid_tokens(options.begin_suppress_tokens, first))
    return processors


def logits_warpers(options, value_of):
    """Returns the processors that shape the sampling distribution, in `transformers`' order.

    Args:
        options: `GenerationConfig`.
        value_of: function from the name of an option to its value, a float or scalar tensor.
    """
    if not options.do_sample:
        return []
    # Beam search needs at least two candidates.
    least = 2 if options.num_beams > 1 else 1
    warpers = []
    if options.temperature != 1.0:
        warpers.append(divide_by_temperature(value_of("temperature")))
    if options.top_k > 0:
        warpers.append(keep_top_k(max(options.top_k, least)))
    if options.top_p < 1.0:
        warpers.append(keep_top_p(value_of("top_p"), least))
    if options.typical_p < 1.0:
        warpers.append(keep_typical(value_of("typical_p"), least))
    return warpers


def penalize_repetition(penalty):
    """Makes tokens less likely that the sequence contains (Keskar et al., 2019, section 4.1).

    Positive scores are divided by the penalty, negative ones multiplied.
    """

    def process(sequences, length, scores):
        vocab_size = scores.shape[1]
        filled = tf.range(sequences.shape[1]) < length
        # Positions after the end are mapped to no token.
        tokens = tf.where(filled, sequences, vocab_size)
        rows = tf.broadcast_to(tf.range(tf.shape(tokens)[0])[:, None], tf.shape(tokens))
        seen = tf.scatter_nd(
            tf.stack([rows, tokens], axis=-1),
            tf.ones_like(tokens),
            (tf.shape(tokens)[0], vocab_size + 1),
        )[:, :vocab_size]
        penalized = tf.where(scores < 0, scores * penalty, scores / penalty)
        return tf.where(seen > 0, penalized, scores)

    return process


def no_repeat_ngram(size):
    """Forbids a token that would complete an n-gram the sequence already has."""

    def process(sequences, length, scores):
        windows = sequences.shape[1] - size + 1
        if windows < 1:
            return scores
        ends = tf.range(windows) + size - 1
        return _forbid_completions(sequences, length, scores, size, sequences, ends < length)

    return process


def no_ngram_of_source(size, source_ids, beams):
    """Forbids a token that would complete an n-gram of the source."""
    texts = tf.repeat(source_ids, beams, axis=0)  # (rows, source_length)

    def process(sequences, length, scores):
        if size > sequences.shape[1]:
            # No output is long enough to hold the n-gram.
            return scores
        return _forbid_completions(sequences, length, scores, size, texts, True)

    return process


def _forbid_completions(sequences, length, scores, size, texts, counts):
    """Forbids the last token of each n-gram whose other tokens are the end of the sequence.

    Args:
        sequences, length, scores: see the module.
        size: int, n.
        texts: int32 `(rows, n)`, the texts that contain the n-grams.
        counts: bool `(n - size + 1,)`, which of their n-grams are considered.
    """
    windows = tf.maximum(tf.shape(texts)[1] - size + 1, 0)
    rows = tf.shape(sequences)[0]

    def compare(offset, matches):
        position = tf.maximum(length - (size - 1) + offset, 0)
        token = tf.gather(sequences, position, axis=1)
        return matches & (tf.slice(texts, [0, offset], [rows, windows]) == token[:, None])

    matches = tf.broadcast_to(counts, (rows, windows))
    if size <= _UNROLLED:
        for offset in range(size - 1):
            matches = compare(offset, matches)
    else:
        _, matches = tf.while_loop(
            lambda offset, matches: offset < size - 1,
            lambda offset, matches: (
                offset + 1,
                tf.ensure_shape(compare(offset, matches), matches.shape),
            ),
            (tf.constant(0), matches),
        )
    matches &= length >= size - 1
    lasts = texts[:, size - 1 :]
    indices = tf.broadcast_to(tf.range(rows)[:, None], tf.shape(lasts))
    places = tf.stack([indices, lasts], axis=-1)  # (rows, windows, 2)
    return tf.tensor_scatter_nd_min(scores, places, tf.where(matches, FORBIDDEN, math.inf))


def forbid_words(words):
    """Forbids the last token of each word (a tuple of ids) if its other tokens precede it."""
    by_length = defaultdict(list)
    for word in words:
        by_length[len(word)].append(word)
    single = forbid_tokens([word[0] for word in by_length.pop(1, [])])
    tables = {size: np.array(same, "int32") for size, same in sorted(by_length.items())}

    def process(sequences, length, scores):
        rows, vocab_size = tf.shape(sequences)[0], scores.shape[1]
        scores = single(sequences, length, scores)
        for size, table in tables.items():
            if size > sequences.shape[1]:
                # No output is long enough to hold the word.
                continue
            positions = tf.maximum(length - size + 1 + tf.range(size - 1), 0)
            ending = tf.gather(sequences, positions, axis=1)  # (rows, size - 1)
            matches = tf.reduce_all(ending[:, None] == table[:, :-1], axis=2) & (length >= size)
            lasts = tf.broadcast_to(table[:, -1], tf.shape(matches))
            indices = tf.broadcast_to(tf.range(rows)[:, None], tf.shape(matches))
            counts = tf.scatter_nd(
                tf.stack([indices, lasts], axis=-1), tf.cast(matches, tf.int32), (rows, vocab_size)
            )
            scores = tf.where(counts > 0, FORBIDDEN, scores)
        return scores

    return process


def forbid_eos_before(min_length, eos_token_id):
    """Forbids eos while the sequence is shorter than `min_length`."""

    def process(sequences, length, scores):
        is_eos = tf.range(scores.shape[1]) == eos_token_id
        return tf.where(is_eos & (length < min_length), FORBIDDEN, scores)

    return process


def forbid_tokens(tokens, at=None):
    """Forbids some tokens: everywhere, or only at the position `at`."""

    def process(sequences, length, scores):
        is_forbidden = np.zeros(scores.shape[1], bool)
        is_forbidden[list(tokens)] = True
        forbidden = tf.constant(is_forbidden)
        if at is not None:
            forbidden &= length == at
        return tf.where(forbidden, FORBIDDEN, scores)

    return process


def force_at(token_id, position):
    """Allows only `token_id` at a position."""

    def process(sequences, length, scores):
        forced = tf.where(tf.range(scores.shape[1]) == token_id, 0.0, FORBIDDEN)
        return tf.where(length == position, forced[None], scores)

    return process


def allow_only(allowed_tokens, beams):
    """Allows only the tokens that a Python function returns (De Cao et al., 2021).

    The function gets the index of the row's source and the row's ids so far.
    """

    def allowed(sequences, length, vocab_size):
        mask = np.zeros((len(sequences), vocab_size), bool)
        for row, sequence in enumerate(sequences):
            tokens = np.asarray(allowed_tokens(row // beams, sequence[:length]), int)
            if not np.all((tokens >= 0) & (tokens < vocab_size)):
                raise ValueError(
                    f"prefix_allowed_tokens_fn returned ids outside [0, {vocab_size}): {tokens}"
                )
            mask[row, tokens] = True
        return mask

    def process(sequences, length, scores):
        mask = tf.numpy_function(
            allowed, (sequences, length, scores.shape[1]), tf.bool, stateful=False
        )
        return tf.where(tf.ensure_shape(mask, scores.shape), scores, FORBIDDEN)

    return process


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
        probs = tf.exp(log_probs)
        entropy = -tf.reduce_sum(tf.math.multiply_no_nan(log_probs, probs), axis=1, keepdims=True)
        distance = tf.abs(-log_probs - entropy)
        nearest = tf.argsort(distance, axis=1, stable=True)
        probs = tf.nn.softmax(tf.gather(scores, nearest, axis=1, batch_dims=1))
        reached = tf.reduce_sum(tf.cast(tf.cumsum(probs, axis=1) < mass, tf.int32), axis=1)
        last = tf.minimum(reached, scores.shape[1] - 1)
        distances = tf.gather(distance, nearest, axis=1, batch_dims=1)
        limit = tf.gather(distances, last, axis=1, batch_dims=1)
        keep = (distances <= limit[:, None]) | (tf.range(scores.shape[1]) < least)
        return _keep(scores, nearest, keep)

    return process


def _keep(scores, order, keep):
    """Forbids token `order[i, j]` unless `keep[i, j]`; `order` sorts each row."""
    inverse = tf.argsort(order, axis=1)
    return tf.where(tf.gather(keep, inverse, axis=1, batch_dims=1), scores, FORBIDDEN)
