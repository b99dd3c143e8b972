"""Generation options of `transformers` that are not supported, and what to use instead."""

from collections.abc import Iterable

from tf_pegasus.config.foreign_keys import TRANSFORMERS_GENERATION_KEYS

# Options and arguments of `generate` that are refused, each with what to use instead.
INSTEAD = {
    "assistant_model": (
        "assisted generation changes the speed, not the output: use engine='xla', the default, "
        "or model.quantize('int8')"
    ),
    "constraints": "use prefix_allowed_tokens_fn, or sequence_bias to favour words",
    "dola_layers": "use num_beams or do_sample",
    "force_words_ids": "use prefix_allowed_tokens_fn, or sequence_bias to favour words",
    "forced_decoder_ids": "use decoder_input_ids for the first ids, or forced_bos_token_id for one",
    "guidance_scale": "use sequence_bias or a function in logits_processor",
    "min_p": "use top_p, typical_p, epsilon_cutoff or eta_cutoff",
    "negative_prompt_ids": "use bad_words_ids, sequence_bias or a function in logits_processor",
    "penalty_alpha": (
        "contrastive search is not supported: use no_repeat_ngram_size or repetition_penalty "
        "against repetitions, or top_p for varied outputs"
    ),
    "prompt_lookup_num_tokens": (
        "it changes the speed, not the output, and would not be faster here: use engine='xla', "
        "the default"
    ),
    "stop_strings": "use eos_token_id with several ids, or a function in stopping_criteria",
    "token_healing": "use decoder_input_ids that end before the last token",
    "top_h": "use top_p, typical_p, epsilon_cutoff or eta_cutoff",
    "watermarking_config": "use a function in logits_processor",
}
# Keys of generation_config.json that do not change which outputs are generated.
WITHOUT_EFFECT = tuple(name for name in TRANSFORMERS_GENERATION_KEYS if name not in INSTEAD)
# Other arguments of `generate` in `transformers` that are no options.
NOT_OPTIONS = dict.fromkeys(WITHOUT_EFFECT, "it would not change the outputs: leave it out") | {
    "cache_position": "the cache counts its positions: leave it out",
    "decoder_inputs_embeds": "use decoder_input_ids",
    "decoder_position_ids": "positions are counted from the first token",
    "labels": "they do not change the outputs: give generate the batch without them",
    "low_memory": "it is for contrastive search only: leave it out",
    "past_key_values": (
        "caches are internal to a search: use decoder_input_ids for what is already known"
    ),
    "return_dict": "use return_dict_in_generate",
    "training": "generation has no dropout",
}


def refuse_foreign(names: Iterable[str]) -> None:
    """Refuses options of `transformers` that would change the outputs.

    Raises:
        ValueError: if there is one among the names; the message says what to use instead.
    """
    for name in names:
        if name in INSTEAD:
            raise ValueError(f"{name} is not supported: {INSTEAD[name]}")
