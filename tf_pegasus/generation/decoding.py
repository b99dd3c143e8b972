"""What greedy and beam search share: the source, prepared once, and one step over it."""

from typing import NamedTuple

import tensorflow as tf

from tf_pegasus.generation.logits_processors import logits_processors
from tf_pegasus.layers.cache import select_beams


class Decoding:
    """The next-token log-probabilities of `beams` hypotheses for each source.

    Args:
        model: `TFPegasusForConditionalGeneration`.
        input_ids, attention_mask: int `(batch, source_length)`.
        options: `GenerationConfig`.
    """

    def __init__(self, model, input_ids, attention_mask, options):
        self.model = model
        self.decoder = model.get_decoder()
        self.options = options
        self.beams = options.num_beams
        self.attention_mask = attention_mask
        self.batch = tf.shape(input_ids)[0]
        # A row that has nothing to attend to (padding of the batch) is not worked on.
        self.active = tf.reduce_any(attention_mask != 0, axis=1)
        states = model.get_encoder()(input_ids, attention_mask).last_hidden_state
        self.cross = self.decoder.cross_key_values(states)
        self.processors = logits_processors(options, model.config.eos_token_id)

    def empty_sequences(self):
        """int32 `(batch, beams, max_length)`: the start token, then pad."""
        config = self.model.config
        shape = (self.batch, self.beams, self.options.max_length)
        is_start = tf.range(self.options.max_length) == 0
        tokens = tf.where(is_start, config.decoder_start_token_id, config.pad_token_id)
        return tf.broadcast_to(tokens, shape)

    def empty_cache(self):
        """See `TFPegasusDecoder.init_beam_cache`."""
        return self.decoder.init_beam_cache(self.batch, self.beams, self.options.max_length)

    def next_log_probs(self, sequences, length, cache):
        """Scores every token as the one at position `length`.

        Args:
            sequences: int32 `(batch, beams, max_length)`, the first `length` filled.
            length: int32 scalar tensor.
            cache: has the positions before `length` - 1.

        Returns:
            float32 `(batch, beams, vocab_size)` and the cache with position `length` - 1.
        """
        tokens = tf.gather(sequences, length - 1, axis=2)
        states, cache = self.decoder.step(
            tokens, length - 1, cache, self.cross, self.attention_mask
        )
        log_probs = tf.nn.log_softmax(self.model.logits(states))
        vocab_size = log_probs.shape[-1]
        rows = tf.reshape(log_probs, (-1, vocab_size))
        flat_sequences = tf.reshape(sequences, (-1, self.options.max_length))
        for process in self.processors:
            rows = process(flat_sequences, length, rows)
        return tf.reshape(rows, (-1, self.beams, vocab_size)), cache

    def normalized(self, scores, generated):
        """Applies the length penalty to sums of log-probabilities of `generated` tokens."""
        length = tf.cast(generated, tf.float32)
        if self.options.length_penalty_type == "gnmt":
            length = (5.0 + length) / 6.0
        return scores / length**self.options.length_penalty


class Hypotheses(NamedTuple):
    """Sequences `(batch, beams, max_length)` and their scores `(batch, beams)`."""

    sequences: tf.Tensor
    scores: tf.Tensor

    def select(self, indices):
        """The hypotheses at `indices`, int `(batch, n)`."""
        return Hypotheses(*select_beams(tuple(self), indices))

    def joined(self, other):
        """These and the others."""
        return Hypotheses(*(tf.concat(pair, axis=1) for pair in zip(self, other, strict=True)))


def write_token(sequences, tokens, position):
    """Puts `tokens` `(batch, beams)` at `position` of `(batch, beams, max_length)`."""
    return tf.where(tf.range(sequences.shape[2]) == position, tokens[:, :, None], sequences)
