"""Reads and writes records in JSONL and CSV files."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tf_pegasus.utils.files import write_text_atomically

FIELDS = ("document", "summary")


def read_records(path: str | Path, fields: Sequence[str] = FIELDS) -> Iterator[dict[str, Any]]:
    """Yields one dict per record of a `.jsonl` or `.csv` file.

    Args:
        path: path of the file: `.csv` (with a header line), or `.jsonl` or `.json` (one JSON
            object per line).
        fields: names of the fields that each record must have, as non-empty strings.

    Raises:
        ValueError: if the file has an unknown suffix or is not UTF-8, or if a record lacks a
            field; the message names file and line.
    """
    path = Path(path)
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl, ".json": _read_jsonl}
    if path.suffix not in readers:
        raise ValueError(f"{str(path)!r}: unknown suffix {path.suffix!r}, use .jsonl or .csv")
    try:
        with open(path, encoding="utf-8", newline="") as file:
            for line, record in readers[path.suffix](file, path):
                for field in fields:
                    value = record.get(field)
                    if not isinstance(value, str) or not value.strip():
                        raise ValueError(
                            f"{str(path)!r}, line {line}: field {field!r} must be a non-empty "
                            f"string, got {value!r}"
                        )
                yield record
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(path)!r} is not UTF-8: {error}") from error


def json_object(line: str, source: str) -> dict[str, Any]:
    """Parses one line of a JSONL file.

    Raises:
        ValueError: if it is not a JSON object; the message begins with `source`.
    """
    try:
        record = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{source}: not JSON: {error}") from error
    if not isinstance(record, dict):
        raise ValueError(f"{source}: not a JSON object")
    return record


def _read_jsonl(file, path):
    for number, line in enumerate(file, 1):
        if line.strip():
            yield number, json_object(line, f"{str(path)!r}, line {number}")


def _read_csv(file, path):
    reader = csv.DictReader(file)
    for record in reader:
        yield reader.line_num, record


def write_jsonl(path: str | Path, records: Iterable[dict[str, Any]]) -> None:
    """Writes one JSON object per line, atomically."""
    lines = (json.dumps(record, ensure_ascii=False) for record in records)
    write_text_atomically(path, "".join(line + "\n" for line in lines))
