"""Reads files with clear errors, and writes them so that no partial file is ever visible."""

import contextlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# A vocabulary of 250,000 pieces has 17 MB. In memory, lists of nothing are 24 times as large.
_MOST_JSON_BYTES = 20 * 2**20

StrPath = str | os.PathLike[str]


def read_json_object(path: StrPath, most_bytes: int = _MOST_JSON_BYTES) -> dict[str, Any]:
    """Reads a JSON object.

    Args:
        path: of the file.
        most_bytes: int, size of the longest file that is read.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if it is not UTF-8, not JSON, not an object, too long or nested too deeply.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no {path.name} in {str(path.parent)!r}")
    size = path.stat().st_size
    if size > most_bytes:
        raise ValueError(f"{str(path)!r} has {size} bytes, at most {most_bytes} are read")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError(f"{str(path)!r} is nested too deep") from None
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{str(path)!r} must contain a JSON object, got {type(value).__name__}")
    return value


def write_json_atomically(path: StrPath, value: Mapping[str, Any]) -> None:
    """Writes a JSON object with sorted keys."""
    write_text_atomically(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


def write_bytes_atomically(path: StrPath, content: bytes) -> None:
    """Writes `content` to a temporary file beside `path`, then renames it to `path`."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        make_readable(temporary)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def make_readable(path: StrPath, mode: int = 0o666) -> None:
    """Gives a file that was created as private the mode that it would otherwise have had."""
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(path, mode & ~umask)


def write_text_atomically(path: StrPath, text: str) -> None:
    """Writes UTF-8 text, see `write_bytes_atomically`."""
    write_bytes_atomically(path, text.encode("utf-8"))
