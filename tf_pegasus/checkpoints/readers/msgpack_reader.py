"""The few kinds of msgpack values that a file of weights consists of, read one header at a time.

The `msgpack` library makes whole values, whose memory may be many times that of their bytes.
"""

from typing import BinaryIO

from tf_pegasus.checkpoints.readers.weight_file import MOST_NAME_CHARACTERS, DamagedFileError

# For each kind: the first bytes that have the size in them, as lowest and highest, and those
# behind which it follows, with its number of bytes.
_MAP: tuple = ((0x80, 0x8F), {0xDE: 2, 0xDF: 4})
_ARRAY: tuple = ((0x90, 0x9F), {0xDC: 2, 0xDD: 4})
_TEXT: tuple = ((0xA0, 0xBF), {0xD9: 1, 0xDA: 2, 0xDB: 4})
# Older writers know no bytes but text's.
_BINARY: tuple = ((0xA0, 0xBF), {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4})
_UNSIGNED: tuple = ((0x00, 0x7F), {})
_UNSIGNED_BYTES = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
_FIXED_EXTENSIONS = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_EXTENSIONS = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_TRUE = 0xC3


class MsgpackReader:
    """Reads values where they are expected.

    Each method raises DamagedFileError where another kind of value follows, or one that reaches
    behind the file's end.

    Args:
        file: binary file, at its start.
        size: int, its length in bytes.
    """

    def __init__(self, file: BinaryIO, size: int):
        self._file, self._size = file, size

    def place(self) -> int:
        """Where the next value begins."""
        return self._file.tell()

    def at_map(self) -> bool:
        """Whether the next value is a map."""
        first = self._file.read(1)
        self._file.seek(-len(first), 1)
        return bool(first) and (_in_range(first[0], _MAP[0]) or first[0] in _MAP[1])

    def map_header(self) -> int:
        """How many keys and values follow."""
        return self._header(_MAP, "a map")

    def array_header(self) -> int:
        """How many values follow."""
        return self._header(_ARRAY, "an array")

    def binary_header(self) -> int:
        """How many bytes follow."""
        return self._header(_BINARY, "bytes")

    def text(self) -> str:
        """A name."""
        length = self._header(_TEXT, "a name")
        if length > MOST_NAME_CHARACTERS:
            raise DamagedFileError(f"a name of {length} bytes")
        return self._take(length).decode("utf-8")

    def unsigned(self) -> int:
        """An integer of at least 0."""
        first = self._take(1)[0]
        if _in_range(first, _UNSIGNED[0]):
            return first
        if first not in _UNSIGNED_BYTES:
            raise DamagedFileError(f"no count, but a value of the kind {first:#04x}")
        return self._number(_UNSIGNED_BYTES[first])

    def true(self) -> bool:
        """Whether the value is True."""
        return self._take(1)[0] == _TRUE

    def extension(self, code: int, name: str) -> int:
        """Enters an extension of the kind `code`; returns where it ends."""
        first = self._take(1)[0]
        if first in _FIXED_EXTENSIONS:
            length = _FIXED_EXTENSIONS[first]
        elif first in _EXTENSIONS:
            length = self._number(_EXTENSIONS[first])
        else:
            raise DamagedFileError(f"{name} is no array, but a value of the kind {first:#04x}")
        if self._take(1)[0] != code:
            raise DamagedFileError(f"{name} is no array")
        return self.place() + self._within(length)

    def skip(self, count: int) -> None:
        """Leaves out bytes."""
        self._file.seek(self._within(count), 1)

    def _header(self, kind, what):
        first = self._take(1)[0]
        in_first, behind = kind
        if _in_range(first, in_first):
            return self._within(first - in_first[0])
        if first not in behind:
            raise DamagedFileError(f"{what} should follow, not a value of the kind {first:#04x}")
        return self._within(self._number(behind[first]))

    def _number(self, count):
        return int.from_bytes(self._take(count), "big")

    def _within(self, count):
        """`count`; whatever is counted has at least one byte."""
        if count > self._size - self._file.tell():
            raise DamagedFileError("it is cut short")
        return count

    def _take(self, count):
        taken = self._file.read(count)
        if len(taken) < count:
            raise DamagedFileError("it is cut short")
        return taken


def _in_range(first, bounds):
    return bounds[0] <= first <= bounds[1]
