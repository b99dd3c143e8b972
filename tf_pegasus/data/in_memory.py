"""Sources that are Python objects: sequences and streams of records."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tf_pegasus.data.records import Scanned, Source


class RecordSequence(Source):
    """A sequence of mappings, such as a list of dicts or a `datasets.Dataset`.

    Args:
        records: sequence of mappings from column to value.
        name: str, for error messages.
    """

    def __init__(self, records: Sequence[Any], name: str = "records"):
        self._records = records
        self.name = name

    def scan(self) -> Iterator[Scanned]:
        for number, record in enumerate(self._records):
            yield Scanned(number, f"row {number}", _mapping(record))

    def read(self, positions: Iterable[int]) -> Iterator[Any]:
        for position in positions:
            yield _mapping(self._records[int(position)])


class RecordStream(Source):
    """An iterable of mappings that is read once, in order."""

    has_random_access = False

    def __init__(self, records: Iterable[Any], name: str = "records"):
        self._records = records
        self.name = name

    def scan(self) -> Iterator[Scanned]:
        for number, record in enumerate(self._records):
            yield Scanned(number, f"row {number}", _mapping(record))


def _mapping(record):
    if hasattr(record, "keys"):
        return record
    return ValueError(f"must be a mapping from column to text, got {record!r:.80}")
