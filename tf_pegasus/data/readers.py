"""The registry of sources: which reader a file or an object needs."""

import glob
import importlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tf_pegasus.data.compressed import COMPRESSED
from tf_pegasus.data.in_memory import RecordSequence, RecordStream
from tf_pegasus.data.records import FIELDS, Scanned, Source, text_of
from tf_pegasus.data.text_file import TextFile, check_layout

# Imported when a file needs them: the one of TFRecord imports TensorFlow, that of Parquet pyarrow.
_READERS = {
    ".jsonl": ("jsonl", "JsonlFile"),
    ".json": ("jsonl", "JsonlFile"),
    ".csv": ("csv_file", "CsvFile"),
    ".parquet": ("parquet_file", "ParquetFile"),
    ".tfrecord": ("tfrecord_file", "TFRecordFile"),
    ".tfrecords": ("tfrecord_file", "TFRecordFile"),
    ".txt": ("text_file", "TextFile"),
}
# Of the authors' files, such as train.tfrecord-00000-of-00010.
_PART = re.compile(r"-\d+-of-\d+$")


def open_sources(
    data: Any, split: str | None = None, text_layout: str | None = None
) -> list[Source]:
    """Returns the sources of what a user gives.

    Args:
        data: path or glob pattern of files, or a list of them; a sequence or iterable of mappings
            from column to text, such as a list of dicts or a `datasets.Dataset`; a
            `tf.data.Dataset` of dicts of strings; or a `tfds.core.DatasetBuilder`.
        split: str, the split of a builder.
        text_layout: what a document is in text files, see `TextFile`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a file has an unknown suffix, or `split` is missing, or it or `text_layout`
            has no effect.
        TypeError: if `data` is none of these.
    """
    sources = _sources(data, split)
    if text_layout is not None:
        check_layout(text_layout)
        texts = [source for source in sources if isinstance(source, TextFile)]
        if not texts:
            raise ValueError(f"text_layout={text_layout!r} has an effect on .txt files only")
        for source in texts:
            source.layout = text_layout
    return sources


def _sources(data, split):
    if hasattr(data, "as_dataset"):
        if split is None:
            raise ValueError(f"split is missing: give one of {', '.join(data.info.splits)}")
        data = data.as_dataset(split=split)
    elif split is not None:
        raise ValueError(f"split={split!r} has an effect on builders of TFDS only")
    if isinstance(data, (str, Path)):
        return _files(data)
    if hasattr(data, "as_numpy_iterator"):
        return [RecordStream(data.as_numpy_iterator(), "the tf.data.Dataset")]
    if hasattr(data, "keys"):
        raise TypeError(f"data has the splits {', '.join(map(str, data))}: choose one, data[name]")
    if isinstance(data, (list, tuple)) and data and isinstance(data[0], (str, Path)):
        return [source for path in data for source in _files(path)]
    if hasattr(data, "__len__") and hasattr(data, "__getitem__"):
        return [RecordSequence(data)]
    if hasattr(data, "__iter__"):
        return [RecordStream(data)]
    raise TypeError(f"data must be files, or have records, got {type(data).__name__}")


def _files(pattern):
    path = Path(pattern)
    if path.exists():
        return [open_file(path)]
    found = sorted(glob.glob(str(pattern), recursive=True))
    if not found:
        raise FileNotFoundError(f"{str(pattern)!r}: no such file")
    return [open_file(Path(path)) for path in found]


def open_file(path: str | Path) -> Source:
    """Returns the reader of a file.

    Raises:
        ValueError: if the suffix is unknown.
        ImportError: if the reader's library is not installed.
    """
    path, suffix = Path(path), format_suffix(path)
    if suffix not in _READERS:
        raise ValueError(
            f"{str(path)!r}: unknown suffix {suffix!r}, use {', '.join(_READERS)}, also compressed "
            f"({', '.join(COMPRESSED)})"
        )
    module, name = _READERS[suffix]
    return getattr(importlib.import_module(f"tf_pegasus.data.{module}"), name)(path)


def format_suffix(path: str | Path) -> str:
    """Returns the suffix of the format, before those of compression and of a part's number."""
    name = Path(path).name
    if Path(name).suffix in COMPRESSED:
        name = Path(name).stem
    return Path(_PART.sub("", name)).suffix


def read_records(path: str | Path, fields: Sequence[str] = FIELDS) -> Iterator[dict[str, Any]]:
    """Yields one dict per record of a file.

    Args:
        path: path of the file: `.csv` (with a header line), or `.jsonl` or `.json` (one JSON
            object per line), `.parquet` or `.tfrecord`.
        fields: names of the fields that each record must have, as non-empty strings.

    Raises:
        ValueError: if the file has an unknown suffix, or if a record is no record or lacks a
            field; the message names file and line.
    """
    for found in scan(open_file(path), fields):
        if isinstance(found.record, ValueError):
            raise found.record
        yield found.record


def scan(source: Source, fields: Sequence[str]) -> Iterator[Scanned]:
    """Yields the records of a source; bad ones as errors that name source and place.

    Args:
        source: `Source`.
        fields: names of the fields that each record must have, as non-empty strings.

    Raises:
        ValueError: if the source is damaged so that no more can be read.
    """
    records = source.scan()
    while True:
        try:
            found = next(records, None)
        except ValueError as error:
            raise ValueError(f"{source.name}: {error}") from error
        if found is None:
            return
        record = with_texts(found.record, fields)
        if isinstance(record, ValueError):
            record = ValueError(f"{source.name}, {found.place}: {record}")
        yield found._replace(record=record)


def with_texts(record: Any, fields: Sequence[str]) -> Any:
    """Returns a record with checked texts in `fields`, or the error that it is or has."""
    if isinstance(record, ValueError):
        return record
    try:
        return {**record, **{field: text_of(record, field) for field in fields}}
    except ValueError as error:
        return error
