"""What all searches share: the source, prepared once, and one step over it."""

from typing import NamedTuple

import tensorflow as tf

from tf_pegasus.generation.logits_processors import (
    logits_processors,
    logits_warpers,
    penalize_repetition,
)
from tf_pegasus.layers.cache import select_beams


class Decoding:
    """The next token's scores for the hypotheses of each source: as many as there are beams,
    or, without, as sequences are asked for.

    Args:
        model: `TFPegasusForConditionalGeneration`.
        input_ids, attention_mask: int `(batch, source_length)`.
        prompt: int32 `(batch, prompt_length)`, what the outputs begin with; its length is
            known when a graph is built.
        options: `GenerationConfig`.
        seed: int32 `(2,)`, of what is drawn.
    """

    def __init__(self, model, input_ids, attention_mask, prompt, options, seed):
        self.model = model
        self.decoder = model.get_decoder()
        self.options = options
        self.prompt = prompt
        self.prompt_length = prompt.shape[1]
        self.seed = seed
        self.is_beam_search = options.num_beams > 1
        self.beams = options.num_beams if self.is_beam_search else options.num_return_sequences
        self.attention_mask = attention_mask
        self.batch = tf.shape(input_ids)[0]
        # A row that has nothing to attend to (padding of the batch) is not worked on.
        self.active = tf.reduce_any(attention_mask != 0, axis=1)
        encoded = model.get_encoder()(input_ids, attention_mask=attention_mask, return_dict=True)
        self.cross = self.decoder.cross_key_values(encoded.last_hidden_state)
        self.processors = logits_processors(
            options, model.config.eos_token_id, self.prompt_length, input_ids, self.beams
        )
        self.warpers = logits_warpers(options)

    def first_sequences(self):
        """int32 `(batch, beams, max_length)`: the prompt, then pad."""
        missing = self.options.max_length - self.prompt_length
        padding = [[0, 0], [0, missing]]
        padded = tf.pad(self.prompt, padding, constant_values=self.model.config.pad_token_id)
        shape = (self.batch, self.beams, self.options.max_length)
        return tf.broadcast_to(padded[:, None], shape)

    def first_cache(self):
        """The prompt's keys and values, but of its last token; see
        `TFPegasusDecoder.init_beam_cache`."""
        cache = self.decoder.init_beam_cache(self.batch, self.beams, self.options.max_length)
        if self.prompt_length == 1:
            return cache
        sequences = self.first_sequences()

        def step(position, cache):
            tokens = tf.gather(sequences, position, axis=2)
            source = (self.cross, self.attention_mask)
            return position + 1, self.decoder.step(tokens, position, cache, *source)[1]

        return tf.while_loop(
            lambda position, cache: position < self.prompt_length - 1,
            step,
            (tf.constant(0), cache),
        )[1]

    def next_scores(self, sequences, length, cache):
        """Scores every token as the one at position `length`.

        Args:
            sequences: int32 `(batch, beams, max_length)`, the first `length` filled.
            length: int32 scalar tensor.
            cache: has the positions before `length` - 1.

        Returns:
            float32 `(batch, beams, vocab_size)`: log-probabilities, with what the options
            forbid or force; and the cache with position `length` - 1.
        """
        tokens = tf.gather(sequences, length - 1, axis=2)
        states, cache = self.decoder.step(
            tokens, length - 1, cache, self.cross, self.attention_mask
        )
        logits = self.model.logits(states)
        log_normalizer = tf.reduce_logsumexp(logits, axis=-1, keepdims=True)
        processors = self.processors
        if self.options.repetition_penalty != 1.0:
            # The one that sees the sign of what it changes: as in `transformers`, of the
            # logits where there is one hypothesis, of log-probabilities where there are beams.
            penalize = penalize_repetition(self.options.repetition_penalty)
            if self.is_beam_search:
                processors = [penalize, *processors]
            else:
                logits = self._processed([penalize], sequences, length, logits)
        return self._processed(processors, sequences, length, logits - log_normalizer), cache

    def warped(self, sequences, length, scores):
        """Scores, `(batch, beams, vocab_size)`, changed as sampling asks for."""
        return self._processed(self.warpers, sequences, length, scores)

    def perturbed(self, scores, length):
        """Adds Gumbel noise where tokens are drawn: whoever is greatest then is drawn from
        the distribution (and the k greatest, k without replacement)."""
        if not self.options.do_sample:
            return scores
        # XLA makes other floats than TensorFlow, but the same bits: so the floats are made here,
        # 2^23 of them evenly between 0 and 1 (of 2^24, the last would be rounded to 1).
        bits = tf.random.stateless_uniform(
            tf.shape(scores),
            self.seed + tf.stack([0, length]),
            minval=None,
            maxval=None,
            dtype=tf.uint32,
            alg="philox",
        )
        uniform = (tf.cast(tf.bitwise.right_shift(bits, 9), tf.float32) + 0.5) * 2.0**-23
        return scores - tf.math.log(-tf.math.log(uniform))

    def _processed(self, processors, sequences, length, scores):
        if not processors:
            return scores
        vocab_size = scores.shape[-1]
        rows = tf.reshape(scores, (-1, vocab_size))
        flat_sequences = tf.reshape(sequences, (-1, self.options.max_length))
        for process in processors:
            rows = process(flat_sequences, length, rows)
        return tf.reshape(rows, (-1, self.beams, vocab_size))

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
