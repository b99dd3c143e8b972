"""Measures the memory and the speed of reading a training file.

    python tools/data_memory.py [--rows 10000 1000000] [--steps N] [--model DIR] [--train]

Writes JSONL files with as many rows, of 150 to 450 words and summaries of 40, into a temporary
directory, and reads them as training does, each in a process of its own. Prints what each process
has at its peak, how long the scan took, and the rows a second with tokenization. With --train,
the processes train a small model and its vocabulary for 20 steps instead.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def write_rows(path, count):
    """Writes a file of random words."""
    chooser = random.Random(0)
    words = ["".join(chooser.choices("etaoinshrdlu", k=chooser.randint(2, 9))) for _ in range(5000)]
    text = " ".join(chooser.choices(words, k=100_000)) + " "
    with open(path, "w") as file:
        for _ in range(count):
            start = chooser.randrange(len(text) // 2)
            document = text[start : start + 7 * chooser.randint(150, 450)]
            file.write(json.dumps({"document": document, "summary": document[:280]}) + "\n")


def peak_bytes():
    """Returns the most memory that this process had; `getrusage` counts its parent's, too."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def read(path, model, steps):
    """Reads a file's epoch, or its first steps, and prints what it took."""
    from tf_pegasus import bundled_model
    from tf_pegasus.data.dataset import summarization_dataset
    from tf_pegasus.tokenizers.loading import load_tokenizer

    tokenizer = load_tokenizer(model or bundled_model())
    start = time.monotonic()
    data = summarization_dataset(
        path, tokenizer, batch_size=8, max_source_length=256, max_target_length=64
    )
    scanned = time.monotonic()
    rows = sum(len(batch["labels"]) for batch in data.take(steps or -1))
    print(
        json.dumps(
            {
                "rows": data.statistics.examples,
                "scan_seconds": round(scanned - start, 1),
                "rows_a_second": round(rows / (time.monotonic() - scanned)),
                "peak_bytes": peak_bytes(),
            }
        )
    )


def train_from(path, count):
    """Trains for 20 steps on a file of `count` rows, and prints the peak of memory."""
    from tf_pegasus.training.config import TrainingArguments
    from tf_pegasus.training.train import train

    validation, output = (str(Path(path).with_name(name)) for name in ("validation.jsonl", "run"))
    write_rows(validation, 50)
    small = {"vocab_size": 4000, "d_model": 64, "ffn_dim": 128, "layers": 1, "heads": 2}
    steps = {"batch_size": 8, "epochs": 8 * 20 / count, "eval_steps": 20}
    files = {"train_file": path, "validation_file": validation, "output_dir": output}
    train(TrainingArguments.from_flags(**files, **small, **steps))
    print(json.dumps({"peak_bytes": peak_bytes()}))


def measured(path, model=None, steps=0, train=0):
    """Returns what `read`, or `train_from` with a number of rows, prints in its own process."""
    command = [sys.executable, __file__, "--read", str(path), "--steps", str(steps)]
    command += ["--train-from", str(train)] if train else []
    command += ["--model", str(model)] if model else []
    # The tree that this process uses, wherever it was started.
    paths = os.pathsep.join(filter(None, (str(Path(__file__).parent.parent), *sys.path)))
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": paths}, check=True, stdout=subprocess.PIPE
    )
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--steps", type=int, default=0, help="batches to read, 0 for an epoch")
    parser.add_argument("--model", help="directory of the tokenizer; by default the bundled one")
    parser.add_argument("--train", action="store_true", help="train for 20 steps instead")
    parser.add_argument("--read", help=argparse.SUPPRESS)
    parser.add_argument("--train-from", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train_from:
        train_from(arguments.read, arguments.train_from)
        return
    if arguments.read:
        read(arguments.read, arguments.model, arguments.steps)
        return
    for count in arguments.rows:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "rows.jsonl"
            write_rows(path, count)
            result = measured(
                path, arguments.model, arguments.steps, count if arguments.train else 0
            )
            print(f"{path.stat().st_size / 2**20:,.0f} MiB: {result}", flush=True)


if __name__ == "__main__":
    main()
