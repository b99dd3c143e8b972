"""Documents with their reference summaries."""

from collections.abc import Iterator
from typing import Any

from tf_pegasus.data.readers import open_sources, scan
from tf_pegasus.data.records import check_columns


def read_pairs(
    data: Any, document_column: str | None = None, summary_column: str | None = None
) -> Iterator[tuple[str, str]]:
    """Yields documents and reference summaries, lazily.

    Args:
        data: files, or an iterable of dicts, see `tf_pegasus.data.readers.open_sources`.
        document_column, summary_column: str, the columns; by default `"document"` and `"summary"`,
            in TFRecord files `"inputs"` and `"targets"`.

    Raises:
        ValueError: if there are no records, or one is invalid; the message names its place.
        FileNotFoundError: if there is no such file.
        TypeError: if `data` has no records.
    """
    given = (document_column, summary_column)
    check_columns([column for column in given if column is not None])
    sources = open_sources(data)
    is_empty = True
    for source in sources:
        columns = [a or b for a, b in zip(given, source.columns, strict=True)]
        for found in scan(source, columns):
            if isinstance(found.record, ValueError):
                raise found.record
            is_empty = False
            yield found.record[columns[0]], found.record[columns[1]]
    if is_empty:
        names = ", ".join(source.name for source in sources)
        raise ValueError(f"{names}: there are no records")
