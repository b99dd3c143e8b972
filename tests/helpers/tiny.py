"""A tiny model's configuration, sentences, and the reference implementations' goldens."""

import json
from pathlib import Path

import numpy as np

from tf_pegasus import PegasusConfig, TFPegasusForConditionalGeneration

GOLDENS = Path(__file__).parent.parent / "goldens"
GOLDEN_MODELS = ("tiny-relu", "tiny-gelu")
# Options for all outputs besides states and logits.
EVERYTHING = {"output_attentions": True, "output_hidden_states": True}

SENTENCES = [
    "The quick brown fox jumps over the lazy dog.",
    "A small program keeps track of the hours you spend on your projects.",
    "Reports can be written as plain text or as a table for a spreadsheet.",
    "This library reads and writes pictures in many formats, quickly and safely.",
    "Tools to convert between file formats; no network connection is needed.",
    'Numbers such as 1, 22, 333 and 4,444 appear; so do (brackets) and "quotes".',
    "The server answers requests from many clients at the same time.",
    "Fonts, themes and icons for the desktop, drawn by hand.",
]


class Golden:
    """A tiny checkpoint of the reference implementation, and its outputs."""

    def __init__(self, name):
        self.path = GOLDENS / name
        self.arrays = dict(np.load(GOLDENS / f"{name}.npz"))
        self.cases = json.loads((GOLDENS / f"{name}.json").read_text())
        self.model = TFPegasusForConditionalGeneration.from_pretrained(self.path)
        self.source = {k: self.arrays[k] for k in ("input_ids", "attention_mask")}
        self.inputs = {**self.source, "labels": self.arrays["labels"]}


def tiny_config(**overrides):
    return PegasusConfig(
        **{
            "vocab_size": 60,
            "max_position_embeddings": 32,
            "d_model": 16,
            "encoder_layers": 1,
            "decoder_layers": 2,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 24,
            "decoder_ffn_dim": 24,
            "activation_function": "relu",
            **overrides,
        }
    )


# Of the arguments of a training: a model to fine-tune has its own vocabulary and shape.
FROM_MODEL = dict.fromkeys(("vocab_size", "d_model", "layers", "heads", "ffn_dim"))
