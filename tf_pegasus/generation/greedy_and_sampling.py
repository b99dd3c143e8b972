"""One token after the other: the most probable one, or one that is drawn."""

import tensorflow as tf

from tf_pegasus.generation.decoding import Decoding, Hypotheses, write_token


def greedy_or_sampled(model, input_ids, attention_mask, prompt, options, seed):
    """Generates `num_return_sequences` outputs a source, one with greedy search.

    Args:
        model: `TFPegasusForConditionalGeneration`.
        input_ids, attention_mask: int `(batch, source_length)`.
        prompt: see `Decoding`.
        options: `GenerationConfig` with `num_beams=1`.
        seed: int32 `(2,)`, of what is drawn.

    Returns:
        `Hypotheses` with `num_return_sequences` beams; scores have the length penalty
        applied. A row whose mask is all zero gets no tokens and the score 0.
    """
    decoding = Decoding(model, input_ids, attention_mask, prompt, options, seed)
    eos = model.config.eos_token_id
    shape = (decoding.batch, decoding.beams)

    def step(length, sequences, score_sums, generated, unfinished, cache):
        scores, cache = decoding.next_scores(sequences, length, cache)
        choice = decoding.perturbed(decoding.warped(sequences, length, scores), length)
        best = tf.argmax(choice, axis=2, output_type=tf.int32)
        gains = tf.gather(scores, best, axis=2, batch_dims=2)
        tokens = tf.where(unfinished, best, model.config.pad_token_id)
        sequences = write_token(sequences, tokens, length)
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
            tf.constant(decoding.prompt_length),
            decoding.first_sequences(),
            tf.zeros(shape),
            tf.zeros(shape, tf.int32),
            tf.broadcast_to(decoding.active[:, None], shape),
            decoding.first_cache(),
        ),
        maximum_iterations=options.max_length - decoding.prompt_length,
    )
    return Hypotheses(sequences, decoding.normalized(score_sums, tf.maximum(generated, 1)))
