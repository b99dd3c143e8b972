"""Reads Parquet files."""

from collections.abc import Iterator
from pathlib import Path

from tf_pegasus.data.records import Scanned, Source
from tf_pegasus.utils.extras import require

_ROWS = 256
_BUFFER_BYTES = 2**20


class ParquetFile(Source):
    """A Parquet file; read in order only, since a row can be had only with thousands of others."""

    has_random_access = False

    def __init__(self, path: Path):
        self.path = path
        self.name = repr(str(path))
        self._library = require("pyarrow.parquet", "train")

    def scan(self) -> Iterator[Scanned]:
        error_type = require("pyarrow", "train").ArrowException
        number = 0
        try:
            # Without a buffer, whole groups of rows are read into memory.
            with self._library.ParquetFile(
                self.path, buffer_size=_BUFFER_BYTES, pre_buffer=False
            ) as file:
                for batch in file.iter_batches(_ROWS):
                    for record in batch.to_pylist():
                        number += 1
                        yield Scanned(number, f"row {number}", record)
        except error_type as error:
            raise ValueError(f"damaged after row {number}: {error}") from error
