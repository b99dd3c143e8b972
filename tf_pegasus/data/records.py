"""Records of a source, and the two texts in them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, get_args

# What to do at a row that is damaged or lacks a text.
OnError = Literal["raise", "skip"]
ON_ERROR = get_args(OnError)
FIELDS = ("document", "summary")
# Where documents without summaries are.
TEXT_COLUMN = "text"
# A longer row is an error, so that a file without line breaks does not fill the memory.
MAX_ROW_BYTES = 16 * 2**20


class Scanned(NamedTuple):
    """A record as a scan finds it.

    Attributes:
        position: int, where the source's `read` finds the record again.
        place: str, such as "line 3", for error messages.
        record: mapping from column to value, or the reason why the row holds none.
    """

    position: int
    place: str
    record: Any | ValueError


class Source:
    """Something with records: a file, a sequence, a stream.

    Attributes:
        name: str, for error messages.
        columns: the default columns of document and summary.
        has_random_access: bool, whether `read` can be called.
    """

    name: str
    columns: ClassVar[tuple[str, str]] = FIELDS
    has_random_access: bool = True

    def scan(self) -> Iterator[Scanned]:
        """Yields all records in order; raises ValueError where it cannot go on."""
        raise NotImplementedError

    def read(self, positions: Iterable[int]) -> Iterator[Any]:
        """Yields the records at positions that `scan` has yielded."""
        raise NotImplementedError


def check_columns(columns: Sequence[str]) -> None:
    """Raises TypeError unless columns are non-empty strings."""
    for column in columns:
        if not isinstance(column, str) or not column:
            raise TypeError(f"a column must be a non-empty str, got {column!r}")


def text_of(record: Any, column: str) -> str:
    """Returns the text in a column of a record.

    Raises:
        ValueError: if the column is missing, or holds no text.
    """
    if column not in record:
        there = ", ".join(repr(name) for name in record if name is not None)
        raise ValueError(f"field {column!r} is missing, the fields are {there or 'none'}")
    value = record[column]
    if isinstance(value, bytes):
        value = decoded(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"field {column!r} must be a non-empty string, got {value!r:.80}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(f"field {column!r} is not valid Unicode: {error.reason}") from error
    return str(value)


def decoded_row(content: bytes) -> str:
    """Decodes a row of a file.

    Raises:
        ValueError: if it is not UTF-8, or longer than `MAX_ROW_BYTES`.
    """
    if len(content) > MAX_ROW_BYTES:
        raise ValueError(f"longer than {MAX_ROW_BYTES} bytes")
    return decoded(content)


def decoded(content: bytes) -> str:
    """Decodes UTF-8.

    Raises:
        ValueError: if it is not UTF-8.
    """
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 (byte {error.start})") from error
