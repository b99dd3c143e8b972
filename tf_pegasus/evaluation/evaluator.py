"""Evaluates a model, or summaries that were made already, on documents with reference summaries."""

import collections
import contextlib
import itertools
import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tf_pegasus.data.readers import read_records
from tf_pegasus.evaluation.baselines import BASELINES
from tf_pegasus.evaluation.bleu import load_metrics
from tf_pegasus.evaluation.records import read_pairs
from tf_pegasus.evaluation.report import Extremes, load_libraries, render_report
from tf_pegasus.evaluation.rouge import RougeScorer
from tf_pegasus.evaluation.system_scores import SystemScores
from tf_pegasus.utils.backend import load_backend
from tf_pegasus.utils.directories import new_directory_atomically
from tf_pegasus.utils.files import StrPath, write_json_atomically

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
    records: Any,
    model: Any = None,
    predictions: StrPath | Iterable[str] | None = None,
    *,
    output_dir: StrPath | None = None,
    document_column: str | None = None,
    summary_column: str | None = None,
    max_samples: int | None = None,
    baselines: Sequence[str] = tuple(BASELINES),
    tokenizer: str = "unicode",
    stemmer: bool = True,
    split_sentences: bool = True,
    bleu_tokenizer: str = "13a",
    bootstrap_samples: int = 1000,
    seed: int = 0,
    attention_example: int | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Evaluates summaries: ROUGE, BLEU, chrF, abstractiveness, repetition and faithfulness.

    Documents are read one after the other; only scores and summaries are kept.

    Args:
        records: files, or an iterable of dicts, see `tf_pegasus.data.readers.open_sources`.
        model: the model to evaluate: a `Summarizer` or another object with its method `stream`, a
            model with a tokenizer, or a directory or name on the hub for
            `Summarizer.from_pretrained`.
        predictions: instead of a model, its summaries: an iterable of str, or the path of a file,
            see `read_predictions`.
        output_dir: path of a new directory for `predictions.jsonl`, `metrics.json` and
            `report.html`, which appears when all of them are complete; None writes nothing.
        document_column, summary_column: str, see `tf_pegasus.data.rows.Rows`.
        max_samples: int, number of records to read; None reads all.
        baselines: names of baselines in `tf_pegasus.evaluation.baselines.BASELINES`.
        tokenizer, stemmer, split_sentences: how ROUGE compares texts, see `RougeScorer`.
        bleu_tokenizer: str, see `tf_pegasus.evaluation.bleu.load_metrics`; for languages without
            spaces `"char"`.
        bootstrap_samples: int, number of samples of the 95 % intervals.
        seed: int, seed of intervals and random baseline.
        attention_example: int, the record, from 0, whose cross-attention the report shows, with a
            `Summarizer` and `output_dir`; by default the first.
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
    if attention_example is not None and (model is None or output_dir is None):
        raise ValueError("attention_example requires a model and output_dir")
    _check_numbers(max_samples, bootstrap_samples, attention_example)
    unknown = [name for name in baselines if name not in BASELINES]
    if unknown:
        raise ValueError(f"baselines: {unknown[0]!r} must be one of {', '.join(BASELINES)}")
    load_metrics(bleu_tokenizer)
    if output_dir is not None:
        load_libraries()
    scorer = RougeScorer(tokenizer, stemmer, split_sentences)
    system = PREDICTIONS if model is None else MODEL
    scores = {REFERENCE: SystemScores(), **{name: SystemScores(scorer) for name in baselines}}
    scores[system] = SystemScores(scorer)

    with _output(output_dir) as directory:
        rows = read_pairs(records, document_column, summary_column)
        # The first one, before a model is loaded.
        rows = itertools.islice(itertools.chain([next(rows)], rows), max_samples)
        if model is not None:
            model = _summarizer(model)
            pairs = _with_model(rows, model, options)
        else:
            pairs = _with_predictions(rows, predictions, max_samples)
        collected = _Collected(attention_example or 0)
        with _lines_of(directory) as write:
            for document, reference, prediction in pairs:
                scores[REFERENCE].add(document, reference, reference)
                for name in baselines:
                    text = BASELINES[name](document, reference, seed)
                    scores[name].add(document, text, reference)
                row = {
                    "document": document,
                    "summary": reference,
                    "prediction": prediction.text,
                    **scores[system].add(document, prediction.text, reference),
                    **({} if prediction.error is None else {"error": prediction.error}),
                }
                collected.add(row, prediction)
                write(row)
        metrics = {
            "documents": len(collected.references),
            "truncated_documents": collected.truncated,
            "failed_documents": collected.failed,
            "settings": {
                "tokenizer": tokenizer,
                "stemmer": stemmer,
                "split_sentences": split_sentences,
                "bootstrap_samples": bootstrap_samples,
                "seed": seed,
            },
            "systems": {
                name: each.result(collected.references, bleu_tokenizer, bootstrap_samples, seed)
                for name, each in scores.items()
            },
        }
        if directory is not None:
            attention = _attention(model, collected.chosen, attention_example)
            report = render_report(metrics, scores, collected.extremes, attention)
            (directory / REPORT_FILE).write_text(report, encoding="utf-8", errors="replace")
            write_json_atomically(directory / METRICS_FILE, metrics)
    return metrics


class _Collected:
    """What is kept of the records."""

    def __init__(self, chosen):
        self._chosen = chosen
        self.chosen: dict | None = None
        self.references: list[str] = []
        self.truncated = 0
        self.failed = 0
        self.extremes = Extremes()

    def add(self, row, prediction):
        if len(self.references) == self._chosen:
            self.chosen = row
        self.references.append(row["summary"])
        self.truncated += prediction.is_truncated
        self.failed += prediction.error is not None
        self.extremes.add(row)


def _check_numbers(max_samples, bootstrap_samples, attention_example):
    for name, value, least in (
        ("max_samples", max_samples, 1),
        ("bootstrap_samples", bootstrap_samples, 1),
        ("attention_example", attention_example, 0),
    ):
        if value is not None and value < least:
            raise ValueError(f"{name}={value!r} must be at least {least}")
    if None not in (max_samples, attention_example) and attention_example >= max_samples:
        raise ValueError(
            f"attention_example={attention_example} must be below max_samples={max_samples}"
        )


def _attention(model, row, number):
    """Returns the `CrossAttention` of a row, or None if there is none to show."""
    if row is None:
        warnings.warn(
            f"attention_example={number}: there are not so many records, so the report shows no "
            "cross-attention",
            stacklevel=3,
        )
        return None
    if not hasattr(model, "model") or not row["prediction"].strip():
        return None
    from tf_pegasus.evaluation.attention import cross_attention

    return cross_attention(model, row["document"], row["prediction"])


@contextlib.contextmanager
def _lines_of(directory) -> Iterator[Callable[[dict], object]]:
    """Yields a function that writes a dict as a line of the file of predictions, if any."""
    if directory is None:
        yield lambda row: None
        return
    # A lone surrogate becomes its JSON escape.
    path = directory / PREDICTIONS_FILE
    with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
        yield lambda row: file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")


@contextlib.contextmanager
def _output(output_dir) -> Iterator[Path | None]:
    """Yields the directory that becomes `output_dir`, or None."""
    if output_dir is None:
        yield None
    else:
        with new_directory_atomically(output_dir) as directory:
            yield directory


def _summarizer(model):
    if hasattr(model, "stream"):
        return model
    # Predictions are evaluated without TensorFlow.
    load_backend()
    from tf_pegasus.summarizer import Summarizer

    return Summarizer.from_pretrained(model) if isinstance(model, PATH) else Summarizer(model)


def _with_model(rows, model, options):
    waiting: collections.deque = collections.deque()

    def documents():
        for row in rows:
            waiting.append(row)
            yield row[0]

    for summary in model.stream(documents(), errors="keep", **options):
        prediction = _Prediction(summary.text, summary.tokens_dropped > 0, summary.error)
        yield *waiting.popleft(), prediction


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
        yield *row, _Prediction(text)


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
