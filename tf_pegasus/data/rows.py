"""Rows of texts with random access, of sources that do not fit in memory."""

import warnings
from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tf_pegasus.data.readers import open_sources, scan, with_texts
from tf_pegasus.data.records import ON_ERROR, TEXT_COLUMN, OnError, Source, check_columns
from tf_pegasus.data.spool import Spool

# Rows that are read together where all are needed.
_ROWS_AT_ONCE = 256
# Messages of skipped rows that are kept.
_KEPT_MESSAGES = 10


class TextRows(Sequence):
    """A sequence of tuples of texts that stays on disk; in memory it has 16 bytes a row.

    All rows are read and checked once, in order. What can be read only in order (compressed files,
    Parquet, streams) is copied to a temporary file meanwhile.

    Args:
        sources: list of `Source`.
        columns: tuple of the columns of the texts; None for the default of the source.
        max_samples: int, only the first good rows are used; None uses all.
        on_error: `"raise"`, or `"skip"`: bad rows are left out, with one warning.
        temporary_directory: path, where the temporary file is.

    Attributes:
        sizes: uint32 `(rows,)`, the bytes of the first text of each row, a measure of its length.
        skipped: int, number of bad rows that were left out.
        messages: list of str, what is wrong with the first of them.

    Raises:
        ValueError: if there is no good row, a row is bad (the message names file and line), a
            file is damaged, or an argument is out of range.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        columns: tuple[str | None, ...],
        max_samples: int | None,
        on_error: OnError,
        temporary_directory: str | Path | None,
    ):
        if on_error not in ON_ERROR:
            raise ValueError(f"on_error={on_error!r} must be one of {', '.join(ON_ERROR)}")
        if max_samples is not None and (not isinstance(max_samples, int) or max_samples < 1):
            raise ValueError(f"max_samples={max_samples!r} must be an int of at least 1")
        check_columns([column for column in columns if column is not None])
        self._columns = columns
        self._max_samples = max_samples
        self._on_error = on_error
        self._temporary_directory = temporary_directory
        self._spool: Spool | None = None
        self._parts: list[tuple[Source, tuple[str, ...]]] = []
        self._stamps: list[tuple | None] = []
        self.skipped = 0
        self.messages: list[str] = []
        self._scan(sources)

    def _default_columns(self, source: Source) -> tuple[str, ...]:
        return source.columns

    def _scan(self, sources):
        positions, sizes, ends = array("Q"), array("I"), []
        for source in sources:
            columns = tuple(
                given or default
                for given, default in zip(self._columns, self._default_columns(source), strict=True)
            )
            self._parts.append((source, columns))
            self._stamps.append(_stamp(source))
            for position, texts in self._good(source, columns, len(positions)):
                positions.append(position)
                sizes.append(len(texts[0].encode("utf-8")))
            ends.append(len(positions))
        if self._spool is not None:
            self._spool.finish()
        if self.skipped:
            warnings.warn(f"{self.skipped} bad rows skipped: {self.messages[0]}", stacklevel=5)
        if not positions:
            raise ValueError("there are no examples to train on or to validate with")
        self._ends = np.array(ends)
        self._positions = np.frombuffer(positions, "uint64")
        self.sizes = np.frombuffer(sizes, "uint32")

    def _good(self, source, columns, count):
        """Yields position and texts of the good rows of a source, after `count` other rows."""
        for found in scan(source, columns):
            if count == self._max_samples:
                return
            if isinstance(found.record, ValueError):
                self._skip(found.record)
                continue
            count += 1
            texts = _texts(found.record, columns)
            yield (found.position if source.has_random_access else self._spooled(texts)), texts

    def _skip(self, error):
        if self._on_error == "raise":
            raise error
        self.skipped += 1
        if len(self.messages) < _KEPT_MESSAGES:
            self.messages.append(str(error))

    def _spooled(self, texts):
        if self._spool is None:
            self._spool = Spool(len(texts), self._temporary_directory)
        return self._spool.append(texts)

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, index: Any) -> Any:
        """Returns the row of an index, or the rows of a slice."""
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return self.take(np.arange(len(self))[[index]])[0]

    def __iter__(self) -> Iterator[Any]:
        return self._in_order(np.arange(len(self)))

    def sample(self, max_bytes: int, seed: int = 0) -> Iterator[Any]:
        """Yields random rows in order: at most `max_bytes` of their first texts, but at least
        one.

        Args:
            max_bytes: int; all rows are yielded if they have no more.
            seed: int.
        """
        order = np.random.default_rng(seed).permutation(len(self))
        total = np.cumsum(self.sizes[order], dtype="int64")
        count = np.searchsorted(total, max_bytes, side="right")
        return self._in_order(np.sort(order[: max(1, count)]))

    def _in_order(self, indices):
        for start in range(0, len(indices), _ROWS_AT_ONCE):
            yield from self.take(indices[start : start + _ROWS_AT_ONCE])

    def take(self, indices: np.ndarray) -> list[Any]:
        """Returns the rows at indices.

        Raises:
            ValueError: if a file has changed since it was scanned.
        """
        rows: dict[int, tuple[str, ...]] = {}
        numbers = np.searchsorted(self._ends, indices, side="right")
        for number in np.unique(numbers):
            there = indices[numbers == number]
            found = self._read(number, self._positions[there].tolist())
            rows.update(zip(there.tolist(), found, strict=True))
        return [rows[index] for index in indices.tolist()]

    def _read(self, number, positions):
        source, columns = self._parts[number]
        if not source.has_random_access:
            assert self._spool is not None
            return list(self._spool.read(positions))
        if _stamp(source) != self._stamps[number]:
            raise ValueError(f"{source.name} has changed since training began")
        records = [with_texts(record, columns) for record in source.read(positions)]
        bad = [record for record in records if isinstance(record, ValueError)]
        if bad:
            raise ValueError(f"{source.name} has changed since training began: {bad[0]}")
        return [_texts(record, columns) for record in records]


class Rows(TextRows):
    """A sequence of `(document, summary)` that stays on disk; see `TextRows`.

    Args:
        data: see `open_sources`.
        document_column, summary_column: str, the columns; by default `"document"` and `"summary"`,
            in TFRecord files `"inputs"` and `"targets"`.
        max_samples: int, only the first good rows are used; None uses all.
        on_error: `"raise"`, or `"skip"`: bad rows are left out, with one warning.
        split: str, the split of a TFDS builder.
        temporary_directory: path, where the temporary file is.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: see `TextRows`.
        TypeError: if `data` is nothing that has records.
        ImportError: if a file's reader is not installed.
    """

    def __init__(
        self,
        data: Any,
        *,
        document_column: str | None = None,
        summary_column: str | None = None,
        max_samples: int | None = None,
        on_error: OnError = "raise",
        split: str | None = None,
        temporary_directory: str | Path | None = None,
    ):
        columns = (document_column, summary_column)
        super().__init__(
            open_sources(data, split), columns, max_samples, on_error, temporary_directory
        )


class Documents(TextRows):
    """A sequence of texts that stays on disk, to pre-train on; see `TextRows`.

    Args:
        data: path or glob pattern of text files (`.txt`), or what `open_sources` takes.
        text_column: str, the column; by default `"text"`, as in the authors' TFRecord files.
        text_layout: what a document is in text files: `"blocks"` (default), lines up to the next
            blank one; `"lines"`, each line; or `"files"`, a whole file.
        max_samples, on_error, split, temporary_directory: see `Rows`.

    Raises:
        FileNotFoundError, TypeError, ImportError: see `Rows`.
        ValueError: see `TextRows`; also if `text_layout` is unknown, or no file is a text file.
    """

    def __init__(
        self,
        data: Any,
        *,
        text_column: str | None = None,
        text_layout: str | None = None,
        max_samples: int | None = None,
        on_error: OnError = "raise",
        split: str | None = None,
        temporary_directory: str | Path | None = None,
    ):
        super().__init__(
            open_sources(data, split, text_layout),
            (text_column,),
            max_samples,
            on_error,
            temporary_directory,
        )

    def _default_columns(self, source):
        return (TEXT_COLUMN,)

    def take(self, indices: np.ndarray) -> list[str]:
        return [text for (text,) in super().take(indices)]


RowsKind = TypeVar("RowsKind", Rows, Documents)


def as_rows(
    kind: type[RowsKind],
    data: Any,
    reading: Mapping[str, Any],
    temporary_directory: str | Path | None = None,
) -> RowsKind:
    """Returns `data` as rows of a kind.

    Args:
        kind: `Rows` or `Documents`.
        data: such rows, or what they are made of.
        reading: dict of the other arguments of `kind`.
        temporary_directory: path, where the temporary file is.

    Raises:
        ValueError: if `data` are rows already, and an argument has no effect; see also `kind`.
    """
    if not isinstance(data, kind):
        return kind(data, temporary_directory=temporary_directory, **reading)
    given = [n for n, v in reading.items() if v is not None and (n, v) != ("on_error", "raise")]
    if given:
        name = kind.__name__
        raise ValueError(f"{given[0]} has no effect on {name}: give it to {name}")
    return data


def _texts(record, columns):
    return tuple(record[column] for column in columns)


def _stamp(source):
    """Size and time of a file; None for other sources."""
    path = getattr(source, "path", None)
    if path is None:
        return None
    status = path.stat()
    return status.st_size, status.st_mtime_ns
