"""Reads documents from files or standard input, and prints their summaries."""

import collections
import contextlib
import itertools
import json
import math
import sys
from dataclasses import asdict, dataclass

from tf_pegasus.cli import messages
from tf_pegasus.data.jsonl import json_object
from tf_pegasus.evaluation.faithfulness import mark, unsupported

STANDARD_INPUT = "-"
EPILOG = (
    "Summaries are printed in the order of the documents, as soon as they are ready. A document "
    "that cannot be summarized gets a line on standard error and an empty line in the output (with "
    "--jsonl an object with the error and a null score). "
    "Exit codes: 0 all documents have a summary; 1 some have none, or something else failed; 2 "
    "usage error; 130 interrupted."
)


@dataclass
class Document:
    """A document that was read, or the error of one that could not be.

    Attributes:
        source: str, its file, and its line in the file if that has several documents.
        record: dict with `document`, and the other fields of its JSON object.
        error: str, the reason why it cannot be summarized, or None.
    """

    source: str
    record: dict
    error: str | None = None

    @property
    def text(self):
        """str, "" if there is an error."""
        return self.record["document"] if self.error is None else ""


def add_documents(parser):
    """Adds the arguments for documents and for the treatment of invalid ones."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help=f"text file, one document per file; {STANDARD_INPUT} is standard input",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--lines", action="store_true", help="each line is a document")
    form.add_argument(
        "--jsonl",
        action="store_true",
        help="each line is a JSON object with a document; prints it with summary and score added",
    )
    parser.add_argument(
        "--skip-errors",
        action="store_true",
        help="omit documents that cannot be summarized from the output",
    )


def read_documents(arguments):
    """Yields each `Document` of all files, lazily."""
    for file in arguments.files:
        name = "standard input" if file == STANDARD_INPUT else file
        try:
            with _opened(file) as content:
                if arguments.lines:
                    yield from _documents_in_lines(content, name)
                elif arguments.jsonl:
                    yield from _documents_in_jsonl(content, name)
                else:
                    yield _document(name, _decoded(content.read()))
        except OSError as error:
            yield Document(name, {}, error.strerror or str(error))
        except ValueError as error:
            yield Document(name, {}, str(error))


@contextlib.contextmanager
def _opened(file):
    """Opens a file, or returns standard input, as bytes."""
    if file != STANDARD_INPUT:
        with open(file, "rb") as content:
            yield content
    elif sys.stdin is None:
        raise ValueError("is closed")
    else:
        yield sys.stdin.buffer


def _documents_in_lines(content, name):
    for source, line in _lines(content, name):
        try:
            yield _document(source, _decoded(line))
        except ValueError as error:
            yield Document(source, {}, str(error))


def _documents_in_jsonl(content, name):
    for source, line in _lines(content, name):
        if not line.strip():
            continue
        try:
            record = json_object(_decoded(line), source)
            _check_numbers(record)
        except ValueError as error:
            yield Document(source, {}, str(error).removeprefix(f"{source}: "))
            continue
        if isinstance(record.get("document"), str):
            yield _document(source, record["document"], record)
        else:
            yield Document(source, record, "must be a JSON object with a string 'document'")


def _lines(content, name):
    # Only \n ends a line, because a document may contain other separators, such as U+2028.
    for number, line in enumerate(content, 1):
        yield f"{name}, line {number}", line.removesuffix(b"\n")


def _decoded(content):
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text (byte {error.start})") from error


def _check_numbers(record):
    """Raises ValueError for numbers that Python's JSON accepts beyond the standard."""
    try:
        json.dumps(record, allow_nan=False)
    except ValueError as error:
        raise ValueError("contains NaN or Infinity, which is not valid JSON") from error


def _document(source, text, record=None):
    record = {"document": text} if record is None else record
    error = None
    if not text.strip():
        error = "the text is empty"
    elif any("\ud800" <= character <= "\udfff" for character in text):
        error = "the text contains a lone surrogate, which is not a character"
    return Document(source, record, error)


class Summaries:
    """Prints a summary for each document, and counts errors and truncated documents.

    Args:
        arguments: parsed arguments, see `add_documents`.
        check: bool, whether to mark numbers and names that the documents do not contain.
    """

    def __init__(self, arguments, check=False):
        self._check = check
        self._unsupported = 0
        self._is_jsonl = arguments.jsonl
        self._skips_errors = arguments.skip_errors
        self._failures = 0
        self._truncated = 0
        self._first_truncated = None

    def print_all(self, documents, summarize):
        """Summarizes and prints documents.

        Nothing is loaded if no document can be summarized.

        Args:
            documents: iterator of `Document`.
            summarize: function of an iterator of texts ("" for a document with an error) that
                returns an iterator of as many objects with `text` and `score`; it may read any
                number of texts ahead.

        Yields:
            `(Document, summary)`, each after it has been printed.

        Raises:
            ValueError: if there is no document.
        """
        head = []
        for document in documents:
            head.append(document)
            if document.error is None:
                break
        else:
            if not head:
                raise ValueError("there is no document to summarize")
            for document in head:
                self._print_failure(document, document.error)
            return
        waiting = collections.deque()

        def texts():
            for document in itertools.chain(head, documents):
                waiting.append(document)
                yield document.text

        for summary in summarize(texts()):
            document = waiting.popleft()
            error = document.error or getattr(summary, "error", None)
            if error is not None:
                self._print_failure(document, error)
                continue
            found = self._unsupported_in(summary.text, document) if self._check else None
            self._print(document, summary.text, summary.score, found)
            yield document, summary

    def note_truncated(self, document, reason):
        """Records that the end of a document was not read."""
        self._truncated += 1
        if self._first_truncated is None:
            self._first_truncated = f"{document.source}: {reason}"

    def finish(self):
        """Warns once about truncated documents; returns the exit code."""
        if self._truncated > 1:
            messages.warn(
                f"{self._truncated} documents were too long and were truncated; the first "
                f"is {self._first_truncated}"
            )
        elif self._truncated:
            messages.warn(self._first_truncated)
        if self._unsupported:
            messages.warn(
                "summaries with numbers or names that their document does not contain: "
                f"{self._unsupported}"
            )
        return 1 if self._failures else 0

    def _unsupported_in(self, text, document):
        found = unsupported(document.text, text)
        self._unsupported += bool(found)
        return found

    def _print(self, document, text, score, found=None, **more):
        if self._is_jsonl:
            if found is not None:
                more["unsupported"] = [asdict(each) for each in found]
            score = round(score, 6) if score is not None and math.isfinite(score) else None
            line = {**document.record, "summary": text, "score": score, **more}
            text = json.dumps(line, ensure_ascii=False, allow_nan=False)
        elif found:
            text = mark(text, found)
        # Escapes lone surrogates in a record, which UTF-8 cannot encode.
        text = text.replace("\n", " ").encode("utf-8", "backslashreplace").decode("utf-8")
        print(text, flush=True)

    def _print_failure(self, document, error):
        self._failures += 1
        messages.error(f"{document.source}: {error}")
        if not self._skips_errors:
            self._print(document, "", None, **({"error": error} if self._is_jsonl else {}))
