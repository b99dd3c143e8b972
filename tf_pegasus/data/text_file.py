"""Reads plain text files of documents."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tf_pegasus.data.compressed import COMPRESSED, open_binary
from tf_pegasus.data.lines import numbered_lines
from tf_pegasus.data.records import MAX_ROW_BYTES, TEXT_COLUMN, Scanned, Source, decoded

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
            for position, number, content in self._documents(numbered_lines(file)):
                yield Scanned(position, f"line {number}", _record(content))

    def read(self, positions: Iterable[int]) -> Iterator[Any]:
        with open(self.path, "rb") as file:
            for position in positions:
                file.seek(position)
                lines = ((position, 0, line) for line in file)
                _, _, content = next(self._documents(lines))
                yield _record(content)

    def _documents(self, lines):
        """Yields position, line number and content of each document."""
        found, size = [], 0
        for position, number, line in lines:
            is_blank = not line.strip()
            if found and self._ends(is_blank):
                yield *found[0][:2], b"".join(line for *_, line in found)
                found, size = [], 0
            if found or not is_blank:
                # Of a document that is too long, only as much as shows it.
                if size <= MAX_ROW_BYTES:
                    found.append((position, number, line))
                size += len(line)
        if found:
            yield *found[0][:2], b"".join(line for *_, line in found)

    def _ends(self, is_blank):
        """Whether a document that has begun ends before a line."""
        return self.layout == LINES or (self.layout == BLOCKS and is_blank)


def _record(content):
    if len(content) > MAX_ROW_BYTES:
        return ValueError(f"longer than {MAX_ROW_BYTES} bytes")
    try:
        return {TEXT_COLUMN: decoded(content).rstrip("\r\n")}
    except ValueError as error:
        return error
