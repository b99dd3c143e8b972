"""The method `generate` of models without an encoder, which continue given ids."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from tf_pegasus.config.generation import GenerationConfig
from tf_pegasus.generation.generate import OF_SOURCE_IDS, as_mask
from tf_pegasus.generation.generate_output import GenerateOutput
from tf_pegasus.generation.hooks import Hooks
from tf_pegasus.generation.search import SearchMixin, first_argument, second_argument, seed_of
from tf_pegasus.layers.embeddings import check_ids
from tf_pegasus.layers.unpack_inputs import TensorLike, as_ids, gather_inputs
from tf_pegasus.utils.forks import check_not_forked


class CausalGenerationMixin(SearchMixin):
    """Adds `generate` to a model without encoder; see `SearchMixin`."""

    prompt_name = "input_ids"

    def generate(
        self,
        input_ids: TensorLike | None = None,
        attention_mask: TensorLike | GenerationConfig | None = None,
        generation_config: GenerationConfig | None = None,
        engine: str = "auto",
        seed: int | tf.Tensor | None = None,
        prefix_allowed_tokens_fn: Callable[[int, np.ndarray], Iterable[int]] | None = None,
        logits_processor: Callable | list[Callable] | None = None,
        stopping_criteria: Callable | list[Callable] | None = None,
        streamer: Any = None,
        head_mask: TensorLike | None = None,
        inputs: TensorLike | None = None,
        **options: Any,
    ) -> tf.Tensor | GenerateOutput:
        """Continues ids with greedy search, beam search, or sampling with either.

        Args:
            input_ids: int `(batch, prompt_length)`, the beginning of the outputs, or a dict with
                `input_ids` and `attention_mask`. By default one row with `bos_token_id`. Each
                length is compiled by itself.
            attention_mask: int or bool `(batch, prompt_length)`, nonzero for the tokens to attend
                to; by default nonzero for all ids but pad. Pad on the left, because outputs follow
                the last column. Or `generation_config`, as in `transformers`.
            generation_config, engine, seed, prefix_allowed_tokens_fn, logits_processor,
                stopping_criteria, streamer: see
                `TFPegasusForConditionalGeneration.generate`.
            head_mask: `(layers, heads)`, 0 disables a head.
            inputs: another name of `input_ids`, as in `transformers`.
            **options: fields of `GenerationConfig` to replace; `max_length` and `min_length`
                include the prompt.

        Returns:
            int32 `(batch * num_return_sequences, length)`, rows that begin with the prompt and are
            padded with pad; or a `GenerateOutput` with `return_dict_in_generate`.

        Raises:
            ValueError: if an option or input is out of range, or the engine cannot do what is asked
                for; the message names it.
            TypeError: if an option is unknown, or a function takes other arguments.
        """
        check_not_forked("generate")
        input_ids = first_argument(input_ids, inputs)
        attention_mask, generation_config = second_argument(attention_mask, generation_config)
        self.check_engine(engine)
        hooks = Hooks.checked(prefix_allowed_tokens_fn, logits_processor, stopping_criteria)
        settings = self.settings(generation_config, options)
        for name, off in OF_SOURCE_IDS.items():
            if getattr(settings, name) != off:
                raise ValueError(
                    f"{name}={getattr(settings, name)!r} needs a source, which a model without "
                    "encoder does not have"
                )
        names = ("input_ids", "attention_mask")
        given = gather_inputs(names, input_ids, {"attention_mask": attention_mask})
        tensors = self._prompt(settings, **given)
        if head_mask is not None:
            tensors["decoder_head_mask"] = self.checked_head_mask("head_mask", head_mask, "decoder")
        tensors["seed"] = seed_of(seed, settings)
        output = self.run_search(tensors, settings, engine, hooks, streamer)
        return output if settings.return_dict_in_generate else output.sequences

    def _prompt(self, settings, input_ids, attention_mask):
        if input_ids is None:
            if settings.bos_token_id is None:
                raise ValueError(
                    "input_ids is missing: give integers of the shape (batch, length), or "
                    "bos_token_id, the first id"
                )
            prompt = tf.fill((1, 1), settings.bos_token_id)
        else:
            prompt = as_ids("input_ids", input_ids)
        if not prompt.shape[1]:
            raise ValueError(
                f"input_ids has the shape {tuple(prompt.shape)}: its length must be static and at "
                "least 1"
            )
        if attention_mask is not None:
            mask = as_mask("attention_mask", attention_mask, "input_ids", prompt)
        elif input_ids is None or settings.pad_token_id in settings.eos_token_ids:
            mask = tf.ones_like(prompt)
        else:
            mask = tf.cast(prompt != settings.pad_token_id, tf.int32)
        check_ids(prompt, self.config.vocab_size)
        return {"prompt": prompt, "decoder_attention_mask": mask}
