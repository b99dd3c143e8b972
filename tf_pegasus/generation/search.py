"""Runs a search in one of the engines, for all kinds of models."""

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import tensorflow as tf

from tf_pegasus.config.generation import OUTPUT_FLAGS, TOKEN_IDS, GenerationConfig, ids_of
from tf_pegasus.config.generation_effects import without_effect
from tf_pegasus.config.model import PegasusConfig
from tf_pegasus.generation.beam_search import beam_search
from tf_pegasus.generation.decoding import Decoding, RuntimeOptions
from tf_pegasus.generation.engines import ENGINES
from tf_pegasus.generation.generate_output import GenerateOutput, as_output, tensors_of
from tf_pegasus.generation.greedy import greedy_or_sampled
from tf_pegasus.generation.hooks import Hooks
from tf_pegasus.generation.program_cache import ProgramCache
from tf_pegasus.generation.streams import check_streamer, open_stream
from tf_pegasus.generation.transition_scores import transition_scores
from tf_pegasus.layers.dense import PegasusDense
from tf_pegasus.utils.shapes import Buckets

_NO_HOOKS = Hooks()
# The inputs of a plain search, see `Decoding`.
_PLAIN = ("attention_mask", "input_ids", "prompt", "seed")
# Inputs with one row per token of the source, which are padded to the buckets of its length.
_BY_TOKEN = ("encoder_hidden_states", "inputs_embeds")


class SearchMixin:
    """Runs searches of a model with `get_decoder`, `next_logits` and, perhaps, `get_encoder`.

    The model must have the attributes `generation_config`, a `GenerationConfig` with the defaults
    of `generate`, and `programs`, a `ProgramCache`.
    """

    config: PegasusConfig
    generation_config: GenerationConfig
    follow_config: Callable[[], None]
    programs: ProgramCache
    # The argument with the beginning of the outputs.
    prompt_name = "decoder_input_ids"

    def with_token_ids(self, options: GenerationConfig) -> GenerationConfig:
        """Returns a copy of the options with the model's token ids where they have none.

        The model's `generation_config` comes before its `config`.

        Raises:
            ValueError: if an id is not in the vocabulary.
        """
        given: dict[str, Any] = {}
        for name in TOKEN_IDS:
            of_config = getattr(self.config, name, None)
            values = [getattr(options, name), getattr(self.generation_config, name)]
            if name == "decoder_start_token_id":
                values.append(given["bos_token_id"])
            given[name] = next((v for v in (*values, of_config) if v is not None), None)
        if given["pad_token_id"] is None:
            # Without either, no output ends before others, but rows are still padded.
            given["pad_token_id"] = (*ids_of(given["eos_token_id"]), 0)[0]
        for name in TOKEN_IDS:
            self._check_ids(name, ids_of(given[name]))
        return options.updated(**given)

    def settings(
        self, generation_config: GenerationConfig | None, options: dict[str, Any]
    ) -> GenerationConfig:
        """Returns the options of a call of `generate`, with token ids.

        Warns of options of the call that change nothing.

        Raises:
            ValueError: if an option is out of range; the message names it.
            TypeError: if an option is unknown.
        """
        self.follow_config()
        settings = self.generation_config if generation_config is None else generation_config
        if not isinstance(settings, GenerationConfig):
            raise TypeError(f"generation_config must be a GenerationConfig, got {settings!r}")
        settings = self.with_token_ids(settings.updated(**options))
        defaults = GenerationConfig().to_dict()
        given = [name for name, value in options.items() if value is not None]
        for name, reason in without_effect(given, settings.to_dict(), defaults):
            warnings.warn(
                f"{name}={options[name]!r} has no effect with {reason}", UserWarning, stacklevel=3
            )
        return settings

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
        options = self.with_token_ids(options)
        self.check_options(options, 1)
        inputs = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "prompt": tf.fill((tf.shape(input_ids)[0], 1), options.decoder_start_token_id),
            "seed": seed_of(None, options),
        }
        tensors = self._search(inputs, options, _NO_HOOKS, runtime)
        return tensors["sequences"], tensors["sequences_scores"]

    def run_search(
        self,
        inputs: dict[str, tf.Tensor],
        settings: GenerationConfig,
        engine: str,
        hooks: Hooks = _NO_HOOKS,
        streamer: Any = None,
    ) -> GenerateOutput:
        """Runs a search with checked inputs; see `generate`.

        Args:
            inputs: dict of tensors, see `Decoding`.
            settings: `GenerationConfig` with token ids.
            engine, streamer: see `generate`.
            hooks: `Hooks`.

        Raises:
            ValueError: if an option does not fit the model, the engine or the streamer.
        """
        prompt_length = inputs["prompt"].shape[1]
        if settings.max_new_tokens is not None:
            settings = settings.updated(max_length=prompt_length + settings.max_new_tokens)
        self.check_options(settings, prompt_length)
        if streamer is not None:
            check_streamer(streamer)
            if settings.num_beams > 1:
                raise ValueError(
                    f"streamer needs num_beams=1, got num_beams={settings.num_beams}: beams are "
                    "revised until the end"
                )
        engine = self._engine(engine, settings, hooks, streamer)
        if not settings.return_dict_in_generate:
            # Outputs that are not returned need not be recorded.
            settings = settings.updated(**dict.fromkeys(OUTPUT_FLAGS, False))
        if not tf.executing_eagerly():
            if streamer is not None:
                raise ValueError(
                    "streamer cannot be used inside a tf.function: call generate outside, with "
                    "engine='graph'"
                )
            tensors = self._search(inputs, settings, hooks)
            return as_output(tensors, settings, prompt_length)
        batch = inputs["prompt"].shape[0]
        source_length = inputs["input_ids"].shape[1] if "input_ids" in inputs else None
        padded = self._padded(inputs, settings.pad_token_id)
        fixed, numbers = settings.split_numbers()
        rows = batch * settings.rows_per_source
        opened = nullcontext() if streamer is None else open_stream(streamer, rows)
        with opened as stream:
            if stream is not None:
                padded["stream"] = tf.constant(stream)
            program = self._program(engine, prompt_length, fixed, hooks, tuple(sorted(padded)))
            tensors = program(padded, tf.constant(numbers, tf.float32))
        return as_output(tensors, settings, prompt_length, batch, source_length)

    def compute_transition_scores(
        self, sequences, scores, beam_indices=None, normalize_logits: bool = False
    ) -> tf.Tensor:
        return transition_scores(sequences, scores, beam_indices, normalize_logits)

    compute_transition_scores.__doc__ = transition_scores.__doc__

    def check_engine(self, engine: str) -> None:
        """Raises ValueError if an engine is unknown."""
        if engine not in ("auto", *ENGINES):
            raise ValueError(f"engine={engine!r} must be one of auto, {', '.join(ENGINES)}")

    def _engine(self, engine, settings, hooks, streamer):
        """Returns the engine to use.

        Raises:
            ValueError: if XLA is requested for something that it cannot do.
        """
        forbids_xla = {
            "prefix_allowed_tokens_fn": hooks.prefix_allowed_tokens_fn is not None
            and "is a Python function, which engine='xla' cannot call",
            "streamer": streamer is not None
            and "is a Python object, which engine='xla' cannot call",
            "max_time": settings.max_time is not None
            and "needs a clock, which engine='xla' does not have",
        }
        for name, reason in forbids_xla.items():
            if reason and engine == "xla":
                raise ValueError(f"{name} {reason}: use engine='graph' or 'eager'")
        if engine != "auto":
            return engine
        on_cpu = not tf.config.list_logical_devices("GPU")
        # On CPUs, XLA computes half-precision products in float32; TensorFlow's kernels do not.
        is_slow = on_cpu and self.compute_dtype != "float32"
        # Functions of the caller are often new in each call, and XLA takes longer to compile.
        is_new = hooks != _NO_HOOKS
        return "graph" if is_slow or is_new or any(forbids_xla.values()) else "xla"

    def _padded(self, inputs, pad_token_id):
        """Returns the inputs, padded to buckets; added rows have all-zero masks."""
        buckets = Buckets.many(self.config.max_position_embeddings)
        padded = dict(inputs)
        batch = inputs["prompt"].shape[0]
        if "input_ids" in inputs:
            names = ("input_ids", "attention_mask")
            ids, mask = buckets.pad(*(inputs[name] for name in names), pad_token_id)
            padded |= {"input_ids": ids, "attention_mask": mask}
            rows, columns = ids.shape
            for name in set(_BY_TOKEN) & set(inputs):
                padding = [[0, rows - batch], [0, columns - inputs[name].shape[1]], [0, 0]]
                padded[name] = tf.pad(inputs[name], padding)
        else:
            rows = buckets.pad(inputs["prompt"], inputs["prompt"], 0)[0].shape[0]
        for name in {"prompt", "decoder_attention_mask"} & set(inputs):
            padded[name] = tf.pad(inputs[name], [[0, rows - batch], [0, 0]])
        return padded

    def check_options(self, options: GenerationConfig, prompt_length: int) -> None:
        """Checks that options fit the model and the prompt.

        Raises:
            ValueError: if one does not; the message names it.
        """
        longest = self.config.max_position_embeddings
        if prompt_length >= options.max_length:
            raise ValueError(
                f"max_length={options.max_length} leaves nothing to generate after "
                f"{self.prompt_name} of {prompt_length} tokens"
            )
        if options.max_length > longest:
            raise ValueError(
                f"max_length={options.max_length} must not be above "
                f"max_position_embeddings={longest}"
            )
        for name in ("forced_bos_token_id", "forced_eos_token_id"):
            self._check_ids(name, ids_of(getattr(options, name)))
        for name in ("suppress_tokens", "begin_suppress_tokens"):
            self._check_ids(name, getattr(options, name) or ())
        for word in options.bad_words_ids or ():
            self._check_ids("bad_words_ids", word)
        for word, _ in options.sequence_bias or ():
            self._check_ids("sequence_bias", word)
        candidates = max(2, 1 + len(options.eos_token_ids))
        if candidates * options.num_beams > self.config.vocab_size:
            times = {2: "twice", 3: "three times"}.get(candidates, f"{candidates} times")
            raise ValueError(
                f"num_beams={options.num_beams} needs a vocabulary of at least {times} as many "
                f"ids, got vocab_size={self.config.vocab_size}"
            )

    def checked_head_mask(self, name: str, mask: Any, side: str) -> tf.Tensor:
        """Returns a head mask of the encoder or decoder as float32 `(layers, heads)`.

        Raises:
            ValueError: if it has another shape.
        """
        config = self.config
        shape = tuple(getattr(config, f"{side}_{part}") for part in ("layers", "attention_heads"))
        mask = tf.cast(mask, tf.float32)
        if not mask.shape.is_compatible_with(shape):
            raise ValueError(
                f"{name} has the shape {tuple(mask.shape)}, expected (layers, heads) = {shape}"
            )
        return mask

    def _check_ids(self, name, ids):
        for index in ids:
            if index >= self.config.vocab_size:
                raise ValueError(
                    f"{name}={index} must be below vocab_size={self.config.vocab_size}"
                )

    def _search(self, inputs, options, hooks, runtime=None):
        decoding = Decoding(self, inputs, options, hooks, runtime)
        search = beam_search if decoding.is_beam_search else greedy_or_sampled
        return tensors_of(decoding, *search(decoding))

    def _program(self, engine, prompt_length, options, hooks=_NO_HOOKS, names=_PLAIN):
        """Returns the search as a function of tensors, traced once for each set of options.

        Its inputs are a dict of tensors, see `Decoding`, with the given names, and the numbers
        inside the options, see `GenerationConfig.split_numbers`.
        """

        def search(inputs, numbers):
            runtime = RuntimeOptions(**options.named_numbers(tf.unstack(numbers)))
            return self._search(inputs, options, hooks, runtime)

        if engine == "eager":
            return search

        def traced():
            specs = self._input_specs(prompt_length)
            numbers = tf.TensorSpec((len(options.split_numbers()[1]),), tf.float32)
            return tf.function(
                search,
                input_signature=({name: specs[name] for name in names}, numbers),
                jit_compile=engine == "xla",
                autograph=False,
            )

        structure = PegasusDense.structure_changes
        return self.programs.get((engine, prompt_length, options, hooks, names, structure), traced)

    def _input_specs(self, prompt_length):
        config = self.config
        source = tf.TensorSpec((None, None), tf.int32)
        prompt = tf.TensorSpec((None, prompt_length), tf.int32)
        states = tf.TensorSpec((None, None, config.d_model), tf.float32)
        of_decoder = tf.TensorSpec(
            (config.decoder_layers, config.decoder_attention_heads), tf.float32
        )
        return {
            "input_ids": source,
            "attention_mask": source,
            "encoder_hidden_states": states,
            "inputs_embeds": states,
            "prompt": prompt,
            "decoder_attention_mask": prompt,
            "head_mask": tf.TensorSpec(
                (config.encoder_layers, config.encoder_attention_heads), tf.float32
            ),
            "decoder_head_mask": of_decoder,
            "cross_attn_head_mask": of_decoder,
            "seed": tf.TensorSpec((2,), tf.int32),
            "stream": tf.TensorSpec((), tf.int32),
        }


def first_argument(input_ids: Any, inputs: Any) -> Any:
    """Returns the first argument of `generate`, which has two names.

    Raises:
        ValueError: if it is given under both.
    """
    if input_ids is not None and inputs is not None:
        raise ValueError("input_ids and inputs are names of the same argument: give only one")
    return inputs if input_ids is None else input_ids


def second_argument(
    attention_mask: Any, generation_config: GenerationConfig | None
) -> tuple[Any, GenerationConfig | None]:
    """Returns mask and options of `generate`; `transformers` has the options in second place.

    Raises:
        TypeError: if there are options in both places.
    """
    if not isinstance(attention_mask, GenerationConfig):
        return attention_mask, generation_config
    if generation_config is not None:
        raise TypeError(
            "the second argument of generate is attention_mask, got a GenerationConfig, and "
            "generation_config is given, too: give only one"
        )
    return None, attention_mask


def seed_of(seed: Any, options: GenerationConfig) -> tf.Tensor:
    """Returns the seed of `tf.random`'s stateless functions, int32 `(2,)`.

    Args:
        seed: int or int scalar tensor, or two of them; or None for a new one if tokens are sampled.
        options: `GenerationConfig`.

    Raises:
        ValueError: if the seed has another shape.
    """
    if seed is None and options.do_sample:
        return tf.random.uniform((2,), maxval=2**31 - 1, dtype=tf.int32)
    given = tf.cast(0 if seed is None else seed, tf.int32)
    if tuple(given.shape) not in ((), (2,)):
        raise ValueError(f"seed={seed!r} must be an int, or two ints")
    return given if given.shape.rank else tf.stack([given, 0])
