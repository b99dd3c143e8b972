"""Makes the goldens of the options and arguments of generation from transformers 4.57, PyTorch.

Run in a separate environment, after make_goldens.py:

    python -m venv reference
    reference/bin/pip install torch "transformers==4.57.*" safetensors numpy
    reference/bin/python tools/goldens/make_option_goldens.py
"""

import json
from pathlib import Path

import numpy as np
import torch
from transformers import PegasusForCausalLM, PegasusForConditionalGeneration
from transformers.generation import (
    EncoderRepetitionPenaltyLogitsProcessor,
    EpsilonLogitsWarper,
    EtaLogitsWarper,
)

GOLDENS = Path(__file__).parents[2] / "tests" / "goldens"

# Options, and under "call" the names of arguments that `arguments` makes.
CASES = [
    {"eos_token_id": [1, 24, 57]},
    {"eos_token_id": [1, 65, 61], "num_beams": 4, "num_return_sequences": 4},
    {"eos_token_id": [22, 48], "num_beams": 3, "min_length": 6, "length_penalty": 0.6},
    {"eos_token_id": [1, 5], "forced_eos_token_id": [5, 1]},
    {"decoder_start_token_id": 5, "num_beams": 2},
    {"sequence_bias": [[[82], -3.0], [[42, 42], -4.0], [[24, 7], 8.5]]},
    {"sequence_bias": [[[24], -2.0], [[33, 48], 5.0], [[65, 65, 12], 9.0]], "num_beams": 4},
    {"exponential_decay_length_penalty": [3, 1.3]},
    {"exponential_decay_length_penalty": [2, 0.8], "num_beams": 4, "num_return_sequences": 2},
    {"renormalize_logits": True, "num_beams": 4, "suppress_tokens": [24, 42, 65]},
    {"remove_invalid_values": True, "num_beams": 3, "bad_words_ids": [[24], [42, 32], [33, 33]]},
    {"encoder_repetition_penalty": 3.0},
    {"encoder_repetition_penalty": 2.5, "num_beams": 4},
    {"call": ["logits_processor"]},
    {"call": ["logits_processor"], "num_beams": 4},
    {"call": ["stopping_criteria"]},
    {"call": ["stopping_criteria"], "num_beams": 3},
    {"call": ["encoder_outputs"], "num_beams": 2},
    {"call": ["inputs_embeds"], "num_beams": 2},
    {"call": ["head_mask", "decoder_head_mask", "cross_attn_head_mask"]},
    {"call": ["head_mask", "decoder_head_mask", "cross_attn_head_mask"], "num_beams": 4},
    {"call": ["decoder_input_ids", "decoder_attention_mask"]},
    {"call": ["decoder_input_ids", "decoder_attention_mask"], "num_beams": 4},
]
CAUSAL_CASES = [{"max_length": 14}, {"max_new_tokens": 8, "num_beams": 3, "min_length": 9}]
PROMPT = [[0, 5, 9, 7], [0, 0, 7, 8], [0, 0, 0, 3], [0, 96, 4, 4]]
PROMPT_MASK = [[1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 1], [1, 0, 1, 1]]


def favoured(ids, scores):
    """Adds 4 to the score of the token 7 times the length."""
    scores = scores.clone()
    scores[:, 7 * ids.shape[1] % scores.shape[1]] += 4.0
    return scores


def ends_at_sum(ids, scores, **unused):
    """Ends outputs whose ids add up to more than 300."""
    return ids.sum(dim=1) > 300


def arguments(model, ids, mask, names):
    config, random = model.config, np.random.default_rng(5)
    head_masks = {}
    for name, side in (
        ("head_mask", "encoder"),
        ("decoder_head_mask", "decoder"),
        ("cross_attn_head_mask", "decoder"),
    ):
        shape = [getattr(config, f"{side}_{part}") for part in ("layers", "attention_heads")]
        head_masks[name] = torch.tensor(random.integers(0, 3, shape) / 2, dtype=torch.float32)
    others = model.model.encoder(ids.flip(0), attention_mask=mask)
    embeds = model.model.shared(ids) * 3
    made = {
        "logits_processor": [favoured],
        "stopping_criteria": [ends_at_sum],
        "encoder_outputs": others,
        "inputs_embeds": embeds,
        "decoder_input_ids": torch.tensor(PROMPT),
        "decoder_attention_mask": torch.tensor(PROMPT_MASK),
        **head_masks,
    }
    chosen = {name: made[name] for name in names}
    arrays = {}
    for name, value in chosen.items():
        if name == "encoder_outputs":
            arrays[name] = value.last_hidden_state.numpy()
        elif torch.is_tensor(value):
            arrays[name] = value.numpy()
    return chosen, arrays


def mask_decoder(model, **masks):
    """Makes the decoder use head masks; returns a function that undoes it."""
    decoder = model.model.decoder
    forward = decoder.forward
    decoder.forward = lambda *inputs, **named: forward(*inputs, **{**named, **masks})

    def restore():
        decoder.forward = forward

    return restore


def continued(arrays, model_name, model):
    """Generates with the decoder alone."""
    decoder = PegasusForCausalLM(model.config).eval()
    decoder.model.decoder.load_state_dict(model.model.decoder.state_dict())
    decoder.lm_head.weight = decoder.model.decoder.embed_tokens.weight
    for number, options in enumerate(CAUSAL_CASES):
        out = decoder.generate(
            torch.tensor(PROMPT),
            attention_mask=torch.tensor(PROMPT_MASK),
            return_dict_in_generate=True,
            output_scores=True,
            do_sample=False,
            # Its cache has as many layers as the encoder.
            use_cache=False,
            **options,
        )
        arrays[f"{model_name}:causal:{number}"] = out.sequences.numpy().astype("int8")


def warped(arrays):
    scores = np.random.default_rng(2).normal(size=(6, 40)).astype("float32") * 2
    arrays["warpers:scores"] = scores
    for name, warper in (
        ("epsilon", EpsilonLogitsWarper(0.03, min_tokens_to_keep=2)),
        ("epsilon-most", EpsilonLogitsWarper(0.9, min_tokens_to_keep=2)),
        ("eta", EtaLogitsWarper(0.05, min_tokens_to_keep=1)),
        ("eta-most", EtaLogitsWarper(0.9, min_tokens_to_keep=2)),
    ):
        arrays[f"warpers:{name}"] = warper(None, torch.tensor(scores)).numpy() > -np.inf


def main():
    arrays = {}
    warped(arrays)
    for model_name in ("tiny-relu", "tiny-gelu"):
        # Other kinds of attention do not take head masks.
        model = PegasusForConditionalGeneration.from_pretrained(
            GOLDENS / model_name, attn_implementation="eager"
        ).eval()
        source = np.load(GOLDENS / f"{model_name}.npz")
        ids, mask = (torch.tensor(source[n]) for n in ("input_ids", "attention_mask"))
        with torch.no_grad():
            continued(arrays, model_name, model)
        for number, case in enumerate(CASES):
            options = dict(case)
            with torch.no_grad():
                given, inputs = arguments(model, ids, mask, options.pop("call", []))
                if "encoder_repetition_penalty" in options and "num_beams" in options:
                    # With beams, the reference changes the first rows only.
                    penalty = options.pop("encoder_repetition_penalty")
                    repeated = ids.repeat_interleave(options["num_beams"], dim=0)
                    given["logits_processor"] = [
                        EncoderRepetitionPenaltyLogitsProcessor(penalty, repeated)
                    ]
                restore = None
                if "decoder_head_mask" in given and "num_beams" in options:
                    # With beams, the reference would repeat the masks' layers.
                    restore = mask_decoder(
                        model,
                        head_mask=given.pop("decoder_head_mask"),
                        cross_attn_head_mask=given.pop("cross_attn_head_mask"),
                    )
                if "inputs_embeds" not in given and "encoder_outputs" not in given:
                    given["input_ids"] = ids
                out = model.generate(
                    attention_mask=mask,
                    max_length=14,
                    return_dict_in_generate=True,
                    output_scores=True,
                    do_sample=False,
                    **given,
                    **options,
                )
            if restore is not None:
                restore()
            key = f"{model_name}:{number}"
            arrays[f"{key}:sequences"] = out.sequences.numpy().astype("int8")
            for name, value in inputs.items():
                arrays[f"{key}:{name}"] = value
            if options.get("num_beams", 1) > 1:
                arrays[f"{key}:scores"] = out.sequences_scores.numpy()
            if number in (0, 1):
                arrays[f"{key}:transitions"] = model.compute_transition_scores(
                    out.sequences, out.scores, getattr(out, "beam_indices", None), number == 0
                ).numpy()
    np.savez_compressed(GOLDENS / "options.npz", **arrays)
    (GOLDENS / "options.json").write_text(json.dumps(CASES) + "\n")


if __name__ == "__main__":
    main()
