"""Compares two checkouts of this package in generation and a training step.

    python benchmarks/compare_checkouts.py OLD NEW [--cases xla-1 graph-8 train …] [--repeats 9]

OLD and NEW are directories that contain `tf_pegasus/`, such as two git worktrees. Each is loaded in
a separate process; calls alternate between the two, so that both see the same machine. The model
has random weights and the "small" shape (61 M parameters), with 8 beams, a source of 256 tokens and
64 forced steps. Prints medians, and the median of the pairwise ratios: below 1, NEW is faster.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from generation import SHAPES

CASES = ("xla-1", "graph-1", "xla-8", "graph-8", "int8-1", "int8-8", "bfloat16-8", "train")
SHAPE = {**SHAPES["small"], "forced_eos_token_id": None}


def make_case(name):
    """Returns a function that runs the case once."""
    import keras
    import numpy as np

    from tf_pegasus import PegasusConfig, TFPegasusForConditionalGeneration

    keras.utils.set_random_seed(0)
    kind, _, batch = name.partition("-")
    batch = int(batch or 8)
    policy = "mixed_bfloat16" if kind == "bfloat16" else "float32"
    model = TFPegasusForConditionalGeneration(PegasusConfig(**SHAPE), dtype=policy)
    random = np.random.default_rng(0)
    ids = random.integers(200, SHAPE["vocab_size"], (batch, 256)).astype("int32")
    if kind == "train":
        labels = random.integers(200, SHAPE["vocab_size"], (batch, 64)).astype("int32")
        model.compile(keras.optimizers.AdamW(1e-4), jit_compile=False)
        return lambda: model.train_on_batch({"input_ids": ids, "labels": labels})
    if kind == "int8":
        model.quantize("int8")
    engine = {"int8": "xla", "bfloat16": "graph"}.get(kind, kind)
    options = {"num_beams": 8, "max_new_tokens": 64, "min_new_tokens": 64, "engine": engine}
    return lambda: model.generate(ids, **options).numpy()


def work():
    """Runs the worker: builds the cases that standard input names, and runs them."""
    run = None
    for line in sys.stdin:
        command, _, name = line.strip().partition(" ")
        if command == "make":
            run = make_case(name)
        start = time.perf_counter()
        run()
        print(json.dumps(time.perf_counter() - start), file=sys.__stdout__, flush=True)


class Worker:
    """A checkout, loaded in a separate process."""

    def __init__(self, directory):
        environment = {**os.environ, "PYTHONPATH": os.path.abspath(directory)}
        environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
        self._process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "--worker"],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def seconds(self, command):
        """Sends a command and returns the seconds that the call took."""
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def close(self):
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait()


def main():
    """Runs the comparison and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("old", metavar="OLD")
    parser.add_argument("new", metavar="NEW")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=CASES[:4])
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    print("| case | first call, old | new | old | new | new / old |\n|---|---|---|---|---|---|")
    for name in arguments.cases:
        workers = [Worker(arguments.old), Worker(arguments.new)]
        first = [worker.seconds(f"make {name}") for worker in workers]
        times = [[], []]
        for repeat in range(arguments.repeats):
            # They take turns in going first, because the second one finds a warmer or busier
            # machine.
            for which in (0, 1) if repeat % 2 else (1, 0):
                times[which].append(workers[which].seconds("run"))
        ratios = [new / old for old, new in zip(*times, strict=True)]
        medians = [statistics.median(values) for values in times]
        print(
            f"| {name} | {first[0]:.1f} s | {first[1]:.1f} s | {medians[0]:.3f} s | "
            f"{medians[1]:.3f} s | {statistics.median(ratios):.3f} |",
            flush=True,
        )
        for worker in workers:
            worker.close()


if __name__ == "__main__":
    work() if sys.argv[1:] == ["--worker"] else main()
