"""Reads TFRecord files of `tf.train.Example`."""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import tensorflow as tf

from tf_pegasus.data.records import Scanned, Source

# A record has its length (uint64) and a checksum before it, and a checksum after it.
_HEADER_BYTES = 12
_FRAME_BYTES = 16


class TFRecordFile(Source):
    """A TFRecord file, also of gzip, with string features, as the authors of PEGASUS write it."""

    columns: ClassVar[tuple[str, str]] = ("inputs", "targets")

    def __init__(self, path: Path):
        self.path = path
        self.name = repr(str(path))
        self.has_random_access = path.suffix != ".gz"

    def scan(self) -> Iterator[Scanned]:
        compression = None if self.has_random_access else "GZIP"
        # TensorFlow checks the checksums.
        records = tf.data.TFRecordDataset(str(self.path), compression).as_numpy_iterator()
        position, number = 0, 1
        while True:
            try:
                content = next(records)
            except StopIteration:
                return
            except tf.errors.OpError as error:
                raise ValueError(f"record {number} is damaged: {error.message}") from error
            yield Scanned(position, f"record {number}", _record(content))
            position += _FRAME_BYTES + len(content)
            number += 1

    def read(self, positions: Iterable[int]) -> Iterator[Any]:
        with open(self.path, "rb") as file:
            for position in positions:
                file.seek(position)
                (length,) = struct.unpack("<Q4x", file.read(_HEADER_BYTES))
                yield _record(file.read(length))


def _record(content):
    try:
        features = tf.train.Example.FromString(content).features.feature
    # The class is in a module that protobuf's versions name differently.
    except Exception as error:
        if type(error).__name__ != "DecodeError":
            raise
        return ValueError("not a tf.train.Example")
    return {name: _value(feature) for name, feature in features.items()}


def _value(feature):
    """The string of a feature; all its values if it holds something else."""
    kind = feature.WhichOneof("kind")
    values = list(getattr(feature, kind).value) if kind else []
    return values[0] if kind == "bytes_list" and len(values) == 1 else values
