"""Lines of binary files, with their positions."""

import lzma
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from tf_pegasus.data.records import MAX_ROW_BYTES

_BOM = b"\xef\xbb\xbf"
_BLOCK = 2**20


def numbered_lines(file: BinaryIO, limit: int = MAX_ROW_BYTES) -> Iterator[tuple[int, int, bytes]]:
    """Yields position, number from 1, and content of each line, without a byte order mark.

    Only a line feed ends a line: a text may contain other separators, such as U+2028. Of a line
    that is longer than `limit` bytes, only the beginning is yielded: more than `limit` bytes.

    Raises:
        ValueError: if the file is compressed and damaged.
    """
    try:
        yield from _numbered_lines(file, limit)
    # The errors of gzip, bz2, lzma and lz4.
    except (EOFError, OSError, RuntimeError, lzma.LZMAError, zlib.error) as error:
        raise ValueError(f"cannot be read to its end: {error}") from error


def _numbered_lines(file, limit):
    position, number = 0, 0
    while line := file.readline(limit + 1):
        number += 1
        content = line.removeprefix(_BOM) if number == 1 else line
        yield position + len(line) - len(content), number, content
        position += len(line)
        while not line.endswith(b"\n") and (line := file.readline(_BLOCK)):
            position += len(line)
