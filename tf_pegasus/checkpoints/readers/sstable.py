"""LevelDB's sorted string tables, the form of `model.ckpt-N.index`, read in plain Python.

A table is a file of blocks, an index block with the last key and the place of each, and a footer
of 48 bytes with the place of the index block. A block is a list of entries, whose keys leave out
what they share with the key before; the places of those that leave out nothing (restarts); and
a CRC-32C. See LevelDB's `doc/table_format.md`.
"""

import itertools
import struct
from collections.abc import Iterator
from typing import NamedTuple

from tf_pegasus.checkpoints.readers.weight_file import DamagedFileError

_FOOTER_BYTES = 48
_MAGIC = 0xDB4775248B80FB57
# Behind the contents of a block: its compression (one byte) and its checksum (four).
_TRAILER_BYTES = 5
_UNCOMPRESSED = 0
# Longer keys and values, or more of them, are no weights.
MOST_KEY_BYTES = 1024
MOST_VALUE_BYTES = 4096
MOST_ENTRIES = 2**16


class _Handle(NamedTuple):
    """The place of a block."""

    offset: int
    size: int

    def end(self):
        return self.offset + self.size + _TRAILER_BYTES


def read_table(content: bytes) -> list[tuple[bytes, bytes]]:
    """Reads a table.

    Args:
        content: bytes of the whole file.

    Returns:
        list of key and value, keys ascending.

    Raises:
        DamagedFileError: it is no table, its blocks are compressed (TensorFlow never wrote an
            index like that), overlap or are damaged, or its keys are out of order.
    """
    if len(content) < _FOOTER_BYTES:
        raise DamagedFileError("it is shorter than a table's footer")
    footer_start = len(content) - _FOOTER_BYTES
    footer = _Reader(content[footer_start:-8], "the footer")
    if struct.unpack("<Q", content[-8:])[0] != _MAGIC:
        raise DamagedFileError("its last 8 bytes are not a table's magic number")
    meta, index = footer.handle(), footer.handle()
    blocks: list[tuple[bytes, _Handle]] = []
    for key, value in _read_block(content, index, footer_start, "the index block"):
        blocks.append((key, _Reader(value, "an entry of the index block").handle()))
    _check_apart([meta, index, *(handle for _, handle in blocks)])
    # Nothing in it is needed, but TensorFlow may read it.
    for _ in _read_block(content, meta, footer_start, "the meta index block"):
        pass
    entries: list[tuple[bytes, bytes]] = []
    for number, (last_key, handle) in enumerate(blocks):
        name = f"block {number}"
        before = blocks[number - 1][0] if number else None
        for key, value in _read_block(content, handle, footer_start, name):
            if len(entries) >= MOST_ENTRIES:
                raise DamagedFileError(f"it has more than {MOST_ENTRIES} entries")
            if key > last_key or (before is not None and key <= before):
                raise DamagedFileError(f"{name} has the key {key!r:.80}, of another block")
            entries.append((key, value))
    return entries


def _check_apart(handles):
    """Raises unless blocks lie apart, so that none is read twice."""
    ordered = sorted(handles)
    for first, second in itertools.pairwise(ordered):
        if first.end() > second.offset:
            raise DamagedFileError(f"two blocks overlap at byte {second.offset}")


def _read_block(content, handle, footer_start, name) -> Iterator[tuple[bytes, bytes]]:
    """The entries of a block."""
    if handle.end() > footer_start:
        raise DamagedFileError(
            f"{name} has {handle.size} bytes at {handle.offset}, outside the file"
        )
    block = content[handle.offset : handle.offset + handle.size]
    kind, checksum = struct.unpack_from("<BI", content, handle.offset + handle.size)
    if kind != _UNCOMPRESSED:
        raise DamagedFileError(f"{name} is compressed (kind {kind}), which no index is")
    if checksum != masked_crc32c(block + bytes([kind])):
        raise DamagedFileError(f"{name} has another checksum than it says")
    restarts, end = _restarts(block, name)
    reader = _Reader(block[:end], name)
    key, seen = None, set()
    while reader.place < end:
        start = reader.place
        shared, added, length = reader.varint(32), reader.varint(32), reader.varint(32)
        if shared > len(key or b"") or shared + added > MOST_KEY_BYTES:
            raise DamagedFileError(f"{name} has a key of {shared} + {added} bytes")
        if length > MOST_VALUE_BYTES:
            raise DamagedFileError(f"{name} has a value of {length} bytes")
        if not shared:
            seen.add(start)
        new = (key or b"")[:shared] + reader.take(added)
        if key is not None and new <= key:
            raise DamagedFileError(f"{name} has the key {new!r:.80} behind {key!r:.80}")
        key = new
        yield key, reader.take(length)
    # An empty block has one restart, at its end.
    if not restarts <= (seen or {0}):
        raise DamagedFileError(f"{name} has a restart where no entry begins")


def _restarts(block, name):
    """The places of a block's restarts, and where its entries end."""
    if len(block) < 4:
        raise DamagedFileError(f"{name} is cut short")
    (count,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 - 4 * count
    if count < 1 or end < 0:
        raise DamagedFileError(f"{name} has {count} restarts in {len(block)} bytes")
    places = struct.unpack_from(f"<{count}I", block, end)
    if places[0] != 0 or any(a >= b for a, b in itertools.pairwise(places)):
        raise DamagedFileError(f"{name} has restarts out of order")
    return set(places), end


class _Reader:
    """Reads numbers and bytes, in order, from a few bytes."""

    def __init__(self, content, name):
        self._content, self._name = content, name
        self.place = 0

    def take(self, count):
        end = self.place + count
        if end > len(self._content):
            raise DamagedFileError(f"{self._name} is cut short")
        taken = self._content[self.place : end]
        self.place = end
        return taken

    def varint(self, bits):
        value = 0
        for shift in range(0, bits, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >> bits:
                    break
                return value
        raise DamagedFileError(f"{self._name} holds a number of more than {bits} bits")

    def handle(self):
        return _Handle(self.varint(64), self.varint(64))


def _crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return tuple(table)


_CRC32C = _crc32c_table()


def masked_crc32c(content: bytes) -> int:
    """The CRC-32C of bytes, rotated and shifted as LevelDB and TensorFlow store it."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _CRC32C[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
