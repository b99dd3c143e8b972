"""Reads CSV files."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tf_pegasus.data.compressed import COMPRESSED, open_binary
from tf_pegasus.data.lines import numbered_lines
from tf_pegasus.data.records import MAX_ROW_BYTES, Scanned, Source


class CsvFile(Source):
    """A CSV file with a header line; quoted fields may contain line breaks.

    Text after a closing quotation mark, a quotation mark that is not closed, and more fields than
    the header has make a bad row, because texts would be in the wrong columns.
    """

    def __init__(self, path: Path):
        self.path = path
        self.name = repr(str(path))
        self.has_random_access = path.suffix not in COMPRESSED
        self._header: list[str] = []

    def scan(self) -> Iterator[Scanned]:
        # The library's default is 131,072 characters, and the limit is global.
        csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW_BYTES))
        with open_binary(self.path) as file:
            lines = _Lines(file)
            rows = csv.reader(lines, strict=True)
            self._header = next(rows, [])
            for column in self._header:
                if self._header.count(column) > 1:
                    raise ValueError(f"two columns are named {column!r}")
            while True:
                lines.start_row()
                try:
                    row: Any = next(rows)
                except StopIteration:
                    return
                except csv.Error as error:
                    row = ValueError(f"not CSV: {error}")
                if row:
                    record = row if isinstance(row, ValueError) else self._record(row)
                    yield Scanned(lines.position, lines.place(), record)

    def read(self, positions: Iterable[int]) -> Iterator[Any]:
        with open(self.path, "rb") as file:
            for position in positions:
                file.seek(position)
                yield self._record(next(csv.reader(map(_text, file), strict=True), []))

    def _record(self, row):
        try:
            "".join(row).encode("utf-8")
        except UnicodeEncodeError:
            return ValueError("not UTF-8")
        if len(row) > len(self._header):
            return ValueError(f"{len(row)} fields, but the header has {len(self._header)}")
        # As in csv.DictReader, None stands for the fields that a short row lacks.
        return {**dict.fromkeys(self._header), **dict(zip(self._header, row, strict=False))}


class _Lines:
    """The lines of a file as str; remembers where the row that is read began."""

    def __init__(self, file):
        self._lines = numbered_lines(file)
        self._first = self._last = 0
        self.position = 0

    def start_row(self):
        self._first = self._last + 1

    def place(self):
        first, last = self._first, self._last
        return f"line {last}" if first == last else f"lines {first} to {last}"

    def __iter__(self):
        return self

    def __next__(self):
        position, self._last, line = next(self._lines)
        if self._last == self._first:
            self.position = position
        return _text(line)


def _text(line):
    # Bytes that are not UTF-8 must not move the fields, so they are found in the fields.
    return line.decode("utf-8", "surrogateescape")
