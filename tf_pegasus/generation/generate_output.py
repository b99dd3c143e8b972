"""The output of `generate`, built from the tensors of a search."""

import tensorflow as tf

from tf_pegasus.layers.outputs import ModelOutput


class GenerateOutput(ModelOutput):
    """Output of `generate(..., return_dict_in_generate=True)`.

    Rows are `batch * num_beams` (without beams, `batch * num_return_sequences`). Per-step outputs
    are tuples with one entry per generated token. Inside a `tf.function` these tuples always have
    `max_length` - prompt length entries, which are zeros after the last step.

    Fields:
        sequences: int32 `(batch * num_return_sequences, max_length)`, padded with pad.
        sequences_scores: float32 `(batch * num_return_sequences,)`, sum of the tokens'
            log-probabilities over length ** length_penalty.
        scores: with `output_scores`, float32 `(rows, vocab_size)` per step: the scores by which
            the next token was chosen, as changed by the options: log-probabilities in beam
            search, otherwise logits.
        logits: with `output_logits`, the unchanged logits of the model, in the same form.
        beam_indices: with `output_scores` in beam search, int32
            `(batch * num_return_sequences, steps)`, the row that each token of a sequence was
            chosen from, -1 after its end.
        encoder_attentions, encoder_hidden_states: see `TFBaseModelOutput`, one row per source.
        decoder_attentions: with `output_attentions`, for each step a tuple with one float32
            `(rows, heads, 1, step's length)` per layer.
        cross_attentions: the same, `(rows, heads, 1, source_length)`.
        decoder_hidden_states: with `output_hidden_states`, for each step a tuple of float32
            `(rows, 1, d_model)`: the embeddings and one per layer.
    """

    fields = (
        "sequences",
        "sequences_scores",
        "scores",
        "logits",
        "beam_indices",
        "encoder_attentions",
        "encoder_hidden_states",
        "decoder_attentions",
        "cross_attentions",
        "decoder_hidden_states",
    )


def tensors_of(decoding, best, records, steps):
    """Returns the tensors of a search as a dict that a traced function can return.

    Args:
        decoding: `Decoding`.
        best: `Hypotheses`, the `num_return_sequences` best of each source.
        records: `Records`.
        steps: int32 scalar, number of steps taken.
    """
    options = decoding.options
    tensors = {
        "steps": steps,
        "generated": tf.reshape(tf.reduce_sum(tf.cast(best.ancestors >= 0, tf.int32), 2), (-1,)),
        "sequences": tf.reshape(best.sequences, (-1, options.max_length)),
        "sequences_scores": tf.reshape(best.scores, (-1,)),
        **records.stacked(),
    }
    if options.output_scores and decoding.is_beam_search:
        first_rows = tf.range(decoding.batch)[:, None, None] * decoding.beams
        rows = tf.where(best.ancestors >= 0, best.ancestors + first_rows, -1)
        tensors["beam_indices"] = tf.reshape(rows, (-1, decoding.steps))
    for name in ("attentions", "hidden_states"):
        if getattr(options, f"output_{name}") and name in decoding.encoded:
            tensors[f"encoder_{name}"] = decoding.encoded[name]
    return tensors


def as_output(tensors, options, prompt_length, batch=None, source_length=None):
    """Makes a `GenerateOutput`, with sequences cut to the longest one.

    Args:
        tensors: see `tensors_of`.
        options: `GenerationConfig`.
        prompt_length: int.
        batch, source_length: int, shape of the sources before they were padded to buckets; None
            inside a `tf.function`, where they were not padded: nothing is cut then.
    """
    tensors = dict(tensors)
    steps = tensors.pop("steps")
    steps = options.max_length - prompt_length if batch is None else int(steps)
    rows = None if batch is None else batch * options.rows_per_source
    outputs = None if batch is None else batch * options.num_return_sequences
    sequences = tensors["sequences"][:outputs]
    if batch is not None:
        sequences = sequences[:, : prompt_length + tf.reduce_max(tensors["generated"][:outputs])]
    values = {
        "sequences": sequences,
        "sequences_scores": tensors["sequences_scores"][:outputs],
    }
    if "beam_indices" in tensors:
        values["beam_indices"] = tensors["beam_indices"][:outputs, :steps]
    for name in ("scores", "logits"):
        if name in tensors:
            values[name] = tuple(tensors[name][step, :rows] for step in range(steps))
    for name, last in (
        ("decoder_hidden_states", None),
        ("decoder_attentions", "positions"),
        ("cross_attentions", source_length),
    ):
        if name in tensors:
            values[name] = tuple(
                tuple(
                    layer[:rows, ..., : prompt_length + step if last == "positions" else last]
                    for layer in tf.unstack(tensors[name][step])
                )
                for step in range(steps)
            )
    if "encoder_hidden_states" in tensors:
        values["encoder_hidden_states"] = tuple(
            layer[:batch, :source_length] for layer in tensors["encoder_hidden_states"]
        )
    if "encoder_attentions" in tensors:
        values["encoder_attentions"] = tuple(
            layer[:batch, :, :source_length, :source_length]
            for layer in tensors["encoder_attentions"]
        )
    return GenerateOutput(values)
