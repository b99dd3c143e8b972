"""Opens files, compressed or not."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from tf_pegasus.utils.extras import require

_OPENERS: dict[str, Callable] = {
    ".gz": gzip.open,
    ".xz": lzma.open,
    ".bz2": bz2.open,
    ".lz4": lambda path, mode: require("lz4.frame", "train").open(path, mode),
}
COMPRESSED = tuple(_OPENERS)


def open_binary(path: str | Path) -> BinaryIO:
    """Opens a file for reading; decompresses `.gz`, `.xz`, `.bz2` and `.lz4`."""
    return _OPENERS.get(Path(path).suffix, open)(path, "rb")


def decompressed(file: BinaryIO, path: str | Path) -> BinaryIO:
    """Returns a file that is open, decompressed if the suffix of its path says so."""
    opener = _OPENERS.get(Path(path).suffix)
    return file if opener is None else opener(file, "rb")


def open_text(path: str | Path) -> io.TextIOWrapper:
    """Opens a UTF-8 text file for reading; see `open_binary`."""
    return io.TextIOWrapper(open_binary(path), encoding="utf-8")


def decompress(content: bytes, suffix: str, limit: int) -> bytes:
    """Decompresses `.gz`, `.xz` and `.bz2`; returns anything else as it is.

    Raises:
        ValueError: if it is damaged, or has more than `limit` bytes.
    """
    if suffix not in (".gz", ".xz", ".bz2"):
        return content
    try:
        with _OPENERS[suffix](io.BytesIO(content), "rb") as file:
            content = file.read(limit + 1)
    except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        raise ValueError(f"damaged: {error}") from error
    if len(content) > limit:
        raise ValueError(f"more than {limit} bytes")
    return content
