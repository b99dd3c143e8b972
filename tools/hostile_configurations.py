"""JSON files whose values cost far more than their bytes, beside good weights."""

import json
from pathlib import Path

_NUMBERS = (0, -1, 2**24, 10**7, 10**9, 2**31, 2**63, 10**400, 0.5, True, None, "8", [], {})
_FIELDS = (
    "vocab_size",
    "max_position_embeddings",
    "encoder_layers",
    "decoder_layers",
    "encoder_ffn_dim",
    "decoder_ffn_dim",
    "encoder_attention_heads",
    "d_model",
    "pad_token_id",
    "init_std",
    "model_type",
    "activation_function",
)


def mutate(source, directory):
    """Writes a hostile `config.json`, and returns what was done."""
    path = Path(directory) / "config.json"
    values = json.loads(path.read_text())
    kind = source.choice(("value", "value", "value", "layers", "deep", "long", "not JSON"))
    if kind == "value":
        for _ in range(source.choice((1, 1, 2))):
            values[source.choice(_FIELDS)] = source.choice(_NUMBERS)
    elif kind == "layers":
        values[source.choice(("encoder_layers", "decoder_layers"))] = source.choice((300, 20_000))
    text = json.dumps(values)
    if kind == "deep":
        depth = source.choice((50, 300, 900, 10**5))
        text = text[:-1] + ', "more": ' + "[" * depth + "]" * depth + "}"
    elif kind == "long":
        text = text[:-1] + ', "more": [' + "[]," * source.choice((10, 10**7)) + "[]]}"
    elif kind == "not JSON":
        text = source.choice(("", "[]", "\ufeff{}", "{", '{"a": 1e999', "\ud800", "9" * 10**5))
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return kind
