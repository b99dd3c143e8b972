"""Makes the goldens from Hugging Face's PyTorch PEGASUS, on seeded tiny checkpoints.

Run in a separate environment, not in the project's:

    python -m venv reference
    reference/bin/pip install torch "transformers==4.57.*" safetensors numpy
    reference/bin/python tools/goldens/make_goldens.py
"""

import json
from pathlib import Path

import numpy as np
import torch
from transformers import PegasusConfig, PegasusForConditionalGeneration

GOLDENS = Path(__file__).parents[2] / "tests" / "goldens"

SHARED = {
    "vocab_size": 97,
    "max_position_embeddings": 48,
    "d_model": 32,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 40,
    "dropout": 0.1,
}
MODELS = {
    "tiny-relu": {
        "encoder_layers": 2,
        "decoder_layers": 3,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 2,
        "activation_function": "relu",
        "scale_embedding": True,
    },
    "tiny-gelu": {
        "encoder_layers": 1,
        "decoder_layers": 2,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 4,
        "activation_function": "gelu",
        "scale_embedding": False,
    },
}
EOS_BIAS = {"tiny-relu": 0.0, "tiny-gelu": 3.2}
GENERATION = [
    {"num_beams": 1},
    {"num_beams": 1, "no_repeat_ngram_size": 2, "max_length": 24},
    {"num_beams": 1, "min_length": 8, "forced_eos_token_id": None},
    {"num_beams": 2},
    {"num_beams": 4, "length_penalty": 0.6},
    {"num_beams": 4, "length_penalty": 2.0, "early_stopping": True},
    {"num_beams": 4, "length_penalty": 0.0, "early_stopping": "never"},
    {"num_beams": 4, "length_penalty": 1.5, "early_stopping": "never"},
    {"num_beams": 4, "length_penalty": -0.5},
    {"num_beams": 4, "num_return_sequences": 3},
    {"num_beams": 8, "length_penalty": 0.8, "min_length": 6},
    {"num_beams": 3, "no_repeat_ngram_size": 2, "max_length": 30},
    {"num_beams": 4, "no_repeat_ngram_size": 3, "max_length": 30, "early_stopping": True},
    {"num_beams": 3, "no_repeat_ngram_size": 1},
    {"num_beams": 4, "forced_eos_token_id": None},
    {"num_beams": 4, "forced_eos_token_id": None, "num_return_sequences": 4, "max_length": 6},
    {"num_beams": 8, "max_length": 3},
    {"num_beams": 2, "max_length": 2},
    {"num_beams": 1, "repetition_penalty": 1.7, "max_length": 24},
    {"num_beams": 4, "repetition_penalty": 1.5, "no_repeat_ngram_size": 3},
    {"num_beams": 3, "repetition_penalty": 0.8},
    {"num_beams": 4, "encoder_no_repeat_ngram_size": 1, "max_length": 12},
    {"num_beams": 1, "encoder_no_repeat_ngram_size": 2},
    {"num_beams": 4, "bad_words_ids": [[5], [1], [17, 3], [40, 41, 42], [60]]},
    {"num_beams": 1, "bad_words_ids": [[23], [86], [9, 9]], "suppress_tokens": [31, 74]},
    {"num_beams": 4, "begin_suppress_tokens": [1, 29, 86], "min_new_tokens": 5},
    {"num_beams": 2, "forced_bos_token_id": 33, "begin_suppress_tokens": [12, 86]},
    {"num_beams": 1, "forced_bos_token_id": 44, "suppress_tokens": [86, 29, 75]},
    {"num_beams": 4, "max_length": None, "max_new_tokens": 7, "min_length": 4},
    {"num_beams": 1, "decoder_input_ids": [[0, 5, 9], [0, 7, 7], [0, 2, 3], [0, 96, 4]]},
    {"num_beams": 4, "length_penalty": 0.7, "decoder_input_ids": [[0, 8, 61, 12]] * 4},
    {"num_beams": 3, "length_penalty": 2.0, "early_stopping": "never", "min_new_tokens": 3}
    | {"decoder_input_ids": [[5, 9], [8, 8], [2, 3], [6, 4]], "no_repeat_ngram_size": 2},
    {"num_beams": 2, "max_length": None, "max_new_tokens": 4, "begin_suppress_tokens": [86, 29]}
    | {"decoder_input_ids": [[0, 33]] * 4},
]


def make_model(settings, seed, eos_bias):
    torch.manual_seed(seed)
    model = PegasusForConditionalGeneration(PegasusConfig(**SHARED, **settings)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # Large enough for every part of the network to matter in the logits.
            if "layer_norm" in name:
                parameter.add_(torch.randn_like(parameter) * 0.2)
            elif "embed_positions" not in name:
                parameter.normal_(0, 0.05 if name.endswith("bias") else 0.4)
        # The output projection is the embedding: small, so that tokens do not repeat forever.
        model.model.shared.weight.normal_(0, 0.05)
        model.model.shared.weight[0] = 0
        model.model.decoder.layer_norm.weight.mul_(8)
        model.final_logits_bias.normal_(0, 0.5)
        # Often enough the best token that hypotheses end at different lengths.
        model.final_logits_bias[0, 1] = eos_bias
    return model


def make_inputs(seed):
    random = np.random.default_rng(seed)
    lengths = [17, 1, 9, 13]
    ids = random.integers(2, SHARED["vocab_size"], (4, 17))
    mask = (np.arange(17) < np.array(lengths)[:, None]).astype("int64")
    labels = random.integers(2, SHARED["vocab_size"], (4, 11))
    labels[np.arange(11) >= np.array([[11], [4], [7], [1]])] = -100
    return ids * mask, mask, labels


def main():
    for seed, (name, settings) in enumerate(MODELS.items(), 1):
        model = make_model(settings, seed, EOS_BIAS[name])
        model.save_pretrained(GOLDENS / name)
        ids, mask, labels = make_inputs(seed)
        tensors = {
            "input_ids": torch.tensor(ids),
            "attention_mask": torch.tensor(mask),
            "labels": torch.tensor(labels),
        }
        with torch.no_grad():
            out = model(**tensors)
            base = model.model(
                input_ids=tensors["input_ids"],
                attention_mask=tensors["attention_mask"],
                decoder_input_ids=model.prepare_decoder_input_ids_from_labels(tensors["labels"]),
            )
        arrays = {
            "input_ids": ids,
            "attention_mask": mask,
            "labels": labels,
            "logits": out.logits.numpy(),
            "loss": out.loss.numpy(),
            "encoder_last_hidden_state": out.encoder_last_hidden_state.numpy(),
            "last_hidden_state": base.last_hidden_state.numpy(),
        }
        cases = []
        for number, options in enumerate(GENERATION):
            options = {"max_length": 16, **options}
            options = {k: v for k, v in options.items() if k != "max_length" or v}
            given = dict(options)
            if "decoder_input_ids" in options:
                given["decoder_input_ids"] = torch.tensor(options["decoder_input_ids"])
            out = model.generate(
                tensors["input_ids"],
                attention_mask=tensors["attention_mask"],
                return_dict_in_generate=True,
                output_scores=True,
                do_sample=False,
                **given,
            )
            arrays[f"sequences_{number}"] = out.sequences.numpy()
            if options["num_beams"] > 1:
                arrays[f"scores_{number}"] = out.sequences_scores.numpy()
            cases.append(options)
        np.savez_compressed(GOLDENS / f"{name}.npz", **arrays)
        (GOLDENS / f"{name}.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
