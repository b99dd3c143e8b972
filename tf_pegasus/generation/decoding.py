"""The part that all searches share: the encoded source and one decoder step."""

from typing import NamedTuple

import tensorflow as tf

from tf_pegasus.config.generation_fields import NUMBERS_INSIDE
from tf_pegasus.generation.hooks import Hooks, as_processor
from tf_pegasus.generation.logits_processors import (
    SearchFacts,
    is_forced,
    logits_processors,
    logits_warpers,
)
from tf_pegasus.generation.records import Records
from tf_pegasus.generation.stopping import stopping_criteria
from tf_pegasus.generation.streams import put
from tf_pegasus.layers.decoder import DecodedStep


class Decoding:
    """Computes the scores of the next token for the hypotheses of each source.

    A source has one hypothesis per beam or, without beams, one per returned sequence.

    Args:
        model: `TFPegasusForConditionalGeneration` or `TFPegasusForCausalLM`.
        inputs: dict of tensors:
            prompt: int32 `(batch, prompt_length)`, the beginning of the outputs; its length must
                be static;
            seed: int32 `(2,)`, seed for sampling;
            input_ids, attention_mask: int32 `(batch, source_length)`; absent without an encoder;
            encoder_hidden_states, or inputs_embeds: optional, float32
                `(batch, source_length, d_model)`; `input_ids` are then read by processors only;
            head_mask, decoder_head_mask, cross_attn_head_mask: optional, `(layers, heads)`;
            decoder_attention_mask: optional, int32 `(batch, prompt_length)`; required without a
                source;
            stream: optional, int32 scalar, see `tf_pegasus.generation.streams`.
        options: `GenerationConfig` with token ids.
        hooks: `Hooks` of the caller.
        runtime: `RuntimeOptions`, which override the options of the same names, or None.
    """

    def __init__(self, model, inputs, options, hooks=None, runtime=None):
        hooks = hooks or Hooks()
        self.model = model
        self.decoder = model.get_decoder()
        self.inputs = inputs
        self.options = options
        self.eos = tf.constant(options.eos_token_ids, tf.int32)
        self.pad = options.pad_token_id
        self.runtime = runtime or RuntimeOptions()
        self.has_runtime_beams = self.runtime.num_beams is not None
        self.num_beams = self.value_of("num_beams")
        # Outputs are always `options.max_length` wide, but end here.
        self.last_length = self.value_of("max_length")
        self.length_penalty = self.value_of("length_penalty")
        self.prompt = inputs["prompt"]
        self.prompt_length = self.prompt.shape[1]
        self.prompt_mask = inputs.get("decoder_attention_mask")
        self.is_beam_search = options.num_beams > 1
        self.beams = options.rows_per_source
        self.batch = tf.shape(self.prompt)[0]
        self.attention_mask = inputs.get("attention_mask")
        # Rows without any token, such as padding of the batch, are skipped.
        read = self.prompt_mask if self.attention_mask is None else self.attention_mask
        self.active = tf.reduce_any(read != 0, axis=1)
        self.encoded = {} if self.attention_mask is None else self._encode()
        self.source = self.encoded.get("last_hidden_state")
        self.prepared = self.decoder.prepare(
            self.source,
            self.attention_mask,
            head_mask=inputs.get("decoder_head_mask"),
            cross_attn_head_mask=inputs.get("cross_attn_head_mask"),
            visible=self._visible(options.max_length - 1),
        )
        # Groups of beams are searched one after another, `group_size` rows per source at a time.
        self.group_size = self.beams // options.num_beam_groups
        self.facts = SearchFacts(
            value_of=self.value_of,
            prompt_length=self.prompt_length,
            last_length=self.last_length,
            beams=self.group_size,
            source_ids=inputs.get("input_ids"),
            source_mask=self.attention_mask,
            prefix_allowed_tokens_fn=hooks.prefix_allowed_tokens_fn,
            logits_processor=tuple(map(as_processor, hooks.logits_processor)),
        )
        self.processors = logits_processors(options, self.facts)
        self.warpers = logits_warpers(options, self.value_of)
        self.criteria = stopping_criteria(options, self.value_of, hooks)

    def value_of(self, name):
        """Returns an option's value, a scalar tensor for runtime options.

        For options with numbers inside it is a tuple of the numbers.
        """
        value = getattr(self.runtime, name)
        if value is not None:
            return value
        value = getattr(self.options, name)
        return NUMBERS_INSIDE[name].of(value) if name in NUMBERS_INSIDE else value

    def _encode(self):
        """Returns the encoder's output as a mapping."""
        if "encoder_hidden_states" in self.inputs:
            return {"last_hidden_state": self.inputs["encoder_hidden_states"]}
        embeds = self.inputs.get("inputs_embeds")
        return self.model.get_encoder()(
            self.inputs["input_ids"] if embeds is None else None,
            attention_mask=self.attention_mask,
            head_mask=self.inputs.get("head_mask"),
            inputs_embeds=embeds,
            output_attentions=self.options.output_attentions,
            output_hidden_states=self.options.output_hidden_states,
            return_dict=True,
        )

    def _visible(self, positions):
        """Returns which positions are attended to, bool `(batch, positions)`, or None for all."""
        if self.prompt_mask is None:
            return None
        rest = [[0, 0], [0, positions - self.prompt_length]]
        return tf.pad(self.prompt_mask[:, :positions] != 0, rest, constant_values=True)

    @property
    def steps(self):
        """int, the largest number of tokens to generate."""
        return self.options.max_length - self.prompt_length

    def first_sequences(self, beams):
        """Returns the prompt followed by padding, int32 `(batch, beams, max_length)`."""
        padding = [[0, 0], [0, self.steps]]
        padded = tf.pad(self.prompt, padding, constant_values=self.pad)
        shape = (self.batch, beams, self.options.max_length)
        return tf.broadcast_to(padded[:, None], shape)

    def first_cache(self):
        """Returns a `BeamCache` with the prompt's keys and values, except for its last token."""
        cache = self.decoder.init_beam_cache(self.batch, self.beams, self.options.max_length - 1)
        if self.prompt_length == 1:
            return cache
        sequences = self.first_sequences(self.beams)

        def step(position, cache):
            tokens = tf.gather(sequences, position, axis=2)
            return position + 1, self.decoder.step(tokens, position, cache, self.prepared).cache

        return tf.while_loop(
            lambda position, cache: position < self.prompt_length - 1,
            step,
            (tf.constant(0), cache),
        )[1]

    def first_records(self):
        """Returns empty `Records` of the per-step outputs that the options request."""
        return Records.empty(self.options, self.steps, self.attention_mask is not None)

    def step(self, sequences, length, cache):
        """Runs the model on the last token of every hypothesis.

        Args:
            sequences: int32 `(batch, beams, max_length)`, the first `length` filled.
            length: int32 scalar.
            cache: `BeamCache` with the positions before `length` - 1.

        Returns:
            float32 logits `(batch, beams, vocab_size)` of the next token, and a `DecodedStep`.
        """
        if not self.options.use_cache:
            states = self._last_states(sequences, length)
            return self.model.next_logits(states), DecodedStep((states,), cache, (), ())
        tokens = tf.gather(sequences, length - 1, axis=2)
        step = self.decoder.step(tokens, length - 1, cache, self.prepared)
        return self.model.next_logits(step.hidden_states[-1]), step

    def _last_states(self, sequences, length):
        """Runs the model on whole sequences; returns the states at `length` - 1.

        Returns:
            `(batch, beams, d_model)`.
        """
        positions = self.options.max_length - 1
        masks = self._visible(positions), self.source, self.attention_mask
        visible, source, source_mask = (
            None if mask is None else tf.repeat(mask, self.beams, axis=0) for mask in masks
        )
        outputs = self.decoder(
            tf.reshape(sequences[:, :, :-1], (-1, positions)),
            attention_mask=visible,
            encoder_hidden_states=source,
            encoder_attention_mask=source_mask,
            head_mask=self.inputs.get("decoder_head_mask"),
            cross_attn_head_mask=self.inputs.get("cross_attn_head_mask"),
            use_cache=False,
            return_dict=True,
        )
        states = tf.gather(outputs.last_hidden_state, length - 1, axis=1)
        return tf.reshape(states, (-1, self.beams, states.shape[-1]))

    def scored(self, logits, sequences, length, diversity=None):
        """Turns logits into scores, as changed by the options.

        Args:
            logits: float32 `(batch, rows, vocab_size)`.
            sequences: int32 `(batch, rows, max_length)`, the first `length` filled.
            length: int32 scalar tensor.
            diversity: float32 `(batch, 1, vocab_size)` to subtract first, or None.

        Returns:
            `Scores`.
        """
        normalizer = tf.reduce_logsumexp(logits, axis=-1, keepdims=True)
        if not self.is_beam_search:
            scores = self._processed(self.processors, sequences, length, logits)
            if self.options.renormalize_logits and not self.warpers:
                return Scores(scores, tf.zeros_like(normalizer))
            # A forced token has the score 0.
            forced = is_forced(self.options, self.facts, length)
            return Scores(scores, tf.where(forced, 0.0, normalizer))
        if not (self.processors or self.warpers or diversity is not None):
            # Keeping the normalizer apart saves a pass over the vocabulary.
            return Scores(logits, normalizer)
        scores = logits - normalizer
        if diversity is not None:
            scores -= diversity
        scores = self._processed(self.processors, sequences, length, scores)
        return Scores(scores, tf.zeros_like(normalizer))

    def reported_scores(self, scores, sequences, length):
        """Returns `Scores` as `transformers` reports them.

        These are logits if there are no beams, and include the changes made for sampling.
        """
        values = scores.values - scores.normalizer if self.is_beam_search else scores.values
        return self.warped(sequences, length, values)

    def ends(self, sequences, length, scores):
        """Returns which hypotheses are complete, bool `(batch, n)`.

        Args:
            sequences: int32 `(batch, n, max_length)`, the first `length` filled.
            length: int32 scalar tensor.
            scores: function that returns the scores that the last tokens were chosen by, float32
                `(batch, n, vocab_size)`.
        """
        last = tf.gather(sequences, length - 1, axis=2)
        ends = tf.reduce_any(last[..., None] == self.eos, axis=-1)
        if not self.criteria:
            return ends
        rows = tf.reshape(sequences, (-1, self.options.max_length))
        values = scores()
        values = tf.reshape(values, (-1, values.shape[-1]))
        for stops in self.criteria:
            ends |= tf.reshape(stops(rows, length, values), tf.shape(ends))
        return ends

    def streamed(self, tokens, length):
        """Gives new tokens to the streamer, if there is one; returns `length`, see `streams.put`.

        Args:
            tokens: int32 `(rows, …)`.
            length: int32 scalar tensor.
        """
        if "stream" not in self.inputs:
            return length
        return put(self.inputs["stream"], tokens, length)

    def warped(self, sequences, length, scores):
        """Returns scores `(batch, rows, vocab_size)` with temperature, top-k, top-p, … applied."""
        return self._processed(self.warpers, sequences, length, scores)

    def perturbed(self, scores, length):
        """Adds Gumbel noise if tokens are sampled.

        The largest entry is then a sample of the distribution, and the k largest are k samples
        without replacement.
        """
        if not self.options.do_sample:
            return scores
        # XLA and TensorFlow draw different floats but the same bits, so floats are derived here:
        # 2^23 values evenly between 0 and 1 (of 2^24, the last would be rounded to 1).
        bits = tf.random.stateless_uniform(
            tf.shape(scores),
            self.inputs["seed"] + tf.stack([0, length]),
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
        return tf.reshape(rows, (-1, scores.shape[1], vocab_size))

    def normalized(self, scores, generated):
        """Applies the length penalty to sums of log-probabilities of `generated` tokens."""
        length = tf.cast(generated, tf.float32)
        if self.options.length_penalty_type == "gnmt":
            length = (5.0 + length) / 6.0
        return scores / length**self.length_penalty


class RuntimeOptions(NamedTuple):
    """Options that may differ between calls of one traced program.

    They are scalar tensors, within the bounds that the program was traced for; None stands for
    the option's value.

    Fields:
        num_beams: int32, at most `num_beams` of the options; 1 is greedy search.
        max_length: int32, at most `max_length` of the options.
        the others: float32, or tuples of them for options with numbers inside. Those that
            `options` leave at their defaults have no effect, except for the length penalty.
    """

    num_beams: tf.Tensor | None = None
    max_length: tf.Tensor | None = None
    length_penalty: tf.Tensor | None = None
    temperature: tf.Tensor | None = None
    top_p: tf.Tensor | None = None
    typical_p: tf.Tensor | None = None
    repetition_penalty: tf.Tensor | None = None
    diversity_penalty: tf.Tensor | None = None
    encoder_repetition_penalty: tf.Tensor | None = None
    epsilon_cutoff: tf.Tensor | None = None
    eta_cutoff: tf.Tensor | None = None
    sequence_bias: tuple | None = None
    exponential_decay_length_penalty: tuple | None = None
    max_time: tuple | None = None


class Scores(NamedTuple):
    """Log-probabilities of the next token, as `values` minus `normalizer`.

    Fields:
        values: float32 `(batch, rows, vocab_size)`.
        normalizer: float32 `(batch, rows, 1)`.
    """

    values: tf.Tensor
    normalizer: tf.Tensor


class Hypotheses(NamedTuple):
    """A fixed number of hypotheses per source.

    Fields:
        sequences: int32 `(batch, n, max_length)`.
        scores: float32 `(batch, n)`.
        ancestors: int32 `(batch, n, steps)`, the beam that each generated token continued, or
            -1 if there is no token.
    """

    sequences: tf.Tensor
    scores: tf.Tensor
    ancestors: tf.Tensor

    def select(self, indices):
        """Returns the hypotheses at `indices`, int `(batch, n)`."""
        return Hypotheses(*(tf.gather(part, indices, axis=1, batch_dims=1) for part in self))

    def joined(self, other):
        """Returns these hypotheses followed by the other ones."""
        return Hypotheses(*(tf.concat(pair, axis=1) for pair in zip(self, other, strict=True)))


def write_at(rows, position, values):
    """Writes `values` `(batch, n)` at `position` of `(batch, n, length)`."""
    return tf.where(tf.range(rows.shape[2]) == position, values[:, :, None], rows)
