"""Pairs of document and summary with random access, of sources that do not fit in memory."""

import warnings
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tf_pegasus.data.readers import open_sources, scan, with_texts
from tf_pegasus.data.records import ON_ERROR, OnError, Source, check_columns
from tf_pegasus.data.spool import Spool

# Rows that are read together where all are needed.
_ROWS_AT_ONCE = 256
# Messages of skipped rows that are kept.
_KEPT_MESSAGES = 10


class Rows(Sequence):
    """A sequence of `(document, summary)` that stays on disk; in memory it has 16 bytes a row.

    All rows are read and checked once, in order. What can be read only in order (compressed files,
    Parquet, streams) is copied to a temporary file meanwhile.

    Args:
        data: see `open_sources`.
        document_column, summary_column: str, the columns; by default `"document"` and `"summary"`,
            in TFRecord files `"inputs"` and `"targets"`.
        max_samples: int, only the first good rows are used; None uses all.
        on_error: `"raise"`, or `"skip"`: bad rows are left out, with one warning.
        split: str, the split of a TFDS builder.
        temporary_directory: path, where the temporary file is.

    Attributes:
        sizes: uint32 `(rows,)`, the bytes of each document, a measure of its length.
        skipped: int, number of bad rows that were left out.
        messages: list of str, what is wrong with the first of them.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if there is no good row, a row is bad (the message names file and line), a
            file is damaged, or an argument is out of range.
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
        if on_error not in ON_ERROR:
            raise ValueError(f"on_error={on_error!r} must be one of {', '.join(ON_ERROR)}")
        if max_samples is not None and (not isinstance(max_samples, int) or max_samples < 1):
            raise ValueError(f"max_samples={max_samples!r} must be an int of at least 1")
        check_columns([c for c in (document_column, summary_column) if c is not None])
        self._columns = (document_column, summary_column)
        self._max_samples = max_samples
        self._on_error = on_error
        self._temporary_directory = temporary_directory
        self._spool: Spool | None = None
        self._parts: list[tuple[Source, tuple[str, str]]] = []
        self._stamps: list[tuple | None] = []
        self.skipped = 0
        self.messages: list[str] = []
        self._scan(open_sources(data, split))

    def _scan(self, sources):
        positions, sizes, ends = array("Q"), array("I"), []
        for source in sources:
            columns = tuple(
                given or default
                for given, default in zip(self._columns, source.columns, strict=True)
            )
            self._parts.append((source, columns))
            self._stamps.append(_stamp(source))
            for position, pair in self._good(source, columns, len(positions)):
                positions.append(position)
                sizes.append(len(pair[0].encode("utf-8")))
            ends.append(len(positions))
        if self._spool is not None:
            self._spool.finish()
        if self.skipped:
            warnings.warn(f"{self.skipped} bad rows skipped: {self.messages[0]}", stacklevel=4)
        if not positions:
            raise ValueError("there are no examples to train on or to validate with")
        self._ends = np.array(ends)
        self._positions = np.frombuffer(positions, "uint64")
        self.sizes = np.frombuffer(sizes, "uint32")

    def _good(self, source, columns, count):
        """Yields position and pair of the good rows of a source, after `count` other rows."""
        for found in scan(source, columns):
            if count == self._max_samples:
                return
            if isinstance(found.record, ValueError):
                self._skip(found.record)
                continue
            count += 1
            pair = _pair(found.record, columns)
            yield (found.position if source.has_random_access else self._spooled(pair)), pair

    def _skip(self, error):
        if self._on_error == "raise":
            raise error
        self.skipped += 1
        if len(self.messages) < _KEPT_MESSAGES:
            self.messages.append(str(error))

    def _spooled(self, pair):
        if self._spool is None:
            self._spool = Spool(self._temporary_directory)
        return self._spool.append(pair)

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, index: Any) -> Any:
        """Returns the pair of an index, or the pairs of a slice."""
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return self.take(np.arange(len(self))[[index]])[0]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return self._in_order(np.arange(len(self)))

    def sample(self, max_bytes: int, seed: int = 0) -> Iterator[tuple[str, str]]:
        """Yields random rows in order: at most `max_bytes` of documents, but at least one.

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

    def take(self, indices: np.ndarray) -> list[tuple[str, str]]:
        """Returns the pairs at indices.

        Raises:
            ValueError: if a file has changed since it was scanned.
        """
        pairs: dict[int, tuple[str, str]] = {}
        numbers = np.searchsorted(self._ends, indices, side="right")
        for number in np.unique(numbers):
            there = indices[numbers == number]
            found = self._read(number, self._positions[there].tolist())
            pairs.update(zip(there.tolist(), found, strict=True))
        return [pairs[index] for index in indices.tolist()]

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
        return [_pair(record, columns) for record in records]


def _pair(record, columns):
    return record[columns[0]], record[columns[1]]


def _stamp(source):
    """Size and time of a file; None for other sources."""
    path = getattr(source, "path", None)
    if path is None:
        return None
    status = path.stat()
    return status.st_size, status.st_mtime_ns
