"""Makes a tiny checkpoint with an untied output head, and goldens of its logits, in PyTorch.

Run in the environment of `make_goldens.py`:

    reference/bin/python tools/goldens/make_untied_goldens.py
"""

from pathlib import Path

import numpy as np
import torch
from make_goldens import make_inputs, make_model
from transformers import PegasusForCausalLM

GOLDENS = Path(__file__).parents[2] / "tests" / "goldens"
NAME = "tiny-untied"
SETTINGS = {
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 4,
    "activation_function": "gelu",
    "scale_embedding": True,
    "tie_word_embeddings": False,
}


def causal_model(model):
    """Returns the decoder and the head as a language model of their own."""
    causal = PegasusForCausalLM(model.config).eval()
    causal.model.decoder.load_state_dict(model.model.decoder.state_dict())
    causal.lm_head.load_state_dict(model.lm_head.state_dict())
    return causal


def main():
    model = make_model(SETTINGS, 7, 1.0)
    with torch.no_grad():
        model.lm_head.weight.normal_(0, 0.05)
    model.save_pretrained(GOLDENS / NAME)
    ids, mask, labels = make_inputs(7)
    source = {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}
    with torch.no_grad():
        out = model(**source, labels=torch.tensor(labels))
        arrays = {"logits": out.logits.numpy(), "loss": out.loss.numpy()}
        arrays["causal_logits"] = causal_model(model)(torch.tensor(labels.clip(0))).logits.numpy()
        for beams in (1, 4):
            sequences = model.generate(**source, num_beams=beams, max_length=12)
            arrays[f"sequences_{beams}"] = sequences.numpy()
    np.savez_compressed(
        GOLDENS / f"{NAME}.npz", input_ids=ids, attention_mask=mask, labels=labels, **arrays
    )


if __name__ == "__main__":
    main()
