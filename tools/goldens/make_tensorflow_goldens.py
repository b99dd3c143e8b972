"""Makes goldens of the outputs that only `transformers`' TensorFlow PEGASUS (4.34.1) has.

Run after `make_output_goldens.py`:

    python -m venv reference-tf
    reference-tf/bin/pip install "tensorflow-cpu==2.14.*" "transformers==4.34.1" "numpy<2" \
        "safetensors==0.4.5"
    reference-tf/bin/python tools/goldens/make_tensorflow_goldens.py
"""

import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf
from transformers import TFPegasusForConditionalGeneration

GOLDENS = Path(__file__).parents[2] / "tests" / "goldens"
NAME = "tiny-formats"


def main():
    model = TFPegasusForConditionalGeneration.from_pretrained(GOLDENS / NAME)
    model.save_pretrained(GOLDENS / NAME / "h5", safe_serialization=False)
    shutil.copy(GOLDENS / NAME / "config.json", GOLDENS / NAME / "h5")
    (GOLDENS / NAME / "h5" / "generation_config.json").unlink(missing_ok=True)
    inputs = dict(np.load(GOLDENS / f"{NAME}-outputs.npz"))
    source = {key: tf.constant(inputs[key]) for key in ("input_ids", "attention_mask")}
    ids = inputs["decoder_input_ids"]
    random = np.random.default_rng(5)
    arrays = {
        "decoder_position_ids": random.integers(0, 48, ids.shape),
        "inputs_embeds": random.normal(0, 1, (*inputs["input_ids"].shape, 16)).astype("float32"),
        "decoder_inputs_embeds": random.normal(0, 1, (*ids.shape, 16)).astype("float32"),
        "padded_labels": np.where(inputs["labels"] == -100, 0, inputs["labels"]),
    }
    outputs = model(**source, decoder_input_ids=ids, use_cache=True)
    arrays["logits"] = outputs.logits.numpy()
    arrays["logits:positions"] = model(
        **source, decoder_input_ids=ids, decoder_position_ids=arrays["decoder_position_ids"]
    ).logits.numpy()
    arrays["logits:embeds"] = model(
        None,
        attention_mask=source["attention_mask"],
        inputs_embeds=arrays["inputs_embeds"],
        decoder_inputs_embeds=arrays["decoder_inputs_embeds"],
    ).logits.numpy()
    arrays["loss:padded_labels"] = model(
        **source, labels=tf.constant(arrays["padded_labels"])
    ).loss.numpy()
    np.savez_compressed(GOLDENS / f"{NAME}-tensorflow.npz", **arrays)


if __name__ == "__main__":
    main()
