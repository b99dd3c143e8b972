"""Makes the goldens of diverse beam search from transformers 4.50.3, PyTorch.

(4.34 includes the prompt's length in its stopping rule, and 4.57 runs code from the hub to search
groups.) Run in a separate environment, after make_goldens.py:

    python -m venv reference
    reference/bin/pip install torch "transformers==4.50.3" safetensors numpy
    reference/bin/python tools/goldens/make_group_goldens.py
"""

import json
from pathlib import Path

import numpy as np
import torch
from transformers import PegasusForConditionalGeneration

GOLDENS = Path(__file__).parents[2] / "tests" / "goldens"

CASES = [
    {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5},
    {"num_beams": 4, "num_beam_groups": 4, "diversity_penalty": 1.0, "num_return_sequences": 4},
    {
        "num_beams": 6,
        "num_beam_groups": 3,
        "diversity_penalty": 2.0,
        "length_penalty": 0.6,
        "num_return_sequences": 6,
    },
    {
        "num_beams": 6,
        "num_beam_groups": 2,
        "diversity_penalty": 0.3,
        "no_repeat_ngram_size": 2,
        "num_return_sequences": 3,
        "early_stopping": True,
    },
    {
        "num_beams": 8,
        "num_beam_groups": 4,
        "diversity_penalty": 1.5,
        "repetition_penalty": 1.3,
        "encoder_no_repeat_ngram_size": 2,
        "num_return_sequences": 8,
    },
]


def main():
    arrays = {}
    for name in ("tiny-relu", "tiny-gelu"):
        model = PegasusForConditionalGeneration.from_pretrained(GOLDENS / name).eval()
        source = np.load(GOLDENS / f"{name}.npz")
        for number, options in enumerate(CASES):
            with torch.no_grad():
                out = model.generate(
                    torch.tensor(source["input_ids"]),
                    attention_mask=torch.tensor(source["attention_mask"]),
                    max_length=14,
                    return_dict_in_generate=True,
                    output_scores=True,
                    **options,
                )
            arrays[f"{name}:sequences_{number}"] = out.sequences.numpy()
            arrays[f"{name}:scores_{number}"] = out.sequences_scores.numpy()
    np.savez_compressed(GOLDENS / "groups.npz", **arrays)
    (GOLDENS / "groups.json").write_text(json.dumps(CASES, indent=1) + "\n")


if __name__ == "__main__":
    main()
