"""Greedy search and sampling, one token after another."""

from typing import NamedTuple

import tensorflow as tf

from tf_pegasus.generation.decoding import Hypotheses, write_at
from tf_pegasus.generation.records import Records
from tf_pegasus.layers.beam_cache import BeamCache


class _State(NamedTuple):
    length: tf.Tensor  # scalar: tokens in the sequences
    sequences: tf.Tensor  # (batch, n, max_length)
    scores: tf.Tensor  # (batch, n): sums of log-probabilities
    generated: tf.Tensor  # (batch, n): tokens after the prompt, eos included
    unfinished: tf.Tensor  # (batch, n)
    cache: BeamCache
    records: Records


def greedy_or_sampled(decoding):
    """Generates `num_return_sequences` outputs per source by sampling, or one by greedy search.

    Args:
        decoding: `Decoding` without beams.

    Returns:
        See `beam_search`; each hypothesis continues itself.
    """
    shape = (decoding.batch, decoding.beams)

    def step(*state):
        state = _State(*state)
        length, sequences = state.length, state.sequences
        logits, decoded = decoding.step(sequences, length, state.cache)
        scores = decoding.scored(logits, sequences, length)
        choice = decoding.perturbed(decoding.warped(sequences, length, scores.values), length)
        best = tf.argmax(choice, axis=2, output_type=tf.int32)
        gains = tf.gather(scores.values, best, axis=2, batch_dims=2) - scores.normalizer[:, :, 0]
        tokens = tf.where(state.unfinished, best, decoding.pad)
        written = write_at(sequences, length, tokens)
        ends = decoding.ends(written, length + 1, lambda: scores.values)
        return tuple(
            _State(
                length=decoding.streamed(tf.reshape(tokens, (-1,)), length + 1),
                sequences=written,
                scores=state.scores + tf.where(state.unfinished, gains, 0.0),
                generated=state.generated + tf.cast(state.unfinished, tf.int32),
                unfinished=state.unfinished & ~ends,
                cache=decoded.cache,
                records=state.records.written(
                    length - decoding.prompt_length,
                    decoded,
                    logits,
                    lambda: decoding.reported_scores(scores, sequences, length),
                ),
            )
        )

    first = _State(
        length=decoding.streamed(decoding.prompt, tf.constant(decoding.prompt_length)),
        sequences=decoding.first_sequences(decoding.beams),
        scores=tf.zeros(shape),
        generated=tf.zeros(shape, tf.int32),
        unfinished=tf.broadcast_to(decoding.active[:, None], shape),
        cache=decoding.first_cache(),
        records=decoding.first_records(),
    )
    final = _State(
        *tf.while_loop(
            lambda *state: (
                tf.reduce_any(_State(*state).unfinished)
                & (_State(*state).length < decoding.last_length)
            ),
            step,
            tuple(first),
            maximum_iterations=decoding.steps,
        )
    )
    own = tf.broadcast_to(tf.range(decoding.beams)[:, None], (*shape, decoding.steps))
    is_generated = tf.range(decoding.steps) < final.generated[:, :, None]
    hypotheses = Hypotheses(
        final.sequences,
        decoding.normalized(final.scores, tf.maximum(final.generated, 1)),
        tf.where(is_generated, own, -1),
    )
    return hypotheses, final.records, final.length - decoding.prompt_length
