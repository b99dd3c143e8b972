"""Feeds damaged files to the checkpoint readers, in a separate process that may die.

    python tools/fuzz_readers.py --count 2000

Each file of the reference implementations in `tests/goldens` is truncated, or has bits flipped,
runs of bytes replaced or numbers made huge. A reader may refuse a file with a `ValueError` or an
`OSError`, or read it (formats without checksums cannot detect a changed weight). Anything else is a
failure: another exception, a crash, a hang, or gigabytes of memory.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import multiprocessing
import random
import resource
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

GOLDENS = Path(__file__).parents[1] / "tests" / "goldens"
FILES = {
    "safetensors": "tiny-formats/model.safetensors",
    "safetensors index": "tiny-formats/safetensors-shards/model.safetensors.index.json",
    "bin zip": "tiny-formats/bin/pytorch_model.bin",
    "bin legacy": "tiny-formats/bin-legacy/pytorch_model.bin",
    "h5": "tiny-formats/h5/tf_model.h5",
    "msgpack": "tiny-formats/msgpack/flax_model.msgpack",
    "TF1 index": "tiny-original/model.ckpt-1500.index",
    "TF1 data": "tiny-original/model.ckpt-1500.data-00000-of-00001",
}
SECONDS = 20
# In addition to what TensorFlow itself maps: enough for many copies of a tiny file.
MEMORY = 2 * 2**30


def mutate(content, source):
    """Returns damaged bytes, and the kind of damage."""
    content = bytearray(content)
    kind = source.choice(("truncated", "bit flips", "replaced run", "huge number", "inserted"))
    # Headers, which hold the structure, more often than numbers.
    end = source.choice((64, 1024, len(content)))
    place = source.randrange(min(end, len(content)))
    if kind == "truncated":
        del content[source.randrange(len(content)) :]
    elif kind == "bit flips":
        for _ in range(source.randint(1, 8)):
            place = source.randrange(min(end, len(content)))
            content[place] ^= 1 << source.randrange(8)
    elif kind == "replaced run":
        length = source.randint(1, 64)
        content[place : place + length] = source.randbytes(length)
    elif kind == "huge number":
        width = source.choice((2, 4, 8))
        number = source.choice((b"\xff" * width, b"\xff" * (width - 1) + b"\x7f"))
        content[place : place + width] = number
    else:
        content[place:place] = source.randbytes(source.randint(1, 32))
    return bytes(content), kind


def read_everything(directory):
    """Opens a directory's weights and reads every tensor; returns the outcome."""
    from tf_pegasus.checkpoints.loading import find_source

    try:
        file = find_source(directory).open()
        for name, info in file.tensors.items():
            value = file.read(name)
            if value.shape != info.shape:
                return f"FAILURE: {name} has the shape {value.shape}, not {info.shape}"
    except (ValueError, OSError) as error:
        return "refused" if str(error).strip() else "FAILURE: an error without a message"
    return "read"


def work(connection):
    """Reads the directories that arrive, one after another."""
    import tf_pegasus  # noqa: F401

    warnings.simplefilter("ignore")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    while True:
        directory = connection.recv()
        try:
            outcome = read_everything(directory)
        except BaseException as error:
            outcome = f"FAILURE: {type(error).__name__}: {error!s:.200}"
        connection.send(outcome)


class Worker:
    """A process that reads files; replaced when a file kills it."""

    def __init__(self):
        self._start()

    def _start(self):
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self._is_new = True

    def outcome(self, directory):
        self._connection.send(str(directory))
        try:
            # The first answer also waits for TensorFlow's import.
            if self._connection.poll(SECONDS + (120 if self._is_new else 0)):
                self._is_new = False
                return self._connection.recv()
            outcome = f"FAILURE: no answer in {SECONDS} s"
        except (EOFError, ConnectionResetError):
            outcome = "FAILURE: the process died"
        self.close()
        self._start()
        return outcome

    def close(self):
        self._process.kill()
        self._process.join()


def fuzz(count, seed=0, report=None):
    """Reads `count` damaged versions of each file.

    Returns:
        dict from file to Counter of outcomes, and a list of failures.
    """
    source, worker = random.Random(seed), Worker()
    counts, failures = {}, []
    try:
        for label, name in FILES.items():
            counts[label] = Counter()
            original = GOLDENS / name
            content = original.read_bytes()
            for number in range(count):
                damaged, kind = mutate(content, source)
                with tempfile.TemporaryDirectory() as temporary:
                    directory = Path(temporary) / "model"
                    shutil.copytree(original.parent, directory)
                    (directory / original.name).write_bytes(damaged)
                    # Otherwise the reader would find a file of a preferred format.
                    for other in directory.iterdir():
                        if other.is_dir():
                            shutil.rmtree(other)
                    outcome = worker.outcome(directory)
                counts[label][outcome.split(":")[0]] += 1
                if outcome.startswith("FAILURE"):
                    failures.append((label, number, kind, outcome))
                    if report:
                        report(f"{label} {number} ({kind}): {outcome}")
            if report:
                report(f"{label}: {dict(counts[label])}")
    finally:
        worker.close()
    return counts, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=500, help="damaged versions of each file")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    counts, failures = fuzz(arguments.count, arguments.seed, report=print)
    print("| file | refused | read | failures |\n|---|---|---|---|")
    for label, outcomes in counts.items():
        print(f"| {label} | {outcomes['refused']} | {outcomes['read']} | {outcomes['FAILURE']} |")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
