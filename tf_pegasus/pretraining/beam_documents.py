"""Prepares documents for pre-training with Apache Beam, in any number.

Importing this module imports Beam (extra `beam`), so import it only where it is used.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import tensorflow as tf
from apache_beam.io import fileio
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.options.pipeline_options import PipelineOptions

from tf_pegasus.config.base import Options, integer, number, text
from tf_pegasus.data.beam_files import (
    as_json_line,
    check_shards,
    counter,
    counts,
    from_root,
    matching_files,
)
from tf_pegasus.data.compressed import decompressed
from tf_pegasus.data.jsonl import scan_jsonl
from tf_pegasus.data.readers import format_suffix, with_texts
from tf_pegasus.data.records import TEXT_COLUMN
from tf_pegasus.data.text_file import BLOCKS, check_layout, scan_text
from tf_pegasus.pretraining.near_duplicates import Signatures, later_duplicates
from tf_pegasus.utils.extras import require
from tf_pegasus.utils.words import words

SUFFIX = ".tfrecord"
REJECTED, REJECTED_SUFFIX = "-rejected", ".jsonl"
_TEXT_SUFFIX = ".txt"
_SUFFIXES = (_TEXT_SUFFIX, ".jsonl", ".json")
# Characters from which the language is told.
_TELLING = 4000
# What becomes of the documents; they add up to the first.
COUNTS = (
    "documents",
    "written",
    "short",
    "long",
    "other_language",
    "duplicates",
    "near_duplicates",
    "rejected",
)


@dataclass(frozen=True)
class DocumentRules(Options):
    """Which documents are kept.

    Args:
        min_words, max_words: int, numbers of words, see `tf_pegasus.utils.words`. Default 20, and
            no limit.
        language: str, code of a language; others are dropped. `py3langid` tells it. By default any.
        near_duplicates: float in (0, 1], share of common 5-grams of words from which on only one of
            two documents is kept; by default only those that are equal are dropped.

    Raises:
        ValueError, TypeError: if a value is out of range, or has the wrong type.
    """

    min_words: int = integer(20, least=0)
    max_words: int | None = integer(None, least=1, optional=True)
    language: str | None = text(None, optional=True)
    near_duplicates: float | None = number(None, above=0, most=1, optional=True)

    def __post_init__(self):
        self.validate()

    def _check_together(self):
        if self.max_words is not None and self.max_words < self.min_words:
            raise ValueError(
                f"max_words={self.max_words} must not be less than min_words={self.min_words}"
            )


class ReadDocuments(beam.DoFn):
    """Yields the texts of a file; sends bad rows to the output `rejected`, with the reason."""

    def __init__(self, column: str, layout: str):
        self._column, self._layout = column, layout

    def process(self, readable):
        path = readable.metadata.path
        is_text = format_suffix(path) == _TEXT_SUFFIX
        column = TEXT_COLUMN if is_text else self._column
        with readable.open(compression_type=CompressionTypes.UNCOMPRESSED) as stored:
            file = decompressed(stored, path)
            for found in scan_text(file, self._layout) if is_text else scan_jsonl(file):
                counter("documents").inc()
                record = with_texts(found.record, [column])
                if isinstance(record, ValueError):
                    counter("rejected").inc()
                    rejection = {"file": path, "place": found.place, "error": str(record)}
                    yield beam.pvalue.TaggedOutput("rejected", rejection)
                else:
                    yield record[column]


class FollowRules(beam.DoFn):
    """Yields the documents of the right length and language."""

    def __init__(self, rules: DocumentRules):
        self._rules = rules

    def process(self, document):
        reason = self._reason(document)
        if reason is None:
            yield document
        else:
            counter(reason).inc()

    def _reason(self, document):
        rules = self._rules
        length = len(words(document))
        if length < rules.min_words:
            return "short"
        if rules.max_words is not None and length > rules.max_words:
            return "long"
        if rules.language is not None and language_of(document) != rules.language:
            return "other_language"
        return None


class SignBands(beam.DoFn):
    """Yields each band of a document's signature, with key and signature of the document."""

    def __init__(self, threshold: float):
        self._threshold = threshold

    def setup(self):
        self._signatures = Signatures(self._threshold)

    def process(self, keyed):
        key, document = keyed
        signature = self._signatures(document)
        for band in self._signatures.bands(signature):
            yield band, (key, signature)


def language_of(document: str) -> str:
    """Returns the code of the language that a document is most likely in.

    Raises:
        ImportError: if `py3langid` is not installed.
    """
    return require("py3langid", "beam").classify(document[:_TELLING])[0]


def prepare_documents(
    input_pattern: str,
    output_prefix: str,
    rules: DocumentRules | None = None,
    *,
    text_column: str = TEXT_COLUMN,
    text_layout: str | None = None,
    num_shards: int = 1,
    arguments: Sequence[str] = (),
) -> dict[str, int]:
    """Writes the documents of text and JSONL files that rules keep, each once, as TFRecords.

    The output is `<prefix>-00000-of-0000N.tfrecord`, of `tf.train.Example` with the feature `text`,
    as the authors' pre-training reads it, and `pretraining_dataset` does; bad rows are in
    `<prefix>-rejected-00000-of-0000N.jsonl`. Of documents that are equal or nearly so, one is kept,
    which depends on their texts only. Output files appear under their final names only when the
    pipeline has finished: a killed run leaves none, and repeating it writes the same documents.

    Each file is read by one worker: divide large ones.

    Args:
        input_pattern: path with wildcards, local or with the scheme of a file system that Beam
            supports, such as `gs://`; `.txt`, `.jsonl` or `.json`, also compressed.
        output_prefix: path, local or with a scheme, as above.
        rules: `DocumentRules`.
        text_column: str, the field of JSONL files.
        text_layout: what a document is in text files, see `TextFile`.
        num_shards: int, number of output files.
        arguments: Beam's own arguments, such as `["--runner", "FlinkRunner"]`.

    Returns:
        dict with the `COUNTS`.

    Raises:
        FileNotFoundError: if no file matches.
        FileExistsError: if files of a run with a different `num_shards` exist.
        ValueError: if an argument is out of range or has no effect, or a file has an unknown
            suffix.
        ImportError: if a library that the rules need is not installed.
        RuntimeError: if the pipeline fails.
    """
    rules = rules or DocumentRules()
    input_pattern, output_prefix = from_root(input_pattern), from_root(output_prefix)
    check_shards(output_prefix, SUFFIX, num_shards)
    check_shards(output_prefix + REJECTED, REJECTED_SUFFIX, num_shards)
    _check_files(matching_files(input_pattern), text_layout)
    _check_libraries(rules)
    pipeline = beam.Pipeline(options=PipelineOptions(list(arguments)))
    documents, rejected = (
        pipeline
        | "find" >> fileio.MatchFiles(input_pattern)
        | "spread" >> beam.Reshuffle()
        | "open" >> fileio.ReadMatches()
        | "read"
        >> beam.ParDo(ReadDocuments(text_column, text_layout or BLOCKS)).with_outputs(
            "rejected", main="documents"
        )
    )
    kept = (
        documents
        | "rules" >> beam.ParDo(FollowRules(rules))
        | "key" >> beam.Map(_keyed)
        | "group equal ones" >> beam.GroupByKey()
        | "keep one" >> beam.Map(_first)
    )
    if rules.near_duplicates is not None:
        kept = _without_near_duplicates(kept, rules.near_duplicates)
    _ = (
        kept
        | "to examples" >> beam.Map(_example)
        | "write"
        >> beam.io.WriteToTFRecord(output_prefix, file_name_suffix=SUFFIX, num_shards=num_shards)
    )
    _ = (
        rejected
        | "to JSON" >> beam.Map(as_json_line)
        | "write rejected"
        >> beam.io.WriteToText(output_prefix + REJECTED, REJECTED_SUFFIX, num_shards=num_shards)
    )
    result = pipeline.run()
    result.wait_until_finish()
    return counts(result, COUNTS)


def _without_near_duplicates(keyed, threshold):
    duplicates = (
        keyed
        | "sign" >> beam.ParDo(SignBands(threshold))
        | "group bands" >> beam.GroupByKey()
        | "find later ones" >> beam.FlatMap(lambda bucket: later_duplicates(bucket[1], threshold))
        | "mark" >> beam.Map(lambda key: (key, True))
    )
    return (
        {"documents": keyed, "duplicates": duplicates}
        | "join" >> beam.CoGroupByKey()
        | "drop" >> beam.FlatMap(_unless_marked)
    )


def _check_files(paths, text_layout):
    for path in paths:
        if format_suffix(path) not in _SUFFIXES:
            raise ValueError(f"{path!r} must have a suffix of {', '.join(_SUFFIXES)}")
    if text_layout is not None:
        check_layout(text_layout)
        if not any(format_suffix(path) == _TEXT_SUFFIX for path in paths):
            raise ValueError(f"text_layout={text_layout!r} has an effect on .txt files only")


def _check_libraries(rules):
    """Fails before any worker starts, as far as this machine can tell."""
    if rules.language is not None:
        known = {language for language, _ in require("py3langid", "beam").rank("")}
        if rules.language not in known:
            raise ValueError(
                f"language={rules.language!r} must be one of {', '.join(sorted(known))}"
            )
    if rules.near_duplicates is not None:
        Signatures(rules.near_duplicates)


def _keyed(document):
    return hashlib.sha256(document.encode("utf-8")).digest()[:16], document


def _first(grouped: tuple[bytes, Iterable[str]]) -> tuple[bytes, str]:
    key, documents = grouped
    first, *others = documents
    counter("duplicates").inc(len(others))
    return key, first


def _unless_marked(joined):
    key, found = joined
    if any(found["duplicates"]):
        counter("near_duplicates").inc()
        return
    for document in found["documents"]:
        yield key, document


def _example(keyed: tuple[bytes, str]) -> bytes:
    counter("written").inc()
    value = tf.train.BytesList(value=[keyed[1].encode("utf-8")])
    features: dict[str, Any] = {TEXT_COLUMN: tf.train.Feature(bytes_list=value)}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
