"""Reads and writes JSONL files: one JSON object per line."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from tf_pegasus.data.compressed import COMPRESSED, open_binary
from tf_pegasus.data.lines import numbered_lines
from tf_pegasus.data.records import MAX_ROW_BYTES, Scanned, Source, decoded_row
from tf_pegasus.utils.files import write_text_atomically


def json_object(line: str, source: str) -> dict[str, Any]:
    """Parses one line of a JSONL file.

    Raises:
        ValueError: if it is not a JSON object; the message begins with `source`.
    """
    try:
        return _parsed(line)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from error


def _parsed(line):
    try:
        record = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deep") from None
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    return record


def write_jsonl(path: str | Path, records: Iterable[dict[str, Any]]) -> None:
    """Writes one JSON object per line, atomically."""
    lines = (json.dumps(record, ensure_ascii=False) for record in records)
    write_text_atomically(path, "".join(line + "\n" for line in lines))


class JsonlFile(Source):
    """A file of JSON objects, one per line; blank lines are ignored."""

    def __init__(self, path: Path):
        self.path = path
        self.name = repr(str(path))
        self.has_random_access = path.suffix not in COMPRESSED

    def scan(self) -> Iterator[Scanned]:
        with open_binary(self.path) as file:
            yield from scan_jsonl(file)

    def read(self, positions: Iterable[int]) -> Iterator[Any]:
        with open(self.path, "rb") as file:
            for position in positions:
                file.seek(position)
                yield _record(file.readline(MAX_ROW_BYTES + 1))


def scan_jsonl(file: BinaryIO) -> Iterator[Scanned]:
    """Yields the records of an open file; see `JsonlFile`."""
    for position, number, line in numbered_lines(file):
        if line.strip():
            yield Scanned(position, f"line {number}", _record(line))


def _record(line):
    try:
        return _parsed(decoded_row(line))
    except ValueError as error:
        return error
