"""Feeds damaged files to the checkpoint readers, in a separate process that may die.

    python tools/fuzz_readers.py --count 2000

Each file of the reference implementations in `tests/goldens` is truncated, has bits flipped, runs
of bytes replaced and numbers made huge; then files of the same kinds are made whose structure is
right and whose contents are hostile (`hostile_index`, `hostile_archives`,
`hostile_configurations`). A reader may refuse a file with a `ValueError` or an
`OSError`, or read it (formats without checksums cannot know that a weight has changed);
anything else is a failure: another exception, a message that does not name the file, a crash, more
than 10 s and 5 s a gigabyte, or more than 500 MB and 4 times the file's size.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import argparse
import itertools
import multiprocessing
import random
import re
import resource
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import hostile_archives
import hostile_configurations
import hostile_index

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
# Files with a structure: the directory that the others are copied from, and what writes one.
STRUCTURES = {
    "TF1 entries": ("tiny-original", hostile_index.mutate),
    "pickles": ("tiny-formats/bin", hostile_archives.mutator("pytorch_model.bin")),
    "h5 groups": ("tiny-formats/h5", hostile_archives.mutator("tf_model.h5")),
    "msgpack maps": ("tiny-formats/msgpack", hostile_archives.mutator("flax_model.msgpack")),
    "safetensors headers": ("tiny-relu", hostile_archives.mutator("model.safetensors")),
    "config.json": ("tiny-relu", hostile_configurations.mutate),
}
# What loading may take, and per byte of the files.
SECONDS, SECONDS_A_BYTE = 10, 5e-9
MEMORY, MEMORY_A_BYTE = 500 * 10**6, 4
# So that a worker that asks for far more than that dies before the machine does.
_ADDRESSES = 8 * 2**30


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
    """Opens a directory's weights and reads every tensor; returns what came of it."""
    from tf_pegasus.checkpoints.expected import match_weights
    from tf_pegasus.checkpoints.loading import find_source, open_with_config

    try:
        has_config = (Path(directory) / "config.json").is_file()
        if has_config:
            file, config = open_with_config(find_source(directory))
            match_weights(config, file, None, ("encoder", "decoder"), True)
        else:
            file = find_source(directory).open()
        for name, info in file.tensors.items():
            value = file.read(name)
            if value.shape != info.shape:
                return f"FAILURE: {name} has the shape {value.shape}, not {info.shape}"
    except (ValueError, OSError) as error:
        is_named = str(directory) in str(error)
        return "refused" if is_named else f"FAILURE: an error that does not name it: {error}"
    return "read"


def measured(directory):
    """`read_everything`, in bounds of time and memory."""
    size = sum(path.stat().st_size for path in Path(directory).rglob("*") if path.is_file())
    Path("/proc/self/clear_refs").write_text("5")  # begins to measure the peak anew
    before, start = _kilobytes("VmRSS"), time.monotonic()
    outcome = read_everything(directory)
    seconds, used = time.monotonic() - start, 1024 * (_kilobytes("VmHWM") - before)
    if seconds > SECONDS + SECONDS_A_BYTE * size:
        return f"FAILURE: took {seconds:.1f} s for {size} bytes ({outcome})"
    if used > MEMORY + MEMORY_A_BYTE * size:
        return f"FAILURE: took {used} bytes of memory for {size} bytes ({outcome})"
    return outcome


def _kilobytes(name):
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)[1])


def work(connection):
    """Reads the directories that arrive, one after another."""
    import tf_pegasus  # noqa: F401

    warnings.simplefilter("ignore")
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _ADDRESSES, used + _ADDRESSES))
    while True:
        directory = connection.recv()
        try:
            outcome = measured(directory)
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
            # Its first answer comes after TensorFlow's import.
            if self._connection.poll(2 * SECONDS + (120 if self._is_new else 0)):
                self._is_new = False
                return self._connection.recv()
            outcome = f"FAILURE: no answer in {2 * SECONDS} s"
        except (EOFError, ConnectionResetError):
            outcome = "FAILURE: the process died"
        self.close()
        self._start()
        return outcome

    def close(self):
        self._process.kill()
        self._process.join()


def fuzz(count, seed=0, report=None, seconds=None, labels=(*FILES, *STRUCTURES)):
    """Reads damaged and hostile versions of each file.

    Args:
        count: how many of each, or None for as many as `seconds` allow.
        seed: of the random numbers.
        report: called with each line of progress.
        seconds: how long, in all; by default until all are read.
        labels: which of `FILES` and `STRUCTURES`.

    Returns:
        dict from file to Counter of outcomes, and a list of failures.
    """
    source, worker = random.Random(seed), Worker()
    counts, failures = {label: Counter() for label in labels}, []
    ends = None if seconds is None else time.monotonic() + seconds
    try:
        for number in itertools.count() if count is None else range(count):
            for label in labels:
                if ends is not None and time.monotonic() > ends:
                    return counts, failures
                with tempfile.TemporaryDirectory() as temporary:
                    directory = Path(temporary) / "model"
                    kind = write_hostile(label, source, directory)
                    outcome = worker.outcome(directory)
                counts[label][outcome.split(":")[0]] += 1
                if outcome.startswith("FAILURE"):
                    failures.append((label, number, kind, outcome))
                    if report:
                        report(f"{label} {number} ({kind}): {outcome}")
    finally:
        worker.close()
    return counts, failures


def write_hostile(label, source, directory):
    """Writes a directory with one damaged or hostile file, and returns what was done to it."""
    if label in FILES:
        original = GOLDENS / FILES[label]
        shutil.copytree(original.parent, directory)
        damaged, kind = mutate(original.read_bytes(), source)
        (directory / original.name).write_bytes(damaged)
    else:
        name, write = STRUCTURES[label]
        shutil.copytree(GOLDENS / name, directory)
        kind = write(source, directory)
    # Else the reader would find a file that it prefers.
    for other in directory.iterdir():
        if other.is_dir():
            shutil.rmtree(other)
    return kind


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, help="versions of each file, by default 500")
    parser.add_argument("--seconds", type=float, help="how long, in all, instead of --count")
    parser.add_argument("--only", nargs="+", choices=(*FILES, *STRUCTURES), help="kinds of files")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    count = arguments.count
    if count is None and arguments.seconds is None:
        count = 500
    labels = arguments.only or (*FILES, *STRUCTURES)
    counts, failures = fuzz(count, arguments.seed, print, arguments.seconds, labels)
    print("| file | refused | read | failures |\n|---|---|---|---|")
    for label, outcomes in counts.items():
        print(f"| {label} | {outcomes['refused']} | {outcomes['read']} | {outcomes['FAILURE']} |")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
