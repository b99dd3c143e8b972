"""Compares every output with the reference implementations' goldens; writes `docs/parity.md`.

python tools/parity.py
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tempfile
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf
from safetensors import safe_open
from surface import DOCUMENT, HEADING

from tf_pegasus import TFPegasusForCausalLM, TFPegasusForConditionalGeneration, TFPegasusModel
from tf_pegasus.checkpoints.saving import WEIGHTS_FORMATS

GOLDENS = Path(__file__).parents[1] / "tests" / "goldens"
CHECKPOINTS = ("tiny-relu", "tiny-gelu", "tiny-formats")
# Files of `tiny-formats` by the reference implementations, by directory.
REFERENCE_FILES = {
    "": "transformers 4.57, PyTorch",
    "safetensors-shards": "transformers 4.57, PyTorch",
    "safetensors-bare": "transformers 4.57, PyTorch",
    "bin": "torch 2.13, zip",
    "bin-legacy": "torch 2.13, legacy",
    "bin-shards": "torch 2.13, shards",
    "h5": "transformers 4.34.1, TensorFlow",
    "msgpack": "transformers 4.34.1, Flax",
}
COLUMNS = (
    "logits",
    "loss",
    "hidden states",
    "attentions",
    "head masks",
    "cache",
    "causal LM",
)
EVERYTHING = {"output_attentions": True, "output_hidden_states": True}


def load_outputs(name):
    """Returns inputs and outputs of the reference implementation for a checkpoint, by name."""
    golden = dict(np.load(GOLDENS / f"{name}-outputs.npz"))
    with safe_open(GOLDENS / name / "model.safetensors", framework="np") as file:
        golden["final_logits_bias"] = file.get_tensor("final_logits_bias")
    return golden


def difference(ours, theirs):
    """Returns the largest absolute difference of two arrays of the same shape.

    A loss has the shape (1,) in `transformers`' TensorFlow classes and here, () elsewhere.
    """
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.shape == (1,) and theirs.shape == ():
        theirs = theirs[None]
    if ours.shape != theirs.shape:
        raise AssertionError(f"shape {ours.shape}, the reference has {theirs.shape}")
    return float(np.max(np.abs(ours - theirs), initial=0.0))


def column_of(case, output):
    """Returns the column of the table that an output belongs to."""
    if case.startswith("causal"):
        return "causal LM"
    if case == "heads":
        return "head masks"
    if output == "past_key_values":
        return "cache"
    if output in ("logits", "loss"):
        return output
    return "attentions" if "attentions" in output else "hidden states"


def reference_cases(directory, golden):
    """Returns the outputs of the models in `directory` for each case of the goldens."""
    with warnings.catch_warnings():
        # Files of other programs warn about unexpected weights; missing ones raise below.
        warnings.simplefilter("ignore")
        model, info = TFPegasusForConditionalGeneration.from_pretrained(
            directory, output_loading_info=True
        )
        bare = TFPegasusModel.from_pretrained(directory)
        causal = TFPegasusForCausalLM.from_pretrained(directory)
    if directory.name == "safetensors-bare":
        # The file of the bare reference model has no head; everything else is compared.
        model.set_bias({"final_logits_bias": golden["final_logits_bias"]})
    if info["missing_keys"]:
        raise AssertionError(f"{directory}: {info['missing_keys']} are missing")
    source = {name: golden[name] for name in ("input_ids", "attention_mask")}
    target = {name: golden[name] for name in ("decoder_input_ids", "decoder_attention_mask")}
    heads = {name: golden[name] for name in golden if name.endswith("head_mask")}
    decoder = {
        "input_ids": golden["decoder_input_ids"],
        "attention_mask": golden["decoder_attention_mask"],
    }
    cross = {
        "encoder_hidden_states": golden["encoder_hidden_states"],
        "encoder_attention_mask": golden["attention_mask"],
    }
    cases = {
        "full": model(**source, **target, **EVERYTHING),
        "labels": model(**source, labels=golden["labels"]),
        "heads": model(**source, **target, **heads, **EVERYTHING, use_cache=False),
        "bare": bare(**source, **target, **EVERYTHING, use_cache=False),
        "causal": causal(**decoder, labels=golden["labels"], **EVERYTHING),
        "causal-cross": causal(**decoder, **cross, **EVERYTHING, use_cache=False),
    }
    return model, cases


def reference_differences(directory, golden):
    """Yields (column, where, largest difference) for every output of every case."""
    model, cases = reference_cases(directory, golden)
    for case, outputs in cases.items():
        compared = set()
        for output, value in outputs.items():
            tensors = {f"{case}:{output}": value}
            if output == "past_key_values":
                flat = tf.nest.flatten(value)
                tensors = {f"{case}:{output}_{i}": tensor for i, tensor in enumerate(flat)}
            for key, tensor in tensors.items():
                tensor = np.stack(tensor) if isinstance(tensor, tuple) else tensor
                yield column_of(case, output), key, difference(tensor, golden[key])
            compared.update(tensors)
        expected = {key for key in golden if key.startswith(f"{case}:")}
        if compared != expected:
            raise AssertionError(f"{case}: not the same outputs: {compared ^ expected}")
    for key, logits, expected in cached_logits(model, golden):
        yield "cache", key, difference(logits, expected)


def cached_logits(model, golden):
    """Returns differences of logits computed in pieces from those computed at once."""
    ids, mask = golden["decoder_input_ids"], golden["attention_mask"]
    whole = model(golden["input_ids"], mask, decoder_input_ids=ids).logits
    source = {"input_ids": golden["input_ids"]}
    past, pieces = None, []
    for start, end in ((0, 4), (4, 5), (5, 6), (6, 11)):
        outputs = model(
            attention_mask=mask,
            decoder_input_ids=ids[:, start:end],
            past_key_values=past,
            **(source if past is None else {}),
        )
        past = outputs.past_key_values
        pieces.append(outputs.logits)
    yield "growing", np.concatenate(pieces, axis=1), whole
    encoded = model.encode(golden["input_ids"], mask)
    past, pieces = model.init_cache(len(ids), 16, encoded), []
    for start, end in ((0, 4), (4, 5), (5, 11)):
        outputs = model.decode(ids[:, start:end], encoded, mask, past_key_values=past)
        past = outputs.past_key_values
        pieces.append(outputs.logits)
    yield "static", np.concatenate(pieces, axis=1), whole


def rows():
    """Yields (checkpoint, format, writer, {column: largest difference})."""
    for name in CHECKPOINTS:
        golden = load_outputs(name)
        with tempfile.TemporaryDirectory() as temporary:
            model = TFPegasusForConditionalGeneration.from_pretrained(GOLDENS / name)
            sources = [(GOLDENS / name, "safetensors", "transformers 4.57, PyTorch")]
            if name == "tiny-formats":
                sources = [
                    (GOLDENS / name / form, form or "safetensors", writer)
                    for form, writer in REFERENCE_FILES.items()
                ]
            for form in WEIGHTS_FORMATS[:-1]:
                model.save_pretrained(Path(temporary) / form, weights_format=form)
                sources.append((Path(temporary) / form, form, "tf_pegasus"))
            for directory, form, writer in sources:
                worst = dict.fromkeys(COLUMNS, 0.0)
                for column, _, value in reference_differences(directory, golden):
                    worst[column] = max(worst[column], value)
                yield name, form, writer, worst


def original_differences():
    """Returns differences to the authors' graph by output, for tokens that are not padding.

    The authors' decoder starts with a zero vector, ours with the embedding of pad, whose row is
    zeroed in conversion: the logit of pad, and therefore the loss, cannot agree.
    """
    directory = GOLDENS / "tiny-original"
    golden = dict(np.load(directory / "outputs.npz"))
    model = TFPegasusForConditionalGeneration.from_pretrained(
        directory, encoder_attention_heads=4, decoder_attention_heads=4
    )
    outputs = model(golden["input_ids"], golden["input_ids"] > 0, labels=golden["labels"])
    source, target = golden["input_ids"] > 0, golden["labels"] > 0
    return {
        "logits": difference(
            outputs.logits.numpy()[target][:, 1:], golden["logits"][target][:, 1:]
        ),
        "encoder states": difference(
            outputs.encoder_last_hidden_state.numpy()[source],
            golden["encoder_last_hidden_state"][source],
        ),
    }


def tensorflow_differences():
    """Returns differences to outputs that only the TensorFlow reference has, by output."""
    golden = load_outputs("tiny-formats")
    theirs = dict(np.load(GOLDENS / "tiny-formats-tensorflow.npz"))
    model = TFPegasusForConditionalGeneration.from_pretrained(GOLDENS / "tiny-formats")
    source = {name: golden[name] for name in ("input_ids", "attention_mask")}
    ids = golden["decoder_input_ids"]
    positions = model(
        **source, decoder_input_ids=ids, decoder_position_ids=theirs["decoder_position_ids"]
    )
    embeds = model(
        attention_mask=source["attention_mask"],
        inputs_embeds=theirs["inputs_embeds"],
        decoder_inputs_embeds=theirs["decoder_inputs_embeds"],
    )
    padded = model(**source, labels=theirs["padded_labels"])
    return {
        "logits": difference(model(**source, decoder_input_ids=ids).logits, theirs["logits"]),
        "decoder_position_ids": difference(positions.logits, theirs["logits:positions"]),
        "inputs_embeds, decoder_inputs_embeds": difference(embeds.logits, theirs["logits:embeds"]),
        "loss of labels padded with pad": difference(padded.loss, theirs["loss:padded_labels"][0]),
    }


def flax_differences():
    """Returns differences to the Flax reference's encode, decode and cached decode, by output."""
    golden = load_outputs("tiny-formats")
    theirs = dict(np.load(GOLDENS / "tiny-formats-flax.npz"))
    directory = GOLDENS / "tiny-formats" / "msgpack"
    model = TFPegasusForConditionalGeneration.from_pretrained(directory)
    ids, mask = golden["decoder_input_ids"], golden["attention_mask"]
    encoded = model.encode(golden["input_ids"], mask)
    pieces, past = [], model.init_cache(len(ids), 16, encoded)
    for start, end in ((0, 4), (4, 5), (5, 11)):
        outputs = model.decode(ids[:, start:end], encoded, mask, past_key_values=past)
        past = outputs.past_key_values
        pieces.append(outputs.logits)
    visible = mask > 0
    return {
        "encode": difference(
            encoded.last_hidden_state.numpy()[visible],
            theirs["encoder_last_hidden_state"][visible],
        ),
        "decode": difference(model.decode(ids, encoded, mask).logits, theirs["logits"]),
        "decode with init_cache": difference(
            np.concatenate(pieces, axis=1), theirs["logits:cached"]
        ),
    }


TITLE = """# Parity

The largest absolute difference between each output and that of the reference implementation, in
float32, for the seeded tiny checkpoints in `tests/goldens`. `python tools/parity.py` writes this
file, and `tests/test_parity.py` asserts that no difference exceeds 1e-4. All cases have source and
target masks. The columns are:

- hidden states: those of every layer of encoder and decoder;
- attentions: all self- and cross-attention weights;
- head masks: all outputs with three random head masks;
- cache: all keys and values, and logits computed in pieces of 4, 1, 1 and 5 tokens compared with
  those computed at once, with growing and static cache;
- causal LM: `TFPegasusForCausalLM`, with and without encoder states.

The reference outputs are those of transformers 4.57 (PyTorch); "written by" names the program that
wrote the weights.
"""


def main():
    lines = [TITLE, "| checkpoint | format | written by | " + " | ".join(COLUMNS) + " |"]
    lines.append("|---" * (3 + len(COLUMNS)) + "|")
    for name, form, writer, worst in rows():
        cells = " | ".join(f"{worst[column]:.1e}" for column in COLUMNS)
        lines.append(f"| {name} | {form} | {writer} | {cells} |")
    for title, differences in (
        ("The TensorFlow reference (transformers 4.34.1)", tensorflow_differences()),
        ("The Flax reference (transformers 4.34.1)", flax_differences()),
        ("The authors' TF1 graph (checkpoint read directly)", original_differences()),
    ):
        lines += ["", f"## {title}", "", "| output | difference |", "|---|---|"]
        lines += [f"| {output} | {value:.1e} |" for output, value in differences.items()]
    kept = HEADING + DOCUMENT.read_text(encoding="utf-8").partition(HEADING)[2]
    DOCUMENT.write_text("\n".join(lines) + "\n\n" + kept, encoding="utf-8")
    print(DOCUMENT.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
