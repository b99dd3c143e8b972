"""Makes goldens of `transformers`' Flax PEGASUS (4.34.1): its weight file and cached decoding.

Run after `make_output_goldens.py`:

    python -m venv reference-flax
    reference-flax/bin/pip install "jax==0.4.13" "jaxlib==0.4.13" "flax==0.7.2" "scipy<1.12" \
        "orbax-checkpoint<0.5" "transformers==4.34.1" "numpy<2" "safetensors==0.4.5"
    reference-flax/bin/python tools/goldens/make_flax_goldens.py
"""

import shutil
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors.numpy import load_file
from transformers import FlaxPegasusForConditionalGeneration, PegasusConfig

GOLDENS = Path(__file__).parents[2] / "tests" / "goldens"
NAME = "tiny-formats"
MAX_LENGTH = 16


def flax_params(model, state):
    """Returns the PyTorch weights with Flax names, as `transformers` converts them with PyTorch."""
    params = {}
    for path in flatten_dict(model.params):
        *stem, leaf = path
        leaf = {"kernel": "weight", "scale": "weight", "embedding": "weight"}.get(leaf, leaf)
        value = state[".".join([*stem, leaf])]
        params[path] = value.T if path[-1] == "kernel" else value
    return unflatten_dict(params)


def main():
    model = FlaxPegasusForConditionalGeneration(PegasusConfig.from_pretrained(GOLDENS / NAME))
    model.params = flax_params(model, load_file(GOLDENS / NAME / "model.safetensors"))
    model.save_pretrained(GOLDENS / NAME / "msgpack")
    shutil.copy(GOLDENS / NAME / "config.json", GOLDENS / NAME / "msgpack")
    (GOLDENS / NAME / "msgpack" / "generation_config.json").unlink(missing_ok=True)
    inputs = dict(np.load(GOLDENS / f"{NAME}-outputs.npz"))
    mask = inputs["attention_mask"]
    encoded = model.encode(inputs["input_ids"], mask)
    ids = jnp.asarray(inputs["decoder_input_ids"])
    arrays = {"encoder_last_hidden_state": np.asarray(encoded.last_hidden_state)}
    whole = model.decode(ids, encoded, encoder_attention_mask=mask)
    arrays["logits"] = np.asarray(whole.logits)
    cache = model.init_cache(len(ids), MAX_LENGTH, encoded)
    steps = []
    for start, end in ((0, 4), (4, 5), (5, 11)):
        out = model.decode(
            ids[:, start:end],
            encoded,
            encoder_attention_mask=mask,
            decoder_attention_mask=jnp.ones((len(ids), MAX_LENGTH), "i4"),
            decoder_position_ids=jnp.broadcast_to(jnp.arange(start, end), (len(ids), end - start)),
            past_key_values=cache,
        )
        cache = out.past_key_values
        steps.append(np.asarray(out.logits))
    arrays["logits:cached"] = np.concatenate(steps, axis=1)
    np.savez_compressed(GOLDENS / f"{NAME}-flax.npz", **arrays)


if __name__ == "__main__":
    main()
