"""The method `generate`, from source ids to output ids."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from tf_pegasus.config.generation import OUTPUT_FLAGS, GenerationConfig
from tf_pegasus.config.model import PegasusConfig
from tf_pegasus.generation.beam_search import beam_search
from tf_pegasus.generation.decoding import Decoding, RuntimeOptions
from tf_pegasus.generation.engines import ENGINES
from tf_pegasus.generation.generate_output import GenerateOutput, as_output, tensors_of
from tf_pegasus.generation.greedy import greedy_or_sampled
from tf_pegasus.generation.program_cache import ProgramCache
from tf_pegasus.layers.dense import PegasusDense
from tf_pegasus.layers.embeddings import check_ids
from tf_pegasus.layers.unpack_inputs import TensorLike, as_ids, gather_inputs
from tf_pegasus.utils.forks import check_not_forked
from tf_pegasus.utils.shapes import Buckets


class GenerationMixin:
    """Adds `generate` to a model with `get_encoder`, `get_decoder`, `next_logits` and `config`.

    The model must have the attributes `generation_config`, a `GenerationConfig` with the defaults
    of `generate`, and `programs`, a `ProgramCache`.
    """

    config: PegasusConfig
    generation_config: GenerationConfig
    programs: ProgramCache

    def generate(
        self,
        input_ids: TensorLike | None = None,
        attention_mask: TensorLike | None = None,
        decoder_input_ids: TensorLike | None = None,
        generation_config: GenerationConfig | None = None,
        engine: str = "auto",
        seed: int | tf.Tensor | None = None,
        prefix_allowed_tokens_fn: Callable[[int, np.ndarray], Iterable[int]] | None = None,
        **options: Any,
    ) -> tf.Tensor | GenerateOutput:
        """Generates output ids with greedy search, beam search, or sampling with either.

        All engines run the same code and return the same ids. In eager calls, inputs are padded to
        buckets (so that few shapes are compiled) and outputs are cut to the longest; inside a
        `tf.function`, outputs are `max_length` wide, and the enclosing function determines the
        engine.

        Args:
            input_ids: int `(batch, source_length)`, or a dict with `input_ids` and
                `attention_mask`, as tokenizers return it.
            attention_mask: int or bool `(batch, source_length)`; by default nonzero for all ids but
                pad. A row without any token gets no output tokens.
            decoder_input_ids: int `(batch, prompt_length)`, the beginning of the outputs. Defaults
                to the decoder's start token, which is also prepended if no row begins with it.
            generation_config: `GenerationConfig`; by default the model's.
            engine: `"xla"` (compiled for each bucket, fastest), `"graph"`, `"eager"`, or
                `"auto"`: graph if the model computes in bfloat16 or float16 on a CPU, or with
                `prefix_allowed_tokens_fn`; otherwise XLA.
            seed: int or int tensor, seed for sampling: equal seeds give equal samples in all
                engines. By default each call draws new samples, determined by
                `keras.utils.set_random_seed`.
            prefix_allowed_tokens_fn: function of the index of a source and the ids of an output so
                far (int, int numpy array) that returns the allowed next ids. It is Python, so
                neither XLA nor a SavedModel can contain it.
            **options: fields of `GenerationConfig` to replace, such as `num_beams`,
                `length_penalty`, `max_length`, `min_length`, `early_stopping`,
                `no_repeat_ngram_size`, `num_return_sequences`.

        Returns:
            int32 `(batch * num_return_sequences, length)`, rows that begin with the decoder's start
            token and are padded with pad; or a `GenerateOutput` with `return_dict_in_generate`.

        Raises:
            ValueError: if an option or input is out of range; the message names it.
            TypeError: if an option is unknown.
        """
        check_not_forked("generate")
        if engine not in ("auto", *ENGINES):
            raise ValueError(f"engine={engine!r} must be one of auto, {', '.join(ENGINES)}")
        if prefix_allowed_tokens_fn is not None and engine == "xla":
            raise ValueError(
                "prefix_allowed_tokens_fn is a Python function, which engine='xla' cannot "
                "call: use engine='graph' or 'eager'"
            )
        settings = self.generation_config if generation_config is None else generation_config
        if not isinstance(settings, GenerationConfig):
            raise TypeError(f"generation_config must be a GenerationConfig, got {settings!r}")
        settings = settings.updated(**options)
        inputs = gather_inputs(
            ("input_ids", "attention_mask"), input_ids, {"attention_mask": attention_mask}
        )
        ids, mask = self._source(**inputs)
        prompt = self._prompt(decoder_input_ids, tf.shape(ids)[0])
        if settings.max_new_tokens is not None:
            settings = settings.updated(max_length=prompt.shape[1] + settings.max_new_tokens)
        self._check_options(settings, prompt.shape[1])
        if not settings.return_dict_in_generate:
            # Outputs that are not returned need not be recorded.
            settings = settings.updated(**dict.fromkeys(OUTPUT_FLAGS, False))
        seed = _seed(seed, settings)
        if not tf.executing_eagerly():
            tensors = self._search(ids, mask, prompt, seed, settings, prefix_allowed_tokens_fn)
            output = as_output(tensors, settings, prompt.shape[1])
        else:
            batch, length = ids.shape
            buckets = Buckets.many(self.config.max_position_embeddings)
            padded = buckets.pad(ids, mask, self.config.pad_token_id)
            padded_prompt = tf.pad(prompt, [[0, padded[0].shape[0] - batch], [0, 0]])
            if engine == "auto":
                engine = self._best_engine(prefix_allowed_tokens_fn)
            fixed, numbers = settings.split_numbers()
            program = self._program(engine, prompt.shape[1], fixed, prefix_allowed_tokens_fn)
            tensors = program(*padded, padded_prompt, seed, tf.constant(numbers, tf.float32))
            output = as_output(tensors, settings, prompt.shape[1], batch, length)
            output["sequences"] = self._cut(output.sequences)
        return output if settings.return_dict_in_generate else output.sequences

    def search(self, input_ids, attention_mask, options, runtime=None):
        """Runs the search without checks of the inputs, as `serving` does.

        Args:
            input_ids, attention_mask: int32 `(batch, source_length)`.
            options: `GenerationConfig`.
            runtime: `tf_pegasus.generation.decoding.RuntimeOptions` that may differ between
                calls, or None.

        Returns:
            int32 `(batch * num_return_sequences, max_length)` and float32
            `(batch * num_return_sequences,)`: sequences and their scores.

        Raises:
            ValueError: if an option does not fit the model; the message names it.
        """
        prompt = self._prompt(None, tf.shape(input_ids)[0])
        self._check_options(options, prompt.shape[1])
        seed = _seed(None, options)
        tensors = self._search(input_ids, attention_mask, prompt, seed, options, None, runtime)
        return tensors["sequences"], tensors["sequences_scores"]

    def _best_engine(self, prefix_allowed_tokens_fn):
        on_cpu = not tf.config.list_logical_devices("GPU")
        # On CPUs, XLA computes half-precision products in float32; TensorFlow's kernels do not.
        is_slow = on_cpu and self.compute_dtype != "float32"
        return "graph" if is_slow or prefix_allowed_tokens_fn is not None else "xla"

    def _source(self, input_ids, attention_mask):
        ids = as_ids("input_ids", input_ids)
        if attention_mask is None:
            mask = tf.cast(ids != self.config.pad_token_id, tf.int32)
        else:
            mask = tf.convert_to_tensor(attention_mask)
            if not mask.shape.is_compatible_with(ids.shape):
                raise ValueError(
                    f"attention_mask has the shape {tuple(mask.shape)}, input_ids "
                    f"{tuple(ids.shape)}: they must have the same shape"
                )
            mask = tf.cast(mask != tf.zeros((), mask.dtype), tf.int32)
        longest = self.config.max_position_embeddings
        if ids.shape[1] is not None and ids.shape[1] > longest:
            raise ValueError(
                f"input_ids has {ids.shape[1]} tokens per row, the model takes at most "
                f"max_position_embeddings={longest}"
            )
        # XLA would not notice ids out of range: it clamps look-ups.
        check_ids(ids, self.config.vocab_size)
        return ids, mask

    def _prompt(self, decoder_input_ids, batch):
        start = self.config.decoder_start_token_id
        starts = tf.fill((batch, 1), start)
        if decoder_input_ids is None:
            return starts
        prompt = as_ids("decoder_input_ids", decoder_input_ids)
        if prompt.shape[1] is None or prompt.shape[1] == 0:
            raise ValueError(
                f"decoder_input_ids has the shape {tuple(prompt.shape)}: its length must be static "
                "and at least 1"
            )
        if tf.executing_eagerly():
            if prompt.shape[0] != int(batch):
                raise ValueError(
                    f"decoder_input_ids has {prompt.shape[0]} rows, input_ids {int(batch)}: "
                    "they must have the same number of rows"
                )
            if tf.reduce_all(prompt[:, 0] != start):
                prompt = tf.concat([starts, prompt], axis=1)
        check_ids(prompt, self.config.vocab_size, "decoder_input_ids")
        return prompt

    def _check_options(self, options, prompt_length):
        longest = self.config.max_position_embeddings
        if prompt_length >= options.max_length:
            raise ValueError(
                f"max_length={options.max_length} leaves nothing to generate after "
                f"decoder_input_ids of {prompt_length} tokens"
            )
        if options.max_length > longest:
            raise ValueError(
                f"max_length={options.max_length} must not be above "
                f"max_position_embeddings={longest}"
            )
        if 2 * options.num_beams > self.config.vocab_size:
            raise ValueError(
                f"num_beams={options.num_beams} needs a vocabulary of at least twice as many "
                f"ids, got vocab_size={self.config.vocab_size}"
            )
        for name in ("forced_bos_token_id", "forced_eos_token_id"):
            self._check_ids(name, [getattr(options, name)])
        for name in ("suppress_tokens", "begin_suppress_tokens"):
            self._check_ids(name, getattr(options, name) or ())
        for word in options.bad_words_ids or ():
            self._check_ids("bad_words_ids", word)

    def _check_ids(self, name, ids):
        for index in ids:
            if index is not None and index >= self.config.vocab_size:
                raise ValueError(
                    f"{name}={index} must be below vocab_size={self.config.vocab_size}"
                )

    def _search(self, ids, mask, prompt, seed, options, prefix_allowed_tokens_fn, runtime=None):
        decoding = Decoding(
            self, ids, mask, prompt, options, seed, prefix_allowed_tokens_fn, runtime
        )
        search = beam_search if decoding.is_beam_search else greedy_or_sampled
        return tensors_of(decoding, *search(decoding))

    def _program(self, engine, prompt_length, options, prefix_allowed_tokens_fn=None):
        """Returns the search as a function of tensors, traced once for each set of options.

        Options that are floats are its last input, see `GenerationConfig.split_numbers`.
        """
        names = options.number_names()

        def search(ids, mask, prompt, seed, numbers):
            runtime = RuntimeOptions(**dict(zip(names, tf.unstack(numbers), strict=True)))
            return self._search(ids, mask, prompt, seed, options, prefix_allowed_tokens_fn, runtime)

        if engine == "eager":
            return search
        matrix = tf.TensorSpec((None, None), tf.int32)

        def traced():
            return tf.function(
                search,
                input_signature=(
                    matrix,
                    matrix,
                    tf.TensorSpec((None, prompt_length), tf.int32),
                    tf.TensorSpec((2,), tf.int32),
                    tf.TensorSpec((len(names),), tf.float32),
                ),
                jit_compile=engine == "xla",
                autograph=False,
            )

        structure = PegasusDense.structure_changes
        key = (engine, prompt_length, options, prefix_allowed_tokens_fn, structure)
        return self.programs.get(key, traced)

    def _cut(self, sequences):
        """Drops trailing columns that hold pad in every row."""
        used = tf.reduce_any(sequences != self.config.pad_token_id, axis=0)
        positions = tf.where(used, tf.range(1, tf.shape(used)[0] + 1), 1)
        return sequences[:, : tf.reduce_max(positions)]


def _seed(seed, options):
    """Returns the seed of `tf.random`'s stateless functions, int32 `(2,)`."""
    if seed is None and options.do_sample:
        return tf.random.uniform((2,), maxval=2**31 - 1, dtype=tf.int32)
    return tf.stack([tf.cast(0 if seed is None else seed, tf.int32), 0])
