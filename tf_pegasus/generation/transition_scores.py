"""The scores of the tokens of generated outputs."""

import tensorflow as tf

from tf_pegasus.layers.unpack_inputs import TensorLike, as_ids


def transition_scores(
    sequences: TensorLike,
    scores: tuple,
    beam_indices: TensorLike | None = None,
    normalize_logits: bool = False,
) -> tf.Tensor:
    """Returns the scores that the tokens of outputs were chosen by.

    Args:
        sequences, scores, beam_indices: fields of a `GenerateOutput`, of `generate` with
            `return_dict_in_generate` and `output_scores`; `beam_indices` with beams only.
        normalize_logits: bool, make the scores of each step log-probabilities first.

    Returns:
        float32 `(rows of sequences, length without the prompt)`; with `beam_indices`, 0 after the
        end of an output.

    Raises:
        ValueError: if the arguments do not belong together.
    """
    if not scores:
        raise ValueError("scores are missing: call generate with output_scores=True")
    sequences = as_ids("sequences", sequences)
    by_step = tf.stack(list(scores))  # (steps, rows, vocab_size)
    if normalize_logits:
        by_step = tf.nn.log_softmax(by_step)
    steps = len(scores)
    if beam_indices is None:
        rows = by_step.shape[1]
        if not sequences.shape[:1].is_compatible_with([rows]):
            raise ValueError(
                f"sequences has {sequences.shape[0]} rows, scores {rows}: give the beam_indices of "
                "the same output"
            )
        beam_indices = tf.broadcast_to(tf.range(tf.shape(by_step)[1])[:, None], (rows, steps))
    beam_indices = tf.cast(beam_indices, tf.int32)
    if tf.executing_eagerly():
        # Sequences are cut to the longest output, and other steps led nowhere.
        steps = int(tf.reduce_max(tf.reduce_sum(tf.cast(beam_indices >= 0, tf.int32), axis=1)))
    if sequences.shape[1] <= steps:
        raise ValueError(
            f"sequences has {sequences.shape[1]} tokens for {steps} steps: give the sequences of "
            "the same output as scores"
        )
    tokens = sequences[:, sequences.shape[1] - steps :]
    beam_indices = beam_indices[:, :steps]
    step = tf.broadcast_to(tf.range(steps), tf.shape(tokens))
    places = tf.stack([step, tf.maximum(beam_indices, 0), tokens], axis=-1)
    return tf.where(beam_indices >= 0, tf.gather_nd(by_step, places), 0.0)
