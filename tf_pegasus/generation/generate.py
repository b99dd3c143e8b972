"""The method `generate` of models with an encoder, from source ids to output ids."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from tf_pegasus.config.generation import GenerationConfig
from tf_pegasus.generation.generate_output import GenerateOutput
from tf_pegasus.generation.hooks import Hooks
from tf_pegasus.generation.search import SearchMixin, first_argument, second_argument, seed_of
from tf_pegasus.layers.embeddings import check_ids
from tf_pegasus.layers.outputs import as_encoder_output
from tf_pegasus.layers.unpack_inputs import (
    TensorLike,
    as_embeddings,
    as_ids,
    check_no_strings,
    gather_inputs,
)
from tf_pegasus.utils.forks import check_not_forked

# Arguments of `generate` with tensors, which may also come as a dict in the first one.
_SOURCE = ("input_ids", "attention_mask", "encoder_outputs", "inputs_embeds")
_HEAD_MASKS = ("head_mask", "decoder_head_mask", "cross_attn_head_mask")
# Options that look at the ids of the source, with the values that turn them off.
OF_SOURCE_IDS = {"encoder_no_repeat_ngram_size": 0, "encoder_repetition_penalty": 1.0}


class GenerationMixin(SearchMixin):
    """Adds `generate` to a model with `get_encoder`; see `SearchMixin`."""

    def generate(
        self,
        input_ids: TensorLike | None = None,
        attention_mask: TensorLike | GenerationConfig | None = None,
        decoder_input_ids: TensorLike | None = None,
        generation_config: GenerationConfig | None = None,
        engine: str = "auto",
        seed: int | tf.Tensor | None = None,
        prefix_allowed_tokens_fn: Callable[[int, np.ndarray], Iterable[int]] | None = None,
        logits_processor: Callable | list[Callable] | None = None,
        stopping_criteria: Callable | list[Callable] | None = None,
        streamer: Any = None,
        encoder_outputs: Any = None,
        inputs_embeds: TensorLike | None = None,
        head_mask: TensorLike | None = None,
        decoder_head_mask: TensorLike | None = None,
        cross_attn_head_mask: TensorLike | None = None,
        decoder_attention_mask: TensorLike | None = None,
        inputs: TensorLike | None = None,
        **options: Any,
    ) -> tf.Tensor | GenerateOutput:
        """Generates output ids with greedy search, beam search, or sampling with either.

        All engines run the same code and return the same ids. In eager calls, inputs are padded to
        buckets (so that few shapes are compiled) and outputs are cut to the longest; inside a
        `tf.function`, outputs are `max_length` wide, and the enclosing function determines the
        engine.

        Args:
            input_ids: int `(batch, source_length)`, or a dict with `input_ids` and
                `attention_mask`, as tokenizers return it. With `encoder_outputs` they are not
                encoded, and only options that look at the source need them.
            attention_mask: int or bool `(batch, source_length)`; by default nonzero for all ids but
                pad. A row without any token gets no output tokens. A `GenerationConfig` in this
                place, as in `transformers`, is `generation_config`.
            decoder_input_ids: int `(batch, prompt_length)`, the beginning of the outputs. Defaults
                to the decoder's start token, which is also prepended if no row begins with it.
            generation_config: `GenerationConfig`; by default the model's.
            engine: `"xla"` (compiled for each bucket, fastest), `"graph"`, `"eager"`, or
                `"auto"`: graph if the model computes in bfloat16 or float16 on a CPU, with
                functions of the caller, a `streamer` or `max_time`; otherwise XLA.
            seed: int or int tensor, or two of them, seed for sampling: equal seeds give equal
                samples in all engines. By default each call draws new samples, determined by
                `keras.utils.set_random_seed`.
            prefix_allowed_tokens_fn: function of the index of a source and the ids of an output so
                far (int, int numpy array) that returns the allowed next ids. It is Python, so
                neither XLA nor a SavedModel can contain it.
            logits_processor: function or list of functions `(input_ids, scores, cur_len)` that
                return new scores; as in `transformers`' TensorFlow classes, `input_ids` are int32
                `(rows, max_length)`, of which the first `cur_len` are filled, and `scores` float32
                `(rows, vocab_size)`: logits, or log-probabilities in beam search. They run after
                the processors that the options request. They must consist of TensorFlow ops,
                except with the eager engine. Pass the same function again instead of a new one,
                which would be compiled anew.
            stopping_criteria: function or list of functions with the same arguments that return a
                bool, or bools `(rows,)`: outputs for which one is true end here. The last token is
                already in `input_ids`.
            streamer: object with the methods `put(tokens)` and `end()`, see
                `tf_pegasus.generation.streamers`, that gets the prompt, int32
                `(rows, prompt_length)`, and then each step's tokens, `(rows,)`, as arrays. For
                `num_beams=1`, and not with XLA.
            encoder_outputs: the encoder's output for the source, or its `last_hidden_state`; the
                encoder is then not run.
            inputs_embeds: float `(batch, source_length, d_model)` instead of `input_ids`, see
                `TFPegasusEncoder.call`.
            head_mask, decoder_head_mask, cross_attn_head_mask: `(layers, heads)`, 0 disables a
                head.
            decoder_attention_mask: int or bool `(batch, prompt_length)`, nonzero for the tokens of
                `decoder_input_ids` to attend to. Positions are counted from the first token in
                any case.
            inputs: another name of `input_ids`, as in `transformers`.
            **options: fields of `GenerationConfig` to replace, such as `num_beams`,
                `length_penalty`, `max_length`, `min_length`, `early_stopping`,
                `no_repeat_ngram_size`, `num_return_sequences`.

        Returns:
            int32 `(batch * num_return_sequences, length)`, rows that begin with the decoder's start
            token and are padded with pad; or a `GenerateOutput` with `return_dict_in_generate`.

        Raises:
            ValueError: if an option or input is out of range, or the engine cannot do what is asked
                for; the message names it.
            TypeError: if an option is unknown, or a function takes other arguments.
        """
        check_not_forked("generate")
        input_ids = first_argument(input_ids, inputs)
        check_no_strings("input_ids", input_ids)
        attention_mask, generation_config = second_argument(attention_mask, generation_config)
        self.check_engine(engine)
        hooks = Hooks.checked(prefix_allowed_tokens_fn, logits_processor, stopping_criteria)
        settings = self.settings(generation_config, options)
        given = gather_inputs(
            _SOURCE,
            input_ids,
            {
                "attention_mask": attention_mask,
                "encoder_outputs": encoder_outputs,
                "inputs_embeds": inputs_embeds,
            },
        )
        encoder_outputs = given["encoder_outputs"]
        tensors = self._source(settings, **given)
        batch = tf.shape(tensors["input_ids"])[0]
        tensors |= self._prompt(settings, decoder_input_ids, decoder_attention_mask, batch)
        masks = (head_mask, decoder_head_mask, cross_attn_head_mask)
        for name, mask in zip(_HEAD_MASKS, masks, strict=True):
            if mask is not None:
                side = "encoder" if name == "head_mask" else "decoder"
                tensors[name] = self.checked_head_mask(name, mask, side)
        tensors["seed"] = seed_of(seed, settings)
        output = self.run_search(tensors, settings, engine, hooks, streamer)
        if not settings.return_dict_in_generate:
            return output.sequences
        if encoder_outputs is None:
            return output
        encoded = as_encoder_output(encoder_outputs)
        kept = {
            f"encoder_{name}": encoded[name]
            for name in ("attentions", "hidden_states")
            if getattr(settings, f"output_{name}") and name in encoded
        }
        return GenerateOutput({**output, **kept})

    def _source(self, settings, input_ids, attention_mask, encoder_outputs, inputs_embeds):
        """Returns the inputs of a search that concern the source.

        Without ids, `input_ids` are pad.
        """
        embeds = {}
        if encoder_outputs is not None:
            states = as_encoder_output(encoder_outputs).last_hidden_state
            states = as_embeddings("encoder_outputs", states, self.config.d_model)
            embeds["encoder_hidden_states"] = states
        if inputs_embeds is not None:
            for name, other in (("input_ids", input_ids), ("encoder_outputs", encoder_outputs)):
                if other is not None:
                    raise ValueError(f"{name} and inputs_embeds exclude each other: give only one")
            states = as_embeddings("inputs_embeds", inputs_embeds, self.config.d_model)
            embeds["inputs_embeds"] = states
        if input_ids is not None or not embeds:
            ids = as_ids("input_ids", input_ids)
            if embeds and not states.shape[:2].is_compatible_with(ids.shape):
                raise ValueError(
                    f"encoder_outputs has the shape {tuple(states.shape)}, input_ids "
                    f"{tuple(ids.shape)}: batch and length must be the same"
                )
        else:
            for name, off in OF_SOURCE_IDS.items():
                if getattr(settings, name) != off:
                    raise ValueError(
                        f"{name}={getattr(settings, name)!r} needs input_ids, the ids of the source"
                    )
            ids = tf.fill(tf.shape(states)[:2], settings.pad_token_id)
            ids.set_shape(states.shape[:2])
        mask = self._source_mask(settings, ids, attention_mask, bool(embeds))
        longest = self.config.max_position_embeddings
        if ids.shape[1] is not None and ids.shape[1] > longest:
            raise ValueError(
                f"input_ids has {ids.shape[1]} tokens per row, the model takes at most "
                f"max_position_embeddings={longest}"
            )
        # XLA would not notice ids out of range: it clamps look-ups.
        check_ids(ids, self.config.vocab_size)
        return {"input_ids": ids, "attention_mask": mask, **embeds}

    def _source_mask(self, settings, ids, attention_mask, is_embedded):
        if attention_mask is not None:
            return as_mask("attention_mask", attention_mask, "input_ids", ids)
        # Embeddings say nothing about padding, nor does a pad id that also ends texts.
        if is_embedded or settings.pad_token_id in settings.eos_token_ids:
            return tf.ones_like(ids)
        return tf.cast(ids != settings.pad_token_id, tf.int32)

    def _prompt(self, settings, decoder_input_ids, decoder_attention_mask, batch):
        """Returns the inputs of a search that concern the beginning of the outputs."""
        start = settings.decoder_start_token_id
        starts = tf.fill((batch, 1), start)
        if decoder_input_ids is None:
            prompt = starts
        else:
            prompt = as_ids("decoder_input_ids", decoder_input_ids)
        if prompt.shape[1] is None or prompt.shape[1] == 0:
            raise ValueError(
                f"decoder_input_ids has the shape {tuple(prompt.shape)}: its length must be static "
                "and at least 1"
            )
        mask = None
        if decoder_attention_mask is not None:
            mask = as_mask(
                "decoder_attention_mask", decoder_attention_mask, "decoder_input_ids", prompt
            )
        if decoder_input_ids is not None and tf.executing_eagerly():
            if prompt.shape[0] != int(batch):
                raise ValueError(
                    f"decoder_input_ids has {prompt.shape[0]} rows, input_ids {int(batch)}: "
                    "they must have the same number of rows"
                )
            if tf.reduce_all(prompt[:, 0] != start):
                prompt = tf.concat([starts, prompt], axis=1)
                mask = None if mask is None else tf.pad(mask, [[0, 0], [1, 0]], constant_values=1)
        check_ids(prompt, self.config.vocab_size, "decoder_input_ids")
        return {"prompt": prompt} | ({} if mask is None else {"decoder_attention_mask": mask})


def as_mask(name: str, mask: TensorLike, ids_name: str, ids: tf.Tensor) -> tf.Tensor:
    """Returns a mask of ids as int32, with 1 for nonzero.

    Raises:
        ValueError: if it has another shape than the ids.
    """
    mask = tf.convert_to_tensor(mask)
    if not mask.shape.is_compatible_with(ids.shape):
        raise ValueError(
            f"{name} has the shape {tuple(mask.shape)}, {ids_name} {tuple(ids.shape)}: they must "
            "have the same shape"
        )
    return tf.cast(mask != tf.zeros((), mask.dtype), tf.int32)
