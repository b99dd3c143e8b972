"""Greedy search: the most probable token at every step."""

import tensorflow as tf

from tf_pegasus.generation.decoding import Decoding, Hypotheses, write_token


def greedy_search(model, input_ids, attention_mask, options):
    """Generates one output a source.

    Args:
        model: `TFPegasusForConditionalGeneration`.
        input_ids, attention_mask: int `(batch, source_length)`.
        options: `GenerationConfig` with `num_beams=1`.

    Returns:
        `Hypotheses` with one beam; scores have the length penalty applied.
    """
    decoding = Decoding(model, input_ids, attention_mask, options)
    eos = model.config.eos_token_id

    def step(length, sequences, score_sums, generated, unfinished, cache):
        log_probs, cache = decoding.next_log_probs(sequences, length, cache)
        log_probs = log_probs[:, 0]  # (batch, vocab)
        best = tf.argmax(log_probs, axis=1, output_type=tf.int32)
        gains = tf.reduce_max(log_probs, axis=1)
        tokens = tf.where(unfinished, best, model.config.pad_token_id)
        sequences = write_token(sequences, tokens[:, None], length)
        score_sums += tf.where(unfinished, gains, 0.0)
        generated += tf.cast(unfinished, tf.int32)
        unfinished &= tokens != eos
        return length + 1, sequences, score_sums, generated, unfinished, cache

    _, sequences, score_sums, generated, _, _ = tf.while_loop(
        lambda length, sequences, score_sums, generated, unfinished, cache: tf.reduce_any(
            unfinished
        ),
        step,
        (
            tf.constant(1),
            decoding.empty_sequences(),
            tf.zeros((decoding.batch,)),
            tf.zeros((decoding.batch,), tf.int32),
            decoding.active,
            decoding.empty_cache(),
        ),
        maximum_iterations=options.max_length - 1,
    )
    scores = decoding.normalized(score_sums, tf.maximum(generated, 1))
    return Hypotheses(sequences, scores[:, None])
