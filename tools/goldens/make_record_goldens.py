"""Makes goldens of the per-step outputs of `generate`, from transformers 4.57.

Run in the environment of make_goldens.py, after it.
"""

from pathlib import Path

import numpy as np
import torch
from transformers import PegasusForConditionalGeneration

GOLDENS = Path(__file__).parents[2] / "tests" / "goldens"

CASES = {
    "greedy": {"num_beams": 1, "repetition_penalty": 1.2, "no_repeat_ngram_size": 2},
    "beams": {"num_beams": 3, "num_return_sequences": 2, "min_length": 4},
    "prompt": {"num_beams": 2, "decoder_input_ids": [[0, 7, 9], [0, 11, 5]]},
}
STEPS = ("decoder_hidden_states", "decoder_attentions", "cross_attentions")


def main():
    model = PegasusForConditionalGeneration.from_pretrained(
        GOLDENS / "tiny-gelu", attn_implementation="eager"
    ).eval()
    source = np.load(GOLDENS / "tiny-gelu.npz")
    arrays = {}
    for name, options in CASES.items():
        options = dict(options)
        if "decoder_input_ids" in options:
            options["decoder_input_ids"] = torch.tensor(options["decoder_input_ids"])
        with torch.no_grad():
            out = model.generate(
                torch.tensor(source["input_ids"][:2]),
                attention_mask=torch.tensor(source["attention_mask"][:2]),
                max_length=7,
                return_dict_in_generate=True,
                output_scores=True,
                output_logits=True,
                output_attentions=True,
                output_hidden_states=True,
                **options,
            )
        arrays[f"{name}:sequences"] = out.sequences.numpy()
        for field in ("scores", "logits", "encoder_hidden_states", "encoder_attentions"):
            for number, value in enumerate(out[field]):
                arrays[f"{name}:{field}:{number}"] = value.numpy()
        if "beam_indices" in out:
            arrays[f"{name}:beam_indices"] = out.beam_indices.numpy()
        for field in STEPS:
            for step, layers in enumerate(out[field]):
                for layer, value in enumerate(layers):
                    # The first step runs the whole prompt; its last position is compared with ours.
                    last = (slice(None),) * (value.dim() - 2) + (slice(-1, None),)
                    arrays[f"{name}:{field}:{step}:{layer}"] = value[last].numpy()
    arrays = {
        key: value.astype("float32") if value.dtype == np.float32 else value
        for key, value in arrays.items()
    }
    np.savez_compressed(GOLDENS / "records.npz", **arrays)


if __name__ == "__main__":
    main()
