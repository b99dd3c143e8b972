"""Opens text files, compressed or not."""

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path

from tf_pegasus.utils.extras import require

_OPENERS: dict[str, Callable] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}


def open_text(path: str | Path) -> io.TextIOWrapper:
    """Opens a UTF-8 text file for reading; decompresses `.gz`, `.xz`, `.bz2` and `.lz4`."""
    suffix = Path(path).suffix
    if suffix == ".lz4":
        binary = require("lz4.frame", "train").open(path, "rb")
    else:
        binary = _OPENERS.get(suffix, open)(path, "rb")
    return io.TextIOWrapper(binary, encoding="utf-8")
