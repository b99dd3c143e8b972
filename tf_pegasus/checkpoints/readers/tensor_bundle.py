"""What `model.ckpt-N.index` says, checked before TensorFlow's own reader opens it.

That reader ends the process where a shape makes no sense (`CHECK` in C++), which no Python
program can catch. After this check nothing is left for it to stumble over.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import tensor_bundle_pb2

from tf_pegasus.checkpoints.readers.sstable import read_table
from tf_pegasus.checkpoints.readers.weight_file import MOST_DIMENSIONS, DamagedFileError

# An index has about 50 bytes for each weight.
_MOST_INDEX_BYTES = 2**23
_MOST_SHARDS = 99_999
# Their elements have no fixed size; none is a weight.
_WITHOUT_SIZE = (tf.string, tf.variant, tf.resource)


def check_bundle(prefix: str | Path) -> None:
    """Checks the index of a TF1 checkpoint against itself and against the data files.

    Args:
        prefix: such as `"dir/model.ckpt-1500000"`.

    Raises:
        DamagedFileError: the index is no table of protos, or one of them has an impossible
            shape, dtype, shard or place; the message names the variable.
        OSError: a file is missing or cannot be read.
    """
    index = Path(f"{prefix}.index")
    size = index.stat().st_size
    if size > _MOST_INDEX_BYTES:
        raise DamagedFileError(f"an index has at most {_MOST_INDEX_BYTES} bytes, this one {size}")
    entries = read_table(index.read_bytes())
    if not entries or entries[0][0] != b"":
        raise DamagedFileError("its header is missing")
    shards = _check_header(entries[0][1])
    sizes = {
        number: path.stat().st_size
        for number in range(shards)
        if (path := Path(f"{prefix}.data-{number:05}-of-{shards:05}")).is_file()
    }
    _check_apart(_checked_place(key, value, shards, sizes) for key, value in entries[1:])


def _check_header(content: bytes) -> int:
    """Returns the number of data files."""
    header = _parsed(tensor_bundle_pb2.BundleHeaderProto(), content, "its header")
    if not 1 <= header.num_shards <= _MOST_SHARDS:
        raise DamagedFileError(f"its header says num_shards: {header.num_shards}")
    if header.endianness != header.LITTLE:
        raise DamagedFileError("its numbers are big-endian")
    return header.num_shards


def _checked_place(
    key: bytes, value: bytes, shards: int, sizes: Mapping[int, int]
) -> tuple[int, int, int, str]:
    """Checks one variable; returns its shard, start and end there, and its name."""
    try:
        name = key.decode("utf-8")
    except UnicodeDecodeError:
        raise DamagedFileError(f"the name {key!r:.80} is not UTF-8") from None
    if not name.isprintable():
        raise DamagedFileError(
            f"the name {key!r:.80} is none, or belongs to a partitioned variable"
        )
    entry = _parsed(tensor_bundle_pb2.BundleEntryProto(), value, name)
    if entry.slices:
        raise DamagedFileError(f"{name} is partitioned, which no variable of the authors' is")
    dims = [dim.size for dim in entry.shape.dim]
    if entry.shape.unknown_rank or len(dims) > MOST_DIMENSIONS or min(dims, default=0) < 0:
        shown = "unknown" if entry.shape.unknown_rank else str(dims[: MOST_DIMENSIONS + 1])
        raise DamagedFileError(f"{name} has an impossible shape: {shown}, {len(dims)} dimensions")
    dtype = _dtype(entry.dtype, name)
    elements = math.prod(dims)
    if dtype not in _WITHOUT_SIZE and elements * dtype.size != entry.size:
        raise DamagedFileError(
            f"{name} has the shape {dims} of {dtype.name}, but {entry.size} bytes"
        )
    if dtype in _WITHOUT_SIZE and elements > max(entry.size, 0):
        raise DamagedFileError(f"{name} has the shape {dims}, but {entry.size} bytes")
    if not 0 <= entry.shard_id < shards:
        raise DamagedFileError(f"{name} lies in shard {entry.shard_id} of {shards}")
    if entry.shard_id not in sizes:
        raise DamagedFileError(
            f"the file data-{entry.shard_id:05}-of-{shards:05} is missing, where {name} lies"
        )
    end = entry.offset + entry.size
    if entry.offset < 0 or entry.size < 0 or end > sizes[entry.shard_id]:
        raise DamagedFileError(
            f"{name} has {entry.size} bytes at {entry.offset}, outside its data file of "
            f"{sizes[entry.shard_id]} bytes"
        )
    return entry.shard_id, entry.offset, end, name


def _dtype(number, name):
    try:
        dtype = tf.dtypes.as_dtype(number)
    except TypeError:
        raise DamagedFileError(f"{name} has the unknown dtype {number}") from None
    if dtype != dtype.base_dtype or (dtype not in _WITHOUT_SIZE and not dtype.size):
        raise DamagedFileError(f"{name} has the dtype {dtype.name}")
    return dtype


def _check_apart(places: Iterator[tuple[int, int, int, str]]) -> None:
    """Raises where two variables share bytes, as many of them could in a small file."""
    before = (-1, 0, 0, "")
    for place in sorted(places):
        if place[0] == before[0] and place[1] < before[2]:
            raise DamagedFileError(f"{before[3]} and {place[3]} overlap in their data file")
        # One without bytes may lie anywhere.
        before = place if place[2] > place[1] else before


def _parsed(message, content, name):
    try:
        message.ParseFromString(content)
    except DecodeError as error:
        raise DamagedFileError(f"{name} is no {type(message).__name__}: {error}") from error
    return message
