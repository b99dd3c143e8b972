"""Runs one engine of `generation.py`, in a separate process (and possibly environment).

    python benchmarks/generation_engines.py '{"engine": …, "model": DIR, "batch": 1, …}'

Prints a line of JSON: seconds of the first call, seconds of each warm call, and the memory of
weights and generation, without the memory that the process used after importing the libraries.
"""

import json
import os
import re
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np


def ours(task, engine, dtype):
    """Runs this package, with an `engine` of `generate` and a dtype policy of Keras."""
    from tf_pegasus import TFPegasusForConditionalGeneration

    before = peak_bytes()
    policy = "mixed_bfloat16" if dtype == "bfloat16" else "float32"
    model = TFPegasusForConditionalGeneration.from_pretrained(task["model"], dtype=policy)
    if dtype == "int8":
        model.quantize("int8")
    ids = source(task)

    def generate():
        return model.generate(
            ids,
            num_beams=task["beams"],
            max_new_tokens=task["steps"],
            min_new_tokens=task["steps"],
            engine=engine,
        ).numpy()

    return before, generate


def transformers_tf(task, jit_compile):
    """Runs the TensorFlow class of transformers 4.34.1."""
    import tensorflow as tf
    from transformers import TFPegasusForConditionalGeneration

    before = peak_bytes()
    model = TFPegasusForConditionalGeneration.from_pretrained(task["model"])
    ids = tf.constant(source(task))
    function = tf.function(
        lambda ids: model.generate(ids, **forced_length(task)), jit_compile=jit_compile
    )
    return before, lambda: function(ids).numpy()


def pytorch(task, dtype):
    """Runs the PyTorch class of transformers 4.57."""
    import torch
    from transformers import PegasusForConditionalGeneration

    torch.set_num_threads(task["threads"])
    before = peak_bytes()
    model = PegasusForConditionalGeneration.from_pretrained(
        task["model"], dtype=getattr(torch, dtype)
    ).eval()
    ids = torch.tensor(source(task))

    def generate():
        with torch.no_grad():
            return model.generate(ids, **forced_length(task)).numpy()

    return before, generate


def ctranslate2(task, compute_type):
    """Runs CTranslate2, with a conversion of the same checkpoint."""
    import ctranslate2

    before = peak_bytes()
    # Converting takes more memory than running, so it is done in another process.
    translator = ctranslate2.Translator(
        str(converted(task, compute_type)),
        compute_type=compute_type,
        intra_threads=task["threads"],
        inter_threads=1,
    )
    rows = [[f"token{i}" for i in row] for row in source(task)]

    def generate():
        results = translator.translate_batch(
            rows,
            beam_size=task["beams"],
            max_decoding_length=task["steps"],
            min_decoding_length=task["steps"],
            max_input_length=0,
        )
        return np.array([[int(t[5:]) for t in result.hypotheses[0]] for result in results])

    return before, generate


def converted(task, compute_type):
    """Converts the checkpoint in a separate process and returns the directory."""
    import subprocess

    directory = Path(task["model"]) / f"ctranslate2-{compute_type}"
    if not directory.exists():
        arguments = [task["model"], str(directory), compute_type]
        subprocess.run([sys.executable, __file__, "convert", *arguments], check=True)
    return directory


def convert(model, directory, compute_type):
    """Converts a checkpoint to CTranslate2, with the vocabulary token0, token1, …"""
    from ctranslate2.converters import TransformersConverter

    vocab_size = json.loads((Path(model) / "config.json").read_text())["vocab_size"]

    class Vocabulary:
        pad_token, eos_token, unk_token = "token0", "token1", "token105"

        def get_vocab(self):
            return {f"token{i}": i for i in range(vocab_size)}

    class Converter(TransformersConverter):
        def load_tokenizer(self, *args, **kwargs):
            return Vocabulary()

    Converter(model).convert(directory, quantization=compute_type)


def forced_length(task):
    """Returns options of `transformers` for beam search that never stops at eos."""
    return {
        "num_beams": task["beams"],
        "max_new_tokens": task["steps"],
        "min_new_tokens": task["steps"],
        "do_sample": False,
        "forced_eos_token_id": None,
    }


def source(task):
    """Returns random ids, the same for every engine: int32 `(batch, source)`."""
    vocab_size = json.loads((Path(task["model"]) / "config.json").read_text())["vocab_size"]
    random = np.random.default_rng(0)
    return random.integers(106, vocab_size, (task["batch"], task["source"])).astype("int32")


def peak_bytes():
    """Returns the peak memory of this process so far."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1])


ENGINES = {
    "ours": ours,
    "transformers-tf": transformers_tf,
    "pytorch": pytorch,
    "ctranslate2": ctranslate2,
}


def measure(task):
    """Runs one engine and returns the results for `generation.py`."""
    kind, *arguments = task["engine"]
    before, generate = ENGINES[kind](task, *arguments)
    start = time.perf_counter()
    outputs = generate()
    first = time.perf_counter() - start
    assert outputs.shape[1] >= task["steps"], outputs.shape
    times = []
    for _ in range(task["repeats"]):
        start = time.perf_counter()
        generate()
        times.append(time.perf_counter() - start)
    return {"first": first, "times": times, "bytes": peak_bytes() - before}


if __name__ == "__main__":
    if sys.argv[1] == "convert":
        convert(*sys.argv[2:])
    else:
        print(json.dumps(measure(json.loads(sys.argv[1]))))
