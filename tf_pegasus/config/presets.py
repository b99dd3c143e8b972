"""Configurations of the published checkpoints.

They share one architecture and differ in the settings of fine-tuning (Zhang et al., 2020, appendix
C, table C.1, and the authors' release).
"""

from typing import Any

# length_penalty, max_length, max_position_embeddings
PRESETS = {
    "aeslc": (0.6, 32, 512),
    "arxiv": (0.8, 256, 1024),
    "big_patent": (0.7, 256, 1024),
    "billsum": (0.6, 256, 1024),
    "cnn_dailymail": (0.8, 128, 1024),
    "gigaword": (0.6, 32, 128),
    "large": (0.8, 256, 1024),
    "multi_news": (0.8, 256, 1024),
    "newsroom": (0.8, 128, 512),
    "pubmed": (0.8, 256, 1024),
    "reddit_tifu": (0.6, 128, 512),
    "wikihow": (0.6, 256, 512),
    "xsum": (0.6, 64, 512),
}

_LARGE = {
    "vocab_size": 96103,
    "d_model": 1024,
    "encoder_layers": 16,
    "decoder_layers": 16,
    "encoder_attention_heads": 16,
    "decoder_attention_heads": 16,
    "encoder_ffn_dim": 4096,
    "decoder_ffn_dim": 4096,
    "activation_function": "relu",
    "scale_embedding": True,
    "dropout": 0.1,
    "attention_dropout": 0.1,
    "activation_dropout": 0.1,
    "forced_eos_token_id": 1,
    "num_beams": 8,
}


def preset_values(name: str) -> dict[str, Any]:
    """Returns a dict with the configuration values of a published checkpoint.

    Raises:
        ValueError: if there is no such checkpoint.
    """
    short = str(name).removeprefix("google/").removeprefix("pegasus-")
    if short not in PRESETS:
        raise ValueError(f"name={name!r} must be one of {', '.join(PRESETS)}")
    length_penalty, max_length, max_position_embeddings = PRESETS[short]
    return {
        **_LARGE,
        "length_penalty": length_penalty,
        "max_length": max_length,
        "max_position_embeddings": max_position_embeddings,
    }
