"""Compares beam search with reference implementations, and measures how its cost grows.

    python benchmarks/generation.py --shape small --batch 1 8 \\
        --reference tf=PYTHON --reference pytorch=PYTHON --reference ctranslate2=PYTHON
    python benchmarks/generation.py --shape large --batch 1 --source 512 --steps 32 --reference …
    python benchmarks/generation.py --growth [--full]

Builds a model with random weights, and runs every engine in a separate process, one after another,
on the same inputs, with 8 beams and forced to full length. The reference implementations (each is
optional) need separate environments: PYTHON is an interpreter that has transformers 4.34.1 with
TensorFlow 2.14 (`tf`), transformers 4.57 with PyTorch (`pytorch`), or CTranslate2 4.8 with both of
the latter (`ctranslate2`).

Roofline: a step must read the decoder's weights, and multiply them by one row per beam. The longer
of the two, at the rates that TensorFlow reaches on this machine for a large sum and a large
product, plus the products of the encoder, is a lower bound for any float32 implementation.
"""

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

WORKER = Path(__file__).parent / "generation_engines.py"
SHAPES = {
    "small": {
        "vocab_size": 32000,
        "d_model": 512,
        "encoder_layers": 6,
        "decoder_layers": 6,
        "encoder_attention_heads": 8,
        "decoder_attention_heads": 8,
        "encoder_ffn_dim": 2048,
        "decoder_ffn_dim": 2048,
        "max_position_embeddings": 1024,
        "activation_function": "relu",
        "scale_embedding": True,
    },
    "large": {
        "vocab_size": 96103,
        "d_model": 1024,
        "encoder_layers": 16,
        "decoder_layers": 16,
        "encoder_attention_heads": 16,
        "decoder_attention_heads": 16,
        "encoder_ffn_dim": 4096,
        "decoder_ffn_dim": 4096,
        "max_position_embeddings": 1024,
        "activation_function": "relu",
        "scale_embedding": True,
    },
}
# Configuration keys that CTranslate2's converter requires in addition.
FOR_CTRANSLATE2 = {
    "normalize_before": True,
    "normalize_embedding": False,
    "add_final_layer_norm": True,
    "static_position_embeddings": True,
}
ENGINES = {
    "ours, XLA, float32": ["ours", "xla", "float32"],
    "ours, XLA, int8": ["ours", "xla", "int8"],
    "ours, graph, float32": ["ours", "graph", "float32"],
    "ours, graph, bfloat16": ["ours", "graph", "bfloat16"],
}
REFERENCES = {
    "tf": {"transformers TF, XLA": ["transformers-tf", True]},
    "pytorch": {
        "transformers PyTorch, float32": ["pytorch", "float32"],
        "transformers PyTorch, bfloat16": ["pytorch", "bfloat16"],
    },
    "ctranslate2": {
        "CTranslate2, float32": ["ctranslate2", "float32"],
        "CTranslate2, int8": ["ctranslate2", "int8"],
    },
}
GROWTH = {
    "batch": [1, 2, 4, 8, 16, 32],
    "source": [64, 128, 256, 512, 1024],
    "steps": [16, 32, 64, 128, 256],
}
BASE = {"batch": 1, "source": 256, "steps": 64}


def write_model(shape, directory, **changes):
    """Writes a checkpoint with seeded random weights; `changes` replace values of the shape."""
    import keras

    from tf_pegasus import PegasusConfig, TFPegasusForConditionalGeneration

    keras.utils.set_random_seed(0)
    settings = {**SHAPES[shape], **FOR_CTRANSLATE2, "forced_eos_token_id": None, **changes}
    config = PegasusConfig.from_dict(settings)
    TFPegasusForConditionalGeneration(config).save_pretrained(directory)


def run(python, engine, directory, worker=WORKER, **task):
    """Runs one engine in the script `worker` and returns its output; None if it failed."""
    task = {"engine": engine, "model": str(directory), "threads": os.cpu_count(), **task}
    command = [python, str(worker), json.dumps(task)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{engine} failed: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def rates():
    """Returns bytes read per second, and float32 operations per second of a product."""
    import tensorflow as tf

    numbers, matrix = tf.random.normal((2**27,)), tf.random.normal((2048, 2048))
    return (
        4 * 2**27 / best_time(lambda: tf.reduce_sum(numbers).numpy()),
        2 * 2048**3 / best_time(lambda: tf.matmul(matrix, matrix).numpy()),
    )


def best_time(function):
    """Returns the seconds of the fastest of several runs."""
    times = []
    for _ in range(8):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def roofline(shape, batch, source, steps, beams, bandwidth, operations):
    """Returns the lower bound of the seconds in float32, see the module's docstring."""
    s = SHAPES[shape]
    square, feed = s["d_model"] ** 2, 2 * s["d_model"] * s["decoder_ffn_dim"]
    table = s["vocab_size"] * s["d_model"]
    # Self-attention has four projections; a step uses two of those of cross-attention.
    step_weights = s["decoder_layers"] * (6 * square + feed) + table
    source_weights = s["encoder_layers"] * (4 * square + feed) + s["decoder_layers"] * 2 * square
    step = max(4 * step_weights / bandwidth, 2 * step_weights * batch * beams / operations)
    return steps * step + 2 * source_weights * batch * source / operations


def weight_bytes(shape):
    """Returns the bytes of a model's float32 weights."""
    s = SHAPES[shape]
    square = s["d_model"] ** 2
    layers = s["encoder_layers"] * (4 * square + 2 * s["d_model"] * s["encoder_ffn_dim"])
    layers += s["decoder_layers"] * (8 * square + 2 * s["d_model"] * s["decoder_ffn_dim"])
    return 4 * (layers + s["vocab_size"] * s["d_model"])


def machine():
    """Returns a line that describes this machine."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = re.search(r"model name\s*:\s*(.*)", info)
    flags = ("avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8")
    present = [flag for flag in flags if re.search(rf"\b{flag}\b", info)]
    name = model[1] if model else platform.machine()
    return f"{name}, {os.cpu_count()} cores, {', '.join(present) or 'no AVX-512'}"


def compare(arguments, directory):
    """Prints the table of engines."""
    pythons = dict(pair.split("=", 1) for pair in arguments.reference)
    engines = {name: (sys.executable, engine) for name, engine in ENGINES.items()}
    for reference, python in pythons.items():
        engines.update({name: (python, engine) for name, engine in REFERENCES[reference].items()})
    bandwidth, operations = rates()
    print(
        f"{machine()}; {bandwidth / 1e9:.1f} GB/s, {operations / 1e9:.0f} Gflop/s float32; "
        f"{arguments.shape}, {arguments.beams} beams, source {arguments.source}, "
        f"{arguments.steps} steps, medians of {arguments.repeats}\n"
    )
    task = {name: getattr(arguments, name) for name in ("source", "steps", "beams", "repeats")}
    for batch in arguments.batch:
        results = {}
        for name, (python, engine) in engines.items():
            result = run(python, engine, directory, batch=batch, **task)
            if result is not None:
                results[name] = result
                print(f"batch {batch}, {name}: {result}", file=sys.stderr)
        medians = {name: statistics.median(r["times"]) for name, r in results.items()}
        floor = roofline(
            arguments.shape,
            batch,
            arguments.source,
            arguments.steps,
            arguments.beams,
            bandwidth,
            operations,
        )
        print(f"Batch {batch}: float32 roofline {floor:.3f} s\n")
        print(
            "| engine | median | ours float32 is … x as fast | ours int8 is … x as fast "
            "| of float32 roofline | first call | memory / float32 weights |"
        )
        print("|---|---|---|---|---|---|---|")
        for name, median in medians.items():
            ratios = [
                f"{median / medians[own]:.2f}" if own in medians else "-"
                for own in ("ours, XLA, float32", "ours, XLA, int8")
            ]
            share = f"{100 * floor / median:.0f} %" if "float32" in name else ""
            memory = results[name]["bytes"] / weight_bytes(arguments.shape)
            print(
                f"| {name} | {median:.3f} s | {' | '.join(ratios)} | {share} "
                f"| {results[name]['first']:.1f} s | {memory:.2f} |"
            )
        print(flush=True)


def grow(arguments, directory):
    """Prints how the cost grows with batch, source and steps."""
    cells = [{**BASE, name: value} for name, values in GROWTH.items() for value in values]
    if arguments.full:
        cells = [
            {"batch": b, "source": s, "steps": t}
            for b in GROWTH["batch"]
            for s in GROWTH["source"]
            for t in GROWTH["steps"]
        ]
    print(f"{machine()}; {arguments.shape}, {arguments.beams} beams, ours, XLA, float32\n")
    print("| batch | source | steps | median | of the first row | per document | memory |")
    print("|---|---|---|---|---|---|---|")
    base, seen = None, set()
    for cell in cells:
        if tuple(cell.values()) in seen:
            continue
        seen.add(tuple(cell.values()))
        result = run(
            sys.executable,
            ENGINES["ours, XLA, float32"],
            directory,
            beams=arguments.beams,
            repeats=arguments.repeats,
            **cell,
        )
        if result is None:
            continue
        median = statistics.median(result["times"])
        base = base or median
        print(
            f"| {cell['batch']} | {cell['source']} | {cell['steps']} | {median:.3f} s "
            f"| {median / base:.2f} | {median / cell['batch']:.3f} s "
            f"| {result['bytes'] / 2**20:.0f} MiB |",
            flush=True,
        )


def main():
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--source", type=int, default=256)
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--beams", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--reference", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--growth", action="store_true", help="print how the cost grows instead")
    parser.add_argument("--full", action="store_true", help="with --growth: all combinations")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        write_model(arguments.shape, directory)
        (grow if arguments.growth else compare)(arguments, directory)


if __name__ == "__main__":
    main()
