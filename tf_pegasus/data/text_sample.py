"""A random sample of the texts in files of any size."""

import heapq
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tf_pegasus.data.readers import open_file, scan
from tf_pegasus.data.records import FIELDS, TEXT_COLUMN, check_columns, text_of

# The columns of corpora: of pairs, and of whole texts.
COLUMNS = (*FIELDS, TEXT_COLUMN)


def sample_texts(texts: Iterable[str], max_bytes: int, seed: int = 0) -> list[str]:
    """Returns random texts in their order, of about `max_bytes` together, or all if there are less.

    The texts are read once, and no more than `max_bytes` of them are kept meanwhile. Each text has
    the same probability to be chosen, except very long ones: what alone is larger is never chosen.

    Args:
        texts: iterable of str.
        max_bytes: int, UTF-8 bytes.
        seed: int.
    """
    draw = random.Random(seed).random
    # Those with the smallest random numbers; the largest of these is the first to leave.
    kept: list[tuple[float, int, str]] = []
    size = 0
    for index, text in enumerate(texts):
        number = -draw()
        length = len(text.encode("utf-8"))
        if length > max_bytes:
            continue
        heapq.heappush(kept, (number, index, text))
        size += length
        while size > max_bytes:
            size -= len(heapq.heappop(kept)[2].encode("utf-8"))
    return [text for _, _, text in sorted(kept, key=lambda entry: entry[1])]


def read_texts(path: str | Path, columns: Sequence[str] | None = None) -> Iterator[str]:
    """Yields the texts in columns of a file's records.

    Args:
        path: of a file that `open_file` reads; the column of `.txt` files is `"text"`.
        columns: names of the columns, which every record must have; by default those of
            `COLUMNS` that a record has, but at least one.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if the suffix is unknown, the file is damaged, or a record lacks a text; the
            message names file and line.
        TypeError: if a column is no non-empty str.
    """
    check_columns(columns or ())
    for found in scan(open_file(path), columns or ()):
        if isinstance(found.record, ValueError):
            raise found.record
        there = columns or [column for column in COLUMNS if column in found.record]
        if not there:
            raise ValueError(
                f"{str(path)!r}, {found.place}: none of the columns {', '.join(COLUMNS)}: "
                f"name those to read, of {', '.join(map(repr, found.record))}"
            )
        yield from (text_of(found.record, column) for column in there)
