"""Makes goldens of every output of Hugging Face's PyTorch PEGASUS.

Run in the environment of `make_goldens.py`, after it. It also makes the checkpoint `tiny-formats`,
whose weights this script and those for TensorFlow and Flax write in every format that they
support:

    reference/bin/python tools/goldens/make_output_goldens.py
"""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from make_goldens import MODELS, SHARED, make_inputs, make_model
from transformers import PegasusForCausalLM, PegasusForConditionalGeneration, PegasusModel

GOLDENS = Path(__file__).parents[2] / "tests" / "goldens"

FORMATS_MODEL = "tiny-formats"
FORMATS_SETTINGS = {
    "d_model": 16,
    "vocab_size": 50,
    "encoder_ffn_dim": 20,
    "decoder_ffn_dim": 24,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 4,
    "activation_function": "relu",
    "scale_embedding": True,
}
SHARD_SIZE = "12KB"


def make_formats():
    """Writes one checkpoint in PyTorch's formats: safetensors, zip, legacy, and shards of both."""
    SHARED.update({name: FORMATS_SETTINGS[name] for name in SHARED if name in FORMATS_SETTINGS})
    extra = {name: value for name, value in FORMATS_SETTINGS.items() if name not in SHARED}
    model = make_model(extra, seed=7, eos_bias=0.0)
    root = GOLDENS / FORMATS_MODEL
    model.save_pretrained(root)
    state = model.state_dict()
    for form, legacy in (("bin", False), ("bin-legacy", True)):
        (root / form).mkdir(exist_ok=True)
        torch.save(
            state, root / form / "pytorch_model.bin", _use_new_zipfile_serialization=not legacy
        )
    model.save_pretrained(root / "safetensors-shards", max_shard_size=SHARD_SIZE)
    model.model.save_pretrained(root / "safetensors-bare")
    names = list(state)
    halves = {"1": names[: len(names) // 2], "2": names[len(names) // 2 :]}
    (root / "bin-shards").mkdir(exist_ok=True)
    weight_map = {}
    for number, half in halves.items():
        file = f"pytorch_model-0000{number}-of-00002.bin"
        torch.save({name: state[name].clone() for name in half}, root / "bin-shards" / file)
        weight_map.update(dict.fromkeys(half, file))
    index = {"metadata": {"total_size": 1}, "weight_map": weight_map}
    (root / "bin-shards" / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    for form in ("safetensors-shards", "safetensors-bare"):
        (root / form / "generation_config.json").unlink(missing_ok=True)
    for form in ("bin", "bin-legacy", "bin-shards"):
        shutil.copy(root / "config.json", root / form)


def random_inputs(config, seed):
    random = np.random.default_rng(seed)
    if config.vocab_size == FORMATS_SETTINGS["vocab_size"]:
        SHARED["vocab_size"] = config.vocab_size
    ids, mask, labels = make_inputs(seed)
    decoder_ids = np.where(labels == -100, 0, labels)
    decoder_mask = (np.arange(11) < np.array([[11], [5], [7], [1]])).astype("int64")
    arrays = {
        "input_ids": ids,
        "attention_mask": mask,
        "decoder_input_ids": decoder_ids,
        "decoder_attention_mask": decoder_mask,
        "labels": labels,
    }
    heads = {
        "head_mask": (config.encoder_layers, config.encoder_attention_heads),
        "decoder_head_mask": (config.decoder_layers, config.decoder_attention_heads),
        "cross_attn_head_mask": (config.decoder_layers, config.decoder_attention_heads),
    }
    for name, shape in heads.items():
        arrays[name] = random.choice([0.0, 0.5, 1.0], shape).astype("float32")
    arrays["encoder_hidden_states"] = random.normal(0, 1, (4, 17, config.d_model)).astype("float32")
    return arrays


def stacked(outputs, prefix):
    """Returns the outputs' tensors by name, with those of all layers in one array."""
    arrays = {}
    for name, value in outputs.items():
        if name == "past_key_values":
            if value is None:
                continue
            value = [tensor for layer in value.to_legacy_cache() for tensor in layer]
            for index, tensor in enumerate(value):
                arrays[f"{prefix}{name}_{index}"] = tensor.numpy()
        elif isinstance(value, tuple):
            arrays[prefix + name] = np.stack([part.numpy() for part in value])
        else:
            arrays[prefix + name] = value.numpy()
    return arrays


def main():
    make_formats()
    for seed, name in enumerate((*MODELS, FORMATS_MODEL), 11):
        options = {"attn_implementation": "eager"}
        model = PegasusForConditionalGeneration.from_pretrained(GOLDENS / name, **options).eval()
        bare = PegasusModel.from_pretrained(GOLDENS / name, **options).eval()
        causal = PegasusForCausalLM(model.config).eval()
        causal.set_attn_implementation("eager")
        causal.model.decoder.load_state_dict(model.model.decoder.state_dict())
        causal.lm_head.weight = causal.model.decoder.embed_tokens.weight
        arrays = random_inputs(model.config, seed)
        given = {key: torch.tensor(value) for key, value in arrays.items()}
        everything = {"output_attentions": True, "output_hidden_states": True}
        source = {key: given[key] for key in ("input_ids", "attention_mask")}
        target = {key: given[key] for key in ("decoder_input_ids", "decoder_attention_mask")}
        masks = ("head_mask", "decoder_head_mask", "cross_attn_head_mask")
        masks = {key: given[key] for key in masks}
        decoder = {
            "input_ids": given["decoder_input_ids"],
            "attention_mask": given["decoder_attention_mask"],
        }
        cross = {
            "encoder_hidden_states": given["encoder_hidden_states"],
            "encoder_attention_mask": given["attention_mask"],
        }
        with torch.no_grad():
            cases = {
                "full": model(**source, **target, **everything),
                "labels": model(**source, labels=given["labels"], use_cache=False),
                "heads": model(**source, **target, **masks, **everything, use_cache=False),
                "bare": bare(**source, **target, **everything, use_cache=False),
                "causal": causal(**decoder, labels=given["labels"], **everything, use_cache=False),
                "causal-cross": causal(**decoder, **cross, **everything, use_cache=False),
            }
        for case, outputs in cases.items():
            arrays.update(stacked(outputs, f"{case}:"))
        np.savez_compressed(GOLDENS / f"{name}-outputs.npz", **arrays)


if __name__ == "__main__":
    main()
