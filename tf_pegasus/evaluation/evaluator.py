"""Evaluates a model, or summaries that were made already, on documents with reference summaries."""

import collections
import contextlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tf_pegasus.data.readers import read_records
from tf_pegasus.evaluation.baselines import BASELINES
from tf_pegasus.evaluation.bleu import load_metrics
from tf_pegasus.evaluation.rouge import RougeScorer
from tf_pegasus.evaluation.system_scores import SystemScores
from tf_pegasus.utils.backend import load_backend
from tf_pegasus.utils.files import StrPath, new_directory_atomically, write_json_atomically

PREDICTIONS_FILE = "predictions.jsonl"
METRICS_FILE = "metrics.json"
REPORT_FILE = "report.html"
PATH = (str, os.PathLike)
REFERENCE, MODEL, PREDICTIONS = "reference", "model", "predictions"


@dataclass(frozen=True)
class _Prediction:
    text: str
    is_truncated: bool = False
    error: str | None = None


def evaluate(
    records: StrPath | Iterable[dict[str, Any]],
    model: Any = None,
    predictions: StrPath | Iterable[str] | None = None,
    *,
    output_dir: StrPath | None = None,
    document_column: str = "document",
    summary_column: str = "summary",
    max_samples: int | None = None,
    baselines: Sequence[str] = tuple(BASELINES),
    tokenizer: str = "unicode",
    stemmer: bool = True,
    split_sentences: bool = True,
    bleu_tokenizer: str = "13a",
    bootstrap_samples: int = 1000,
    seed: int = 0,
    **options: Any,
) -> dict[str, Any]:
    """Evaluates summaries: ROUGE, BLEU, chrF, abstractiveness, repetition and faithfulness.

    Documents are read one after the other; only scores and summaries are kept.

    Args:
        records: path of a JSONL or CSV file, or an iterable of dicts.
        model: the model to evaluate: a `Summarizer` or another object with its method `stream`, a
            model with a tokenizer, or a directory or name on the hub for
            `Summarizer.from_pretrained`.
        predictions: instead of a model, its summaries: an iterable of str, or the path of a file,
            see `read_predictions`.
        output_dir: path of a new directory for `predictions.jsonl`, `metrics.json` and
            `report.html`, which appears when all of them are complete; None writes nothing.
        document_column, summary_column: str, names of the fields of the records.
        max_samples: int, number of records to read; None reads all.
        baselines: names of baselines in `tf_pegasus.evaluation.baselines.BASELINES`.
        tokenizer, stemmer, split_sentences: how ROUGE compares texts, see `RougeScorer`.
        bleu_tokenizer: str, see `tf_pegasus.evaluation.bleu.load_metrics`; for languages without
            spaces `"char"`.
        bootstrap_samples: int, number of samples of the 95 % intervals.
        seed: int, seed of intervals and random baseline.
        **options: with a model, see `Summarizer.stream`, such as `batch_size` and `num_beams`.

    Returns:
        dict, as in `metrics.json`:

        - `documents`, `truncated_documents`, `failed_documents`: int; the model summarizes the
          beginning of the truncated ones, failed ones have an empty summary.
        - `settings`: dict.
        - `systems`: dict from `"reference"`, the baselines, and `"model"` or `"predictions"` to
          dict. `rouge1`, `rouge2`, `rougeL` and `rougeLsum` have `precision`, `recall` and
          `fmeasure`, each with `mean`, `low` and `high` in percent; `bleu` and `chrf` have
          `score` and `signature`; the others are means over the summaries, see
          `abstractiveness` and `unsupported`; `summaries_with_unsupported` is a percentage.

    Raises:
        ValueError: if an argument or a record is invalid, there are no records, or records and
            predictions differ in number.
        FileExistsError: if `output_dir` exists and is not an empty directory.
        ImportError: if the extra `evaluate` is not installed.
    """
    if (model is None) == (predictions is None):
        raise ValueError("give a model or predictions, and not both")
    if predictions is not None and options:
        raise ValueError(f"{', '.join(options)} only apply to a model, not to predictions")
    for name, value in (("max_samples", max_samples), ("bootstrap_samples", bootstrap_samples)):
        if value is not None and value < 1:
            raise ValueError(f"{name}={value!r} must be at least 1")
    unknown = [name for name in baselines if name not in BASELINES]
    if unknown:
        raise ValueError(f"baselines: {unknown[0]!r} must be one of {', '.join(BASELINES)}")
    load_metrics(bleu_tokenizer)
    scorer = RougeScorer(tokenizer, stemmer, split_sentences)
    settings = {
        "tokenizer": tokenizer,
        "stemmer": stemmer,
        "split_sentences": split_sentences,
        "bootstrap_samples": bootstrap_samples,
        "seed": seed,
    }
    system = PREDICTIONS if model is None else MODEL
    scores = {REFERENCE: SystemScores(), **{name: SystemScores(scorer) for name in baselines}}
    scores[system] = SystemScores(scorer)
    references: list[str] = []
    counts: collections.Counter[str] = collections.Counter()

    with _output(output_dir) as directory, contextlib.ExitStack() as stack:
        file = None
        if directory is not None:
            # A lone surrogate becomes its JSON escape.
            file = stack.enter_context(
                open(directory / PREDICTIONS_FILE, "w", encoding="utf-8", errors="backslashreplace")
            )
        rows = _records(records, document_column, summary_column)
        rows = _not_empty(itertools.islice(rows, max_samples), records)
        pairs = (
            _with_predictions(rows, predictions, max_samples)
            if predictions is not None
            else _with_model(rows, model, options)
        )
        for (document, reference), prediction in pairs:
            references.append(reference)
            counts["truncated"] += prediction.is_truncated
            counts["failed"] += prediction.error is not None
            scores[REFERENCE].add(document, reference, reference)
            for name in baselines:
                scores[name].add(document, BASELINES[name](document, reference, seed), reference)
            result = scores[system].add(document, prediction.text, reference)
            row = {
                "document": document,
                "summary": reference,
                "prediction": prediction.text,
                **result,
                **({} if prediction.error is None else {"error": prediction.error}),
            }
            if file is not None:
                file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
        metrics = {
            "documents": len(references),
            "truncated_documents": counts["truncated"],
            "failed_documents": counts["failed"],
            "settings": settings,
            "systems": {
                name: each.result(references, bleu_tokenizer, bootstrap_samples, seed)
                for name, each in scores.items()
            },
        }
        if directory is not None:
            write_json_atomically(directory / METRICS_FILE, metrics)
    return metrics


@contextlib.contextmanager
def _output(output_dir) -> Iterator[Path | None]:
    """Yields the directory that becomes `output_dir`, or None."""
    if output_dir is None:
        yield None
    else:
        with new_directory_atomically(output_dir) as directory:
            yield directory


def _records(records, document_column, summary_column) -> Iterator[tuple[str, str]]:
    """Yields the documents and reference summaries."""
    columns = (document_column, summary_column)
    if isinstance(records, PATH):
        rows: Iterable = read_records(Path(records), columns)
    else:
        rows = _checked(records, columns)
    for row in rows:
        yield row[document_column], row[summary_column]


def _checked(records, columns):
    for number, record in enumerate(records):
        for column in columns:
            value = record.get(column)
            if not isinstance(value, str) or not value.strip():
                raise ValueError(
                    f"records[{number}]: field {column!r} must be a non-empty string, got {value!r}"
                )
        yield record


def _not_empty(rows, source):
    first = next(rows, None)
    if first is None:
        place = f"{source}: " if isinstance(source, PATH) else ""
        raise ValueError(f"{place}there are no records")
    return itertools.chain([first], rows)


def _with_model(rows, model, options):
    if not hasattr(model, "stream"):
        model = _summarizer(model)
    waiting: collections.deque = collections.deque()

    def documents():
        for row in rows:
            waiting.append(row)
            yield row[0]

    for summary in model.stream(documents(), errors="keep", **options):
        yield (
            waiting.popleft(),
            _Prediction(summary.text, summary.tokens_dropped > 0, summary.error),
        )


def _summarizer(model):
    # Predictions are evaluated without TensorFlow.
    load_backend()
    from tf_pegasus.summarizer import Summarizer

    if isinstance(model, PATH):
        return Summarizer.from_pretrained(model)
    return Summarizer(model)


def _with_predictions(rows, predictions, max_samples):
    if isinstance(predictions, PATH):
        predictions = read_predictions(predictions)
    missing = object()
    texts = itertools.islice(predictions, max_samples)
    for number, (row, text) in enumerate(itertools.zip_longest(rows, texts, fillvalue=missing)):
        if row is missing or text is missing:
            few, many = (
                ("predictions", "records") if text is missing else ("records", "predictions")
            )
            raise ValueError(f"there are {number} {few}, but more {many}")
        if not isinstance(text, str):
            raise TypeError(f"predictions[{number}] must be a str, got {type(text).__name__}")
        yield row, _Prediction(text)


def read_predictions(path: StrPath) -> Iterator[str]:
    """Yields the summaries in a file, in its order; they may be empty.

    Args:
        path: path of a `.jsonl` or `.csv` file with the field `prediction`, such as the
            `predictions.jsonl` of `evaluate`, or of a `.txt` file with a summary in each line.

    Raises:
        ValueError: if the suffix is another one, or a record has no string `prediction`; the
            message names file and record.
    """
    if Path(path).suffix == ".txt":
        with open(path, encoding="utf-8", newline="\n") as file:
            for line in file:
                yield line.removesuffix("\n").removesuffix("\r")
        return
    for number, record in enumerate(read_records(Path(path), ()), 1):
        text = record.get("prediction")
        if not isinstance(text, str):
            raise ValueError(
                f"{str(path)!r}, record {number}: field 'prediction' must be a string, got {text!r}"
            )
        yield text
