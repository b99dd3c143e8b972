"""Feeds damaged files to the checkpoint readers, in a separate process that may die.

    python tools/fuzz_readers.py --count 2000

Each file of the reference implementations in `tests/goldens` is truncated, has bits flipped, runs
of bytes replaced and numbers made huge; then files of the same kinds are made whose structure is
right and whose contents are hostile (`hostile_index`, `hostile_archives`,
`hostile_configurations`). A reader may refuse a file with a `ValueError` or an
`OSError`, or read it (formats without checksums cannot know that a weight has changed);
anything else is a failure: another exception, a message that does not name the file, a crash, more
than 10 s and 5 s a gigabyte, or more than 500 MB and 4 times the file's size. Some of the files
are not only read, but described, converted, or loaded into a model.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import random
import shutil
import tempfile
from pathlib import Path

import fuzzing
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
# What is done with a file; a model takes a hundred times as long as its weights.
WAYS = ("read",) * 16 + ("describe", "describe", "load", "convert")


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
    """Opens a directory's weights and reads every tensor."""
    from tf_pegasus.checkpoints.expected import match_weights
    from tf_pegasus.checkpoints.loading import find_source, open_with_config

    file, config = open_with_config(find_source(directory))
    match_weights(config, file, None, ("encoder", "decoder"), True)
    for name, info in file.tensors.items():
        value = file.read(name)
        assert value.shape == info.shape, f"{name} has the shape {value.shape}, not {info.shape}"


def use(way, directory):
    """Does one of `WAYS` with a directory; returns what came of it."""
    from tf_pegasus import TFPegasusForConditionalGeneration
    from tf_pegasus.conversion import convert, describe

    try:
        if way == "read":
            read_everything(directory)
        elif way == "describe":
            describe(directory)
        elif way == "load":
            TFPegasusForConditionalGeneration.from_pretrained(directory)
        else:
            convert(directory, f"{directory}-converted", "safetensors")
    except (ValueError, OSError) as error:
        is_named = str(directory) in str(error)
        return "refused" if is_named else f"FAILURE: an error that does not name it: {error}"
    return "accepted"


def measured(case):
    """Handles a tuple of a way and a directory; to exceed time or memory is a failure."""
    way, directory = case
    size = sum(path.stat().st_size for path in Path(directory).rglob("*") if path.is_file())
    outcome, seconds, memory = fuzzing.used_by(use, way, directory)
    if seconds > SECONDS + SECONDS_A_BYTE * size:
        return f"FAILURE: took {seconds:.1f} s for {size} bytes ({outcome})"
    if memory > MEMORY + MEMORY_A_BYTE * size:
        return f"FAILURE: took {memory} bytes of memory for {size} bytes ({outcome})"
    return outcome


def prepare():
    """Imports all that is needed, and builds a model for what Keras does only once."""
    for way in WAYS[-2:]:
        with tempfile.TemporaryDirectory() as temporary:
            directory = Path(temporary) / "model"
            shutil.copytree(GOLDENS / "tiny-relu", directory)
            use(way, directory)


def worker():
    """Returns a process that handles what `measured` does."""
    return fuzzing.Worker(measured, prepare, 6 * SECONDS, _ADDRESSES)


def cases(labels, source):
    """Yields directories with a damaged or hostile file of each kind."""
    while True:
        for label in labels:
            with tempfile.TemporaryDirectory() as temporary:
                directory = Path(temporary) / "model"
                kind = write_hostile(label, source, directory)
                way = source.choice(WAYS)
                yield label, f"{kind}, {way}", (way, str(directory))


def fuzz(count=None, seconds=None, seed=0, labels=(*FILES, *STRUCTURES), report=None):
    """Uses damaged and hostile files of the kinds `labels`; see `fuzzing.loop`."""
    process = worker()
    try:
        source = cases(labels, random.Random(seed))
        return fuzzing.loop(source, process.outcome, count, seconds, report)
    finally:
        process.close()


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
    if not (directory / "config.json").is_file():
        # What cannot be derived from the authors' weights.
        heads = {f"{side}_attention_heads": 4 for side in ("encoder", "decoder")}
        (directory / "config.json").write_text(json.dumps(heads))
    return kind


def main():
    parser = fuzzing.argument_parser(__doc__)
    parser.add_argument("--only", nargs="+", choices=(*FILES, *STRUCTURES), help="kinds of files")
    arguments = fuzzing.parse(parser)
    labels = arguments.only or (*FILES, *STRUCTURES)
    fuzzing.finish(*fuzz(arguments.count, arguments.seconds, arguments.seed, labels, print))


if __name__ == "__main__":
    main()
