"""Reads plain text files of documents."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from tf_pegasus.data.compressed import COMPRESSED, open_binary
from tf_pegasus.data.lines import numbered_lines
from tf_pegasus.data.records import MAX_ROW_BYTES, TEXT_COLUMN, Scanned, Source, decoded_row

BLOCKS, LINES, FILES = LAYOUTS = ("blocks", "lines", "files")


def check_layout(layout: str) -> None:
    """Raises ValueError unless it is one of `LAYOUTS`."""
    if layout not in LAYOUTS:
        raise ValueError(f"text_layout={layout!r} must be one of {', '.join(LAYOUTS)}")


class TextFile(Source):
    """A UTF-8 file of documents.

    Attributes:
        layout: what a document is: `"blocks"`, lines up to the next blank one; `"lines"`, each line
            that is not blank; or `"files"`, the whole file.
    """

    def __init__(self, path: Path):
        self.path = path
        self.name = repr(str(path))
        self.has_random_access = path.suffix not in COMPRESSED
        self.layout = BLOCKS

    def scan(self) -> Iterator[Scanned]:
        with open_binary(self.path) as file:
            yield from scan_text(file, self.layout)

    def read(self, positions: Iterable[int]) -> Iterator[Any]:
        with open(self.path, "rb") as file:
            for position in positions:
                file.seek(position)
                lines = ((position, 0, line) for line in file)
                _, _, content = next(_documents(lines, self.layout))
                yield _record(content)


def scan_text(file: BinaryIO, layout: str) -> Iterator[Scanned]:
    """Yields the documents of an open file; see `TextFile`."""
    for position, number, content in _documents(numbered_lines(file), layout):
        yield Scanned(position, f"line {number}", _record(content))


def _documents(lines, layout):
    """Yields position, line number and content of each document."""
    found, size = [], 0
    for position, number, line in lines:
        is_blank = not line.strip()
        if found and (layout == LINES or (layout == BLOCKS and is_blank)):
            yield _joined(found)
            found, size = [], 0
        if found or not is_blank:
            # Of a document that is too long, only as much as shows it.
            if size <= MAX_ROW_BYTES:
                found.append((position, number, line))
            size += len(line)
    if found:
        yield _joined(found)


def _joined(lines):
    position, number, _ = lines[0]
    return position, number, b"".join(line for *_, line in lines)


def _record(content):
    try:
        return {TEXT_COLUMN: decoded_row(content).rstrip("\r\n")}
    except ValueError as error:
        return error
