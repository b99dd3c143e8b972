"""Compares training steps with reference implementations.

    python benchmarks/training.py --reference tf=PYTHON --reference pytorch=PYTHON
    python benchmarks/training.py --vocabulary 96103 --target 128 …

Builds a model with random weights, and trains it with every engine in a separate process, on the
same batch with the same optimizer, as `training_engines.py` describes. Every repeat runs all
engines one after another, so that a busy hour of a shared machine slows all of them down. The
reference implementations (each is optional) need separate environments: PYTHON is an interpreter
that has transformers 4.34.1 with TensorFlow 2.14 (`tf`), or transformers 4.57 with PyTorch
(`pytorch`).

"Step" is the median of all steps but the first. "Processor" is the time of all threads, which other
programs disturb less.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from generation import SHAPES, machine, rates, run, write_model

WORKER = Path(__file__).parent / "training_engines.py"
ENGINES = {
    "ours, float32": ["ours", "float32", False],
    "ours, mixed_bfloat16": ["ours", "mixed_bfloat16", False],
    "ours, float32, XLA": ["ours", "float32", True],
}
REFERENCES = {
    "tf": {"transformers TF, float32": ["transformers-tf"]},
    "pytorch": {
        "transformers PyTorch, float32": ["pytorch", False],
        "transformers PyTorch, bfloat16 autocast": ["pytorch", True],
    },
}
OWN = ("ours, float32", "ours, mixed_bfloat16")


def engines(arguments):
    """Returns the interpreter and the task of each engine by name.

    Raises:
        ValueError: if `--engines` names one that does not exist, or whose interpreter is missing.
    """
    known = {name: (sys.executable, engine) for name, engine in ENGINES.items()}
    for pair in arguments.reference:
        kind, python = pair.split("=", 1)
        known.update({name: (python, engine) for name, engine in REFERENCES[kind].items()})
    chosen = arguments.engines or list(known)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise ValueError(f"--engines {unknown} must be some of {list(known)}")
    return {name: known[name] for name in chosen}


def collect(arguments, directory):
    """Runs every engine `--repeats` times, interleaved, and returns the results by name."""
    task = {name: getattr(arguments, name) for name in ("batch", "source", "target", "steps")}
    results: dict[str, list] = {}
    for _ in range(arguments.repeats):
        for name, (python, engine) in engines(arguments).items():
            result = run(python, engine, directory, WORKER, **task)
            if result is not None:
                results.setdefault(name, []).append(result)
                print(f"{name}: {json.dumps(result)}", file=sys.stderr, flush=True)
    return results


def medians(results):
    """Returns the medians of one engine's results."""
    return {
        "step": statistics.median(time for result in results for time in result["steps"]),
        "step_cpu": statistics.median(time for result in results for time in result["steps_cpu"]),
        "first": statistics.median(result["first"] for result in results),
        "first_cpu": statistics.median(result["first_cpu"] for result in results),
        "bytes": statistics.median(result["bytes"] for result in results),
    }


def print_table(results):
    """Prints one row for each engine, with the ratios to ours."""
    rows = {name: medians(engine_results) for name, engine_results in results.items()}
    own = [name for name in OWN if name in rows]
    names = ["engine", "step", "processor"]
    for name in own:
        names += [f"step / {name}", f"processor / {name}", f"memory / {name}"]
    names += ["to the end of the first step", "processor", "peak memory", "losses"]
    print(f"| {' | '.join(names)} |")
    print("|" + "---|" * len(names))
    for name, row in rows.items():
        cells = [name, f"{row['step']:.2f} s", f"{row['step_cpu']:.2f} s"]
        for other in own:
            cells += [f"{row[key] / rows[other][key]:.2f}" for key in ("step", "step_cpu", "bytes")]
        first, last = results[name][0]["losses"]
        cells += [
            f"{row['first']:.1f} s",
            f"{row['first_cpu']:.1f} s",
            f"{row['bytes'] / 2**20:,.0f} MiB",
            f"{first:.3f} … {last:.3f}",
        ]
        print(f"| {' | '.join(cells)} |")


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--vocabulary", type=int, help="replaces the vocabulary of the shape")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--source", type=int, default=256)
    parser.add_argument("--target", type=int, default=64)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one repeat of three steps")
    parser.add_argument("--engines", nargs="+", metavar="NAME", help="names of rows; default: all")
    parser.add_argument("--reference", action="append", default=[], metavar="NAME=PYTHON")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.repeats, arguments.steps = 1, 3
    try:
        engines(arguments)
    except ValueError as error:
        parser.error(str(error))
    changes = {} if arguments.vocabulary is None else {"vocab_size": arguments.vocabulary}
    bandwidth, operations = rates()
    vocabulary = {**SHAPES[arguments.shape], **changes}["vocab_size"]
    print(
        f"{machine()}; {bandwidth / 1e9:.1f} GB/s, {operations / 1e9:.0f} Gflop/s float32; "
        f"{arguments.shape}, vocabulary {vocabulary:,}, "
        f"batch {arguments.batch}, source {arguments.source}, target {arguments.target}, "
        f"{arguments.repeats} × {arguments.steps} steps\n"
    )
    with tempfile.TemporaryDirectory() as directory:
        write_model(arguments.shape, directory, **changes)
        print_table(collect(arguments, directory))


if __name__ == "__main__":
    main()
