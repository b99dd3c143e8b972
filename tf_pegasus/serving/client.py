"""Client of TF Serving: sends any number of texts in batches and returns their summaries."""

import itertools
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from tf_pegasus.serving.transports import (
    EXTRA,
    GrpcTransport,
    RestTransport,
    ServingError,
    UnavailableError,
)
from tf_pegasus.utils.extras import require

# Default size limit of a text.
MAX_SENT_BYTES = 10_000_000
# Options that a request to an adjustable export may set.
ADJUSTABLE = {"num_beams": np.int32, "max_length": np.int32, "length_penalty": np.float32}


class ServedSummary(NamedTuple):
    """A summary returned by a server.

    Fields:
        text: str.
        score: float, length-normalized log-probability.
        truncated: bool, whether the end of the document was cut off.
    """

    text: str
    score: float
    truncated: bool


class Client:
    """Talks to a model that `export_saved_model` wrote and TF Serving serves.

    Args:
        address: str, `"host:port"` for gRPC (TF Serving's default port is 8500), or
            `"http://host:port"` or `"https://…"` for REST (8501).
        model: str, the model's name on the server.
        version: int, or None for the latest version.
        timeout: float, seconds that each request may take, including its retries.
        retries: int, how often a request is sent again while the server is unavailable; no other
            error is retried. Waits grow exponentially, with random jitter.
        batch_size: int, texts per request; ideally the export's largest batch bucket.
        concurrency: int, number of requests in flight at a time.
        max_text_bytes: int, size limit of a text; longer ones raise an error.
        credentials: `grpc.ChannelCredentials`, for gRPC over TLS.
        headers: dict of str, sent with each request, for example for authorization. Their values
            never appear in messages or logs.
        follow_redirects: bool, for REST: whether to follow redirects to other paths of the same
            scheme, host and port. No request ever goes to another origin, or through a proxy of
            the environment.

    Raises:
        ValueError: if an argument is out of range, the address is invalid, or a header cannot be
            sent.
        ImportError: if the extra `serving` is not installed.
    """

    def __init__(
        self,
        address="localhost:8500",
        model="tf_pegasus",
        version=None,
        timeout=60.0,
        retries=5,
        batch_size=16,
        concurrency=4,
        max_text_bytes=MAX_SENT_BYTES,
        credentials=None,
        headers=None,
        follow_redirects=False,
    ):
        for name, value, least in (
            ("retries", retries, 0),
            ("batch_size", batch_size, 1),
            ("concurrency", concurrency, 1),
            ("max_text_bytes", max_text_bytes, 1),
        ):
            if not isinstance(value, int) or value < least:
                raise ValueError(f"{name}={value!r} must be an int of at least {least}")
        if not 0 < timeout < float("inf"):
            raise ValueError(f"timeout={timeout!r} must be greater than 0 and finite")
        self._tenacity = require("tenacity", EXTRA)
        self._timeout = timeout
        self._retries = retries
        self._batch_size = batch_size
        self._max_text_bytes = max_text_bytes
        if re.match("https?:", address, re.IGNORECASE):
            if credentials is not None:
                raise ValueError("credentials are for gRPC; for REST use an https address")
            self._transport = RestTransport(address, model, version, headers, follow_redirects)
        else:
            if follow_redirects:
                raise ValueError("follow_redirects is for REST: gRPC has no redirects")
            self._transport = GrpcTransport(address, model, version, credentials, headers)
        self._pool = ThreadPoolExecutor(concurrency, "tf_pegasus_client")

    def close(self):
        """Closes the connections."""
        self._pool.shutdown(cancel_futures=True)
        self._transport.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def summarize(self, texts, signature="serving_default", **options):
        """Summarizes texts and returns the summaries in the same order.

        Args:
            texts: list of str.
            signature: `"serving_default"`, or `"serving_default_xla"` of an export with both
                engines.
            **options: `num_beams`, `max_length`, `length_penalty`, for an adjustable export.

        Returns:
            list of `ServedSummary`.

        Raises:
            TypeError, ValueError: if a text is not a str or too long, or the server rejects the
                request.
            ConnectionError: if the server is unavailable after all retries.
            TimeoutError: if the deadline is exceeded.
            tf_pegasus.serving.ServingError: if the server fails, or its answer is invalid.
        """
        if len(texts) == 0:
            return []
        outputs = self.predict(signature, {"text": texts}, **options)
        kinds = {"summary": "O", "score": "if", "truncated": "b"}
        parts = (_of(outputs, name, signature, kind, 1) for name, kind in kinds.items())
        return list(itertools.starmap(_summary, zip(*parts, strict=True)))

    def summarize_n(self, texts, signature="summarize_n", **options):
        """Returns the n best summaries of each text, lists of `ServedSummary` with the best first.

        Takes the arguments of `summarize`, and raises the same errors.
        """
        if len(texts) == 0:
            return []
        outputs = self.predict(signature, {"text": texts}, **options)
        summaries = _of(outputs, "summaries", signature, "O", 2)
        scores = _of(outputs, "scores", signature, "if", 2)
        truncated = _of(outputs, "truncated", signature, "b", 1)
        if summaries.shape != scores.shape:
            raise ServingError(
                f"{signature}: summaries have the shape {summaries.shape}, scores {scores.shape}"
            )
        return [
            [_summary(text, score, is_cut) for text, score in zip(*best, strict=True)]
            for *best, is_cut in zip(summaries, scores, truncated, strict=True)
        ]

    def score(self, documents, summaries):
        """Returns the log-probability of each summary given its document, as float32 `(n,)`.

        Raises the errors of `summarize`.
        """
        outputs = self.predict("score", {"document": documents, "summary": summaries})
        return _of(outputs, "log_probability", "score", "if", 1).astype(np.float32)

    def encode(self, texts):
        """Returns the mean encoder state of each text, as float32 `(n, d_model)`.

        Raises the errors of `summarize`.
        """
        outputs = self.predict("encode", {"text": texts})
        return _of(outputs, "states", "encode", "if", 2).astype(np.float32)

    def states(self):
        """Returns a dict from the model's versions to their states, such as `"AVAILABLE"`.

        Raises the errors of `summarize`.
        """
        return self._retried(self._transport.states)

    def predict(self, signature, inputs, **options):
        """Calls a signature with any number of rows, in requests of at most `batch_size` rows.

        Args:
            signature: str.
            inputs: dict from name to a list ofstr or an int array, whose rows are split
                likewise; all have the same number of rows.
            **options: see `summarize`.

        Returns:
            dict from name to numpy array, with the rows in order; strings are bytes.

        Raises:
            See `summarize`.
        """
        unknown = sorted(set(options) - set(ADJUSTABLE))
        if unknown:
            raise TypeError(f"unknown option {unknown[0]!r}, expected {', '.join(ADJUSTABLE)}")
        scalars = {n: np.asarray(v, ADJUSTABLE[n]) for n, v in options.items() if v is not None}
        arrays = {name: self._array(name, value) for name, value in inputs.items()}
        sizes = {name: len(array) for name, array in arrays.items()}
        if len(set(sizes.values())) != 1:
            raise ValueError(f"inputs have different numbers of rows: {sizes}")
        rows = next(iter(sizes.values()))
        if rows == 0:
            raise ValueError(f"{signature}: there are no rows to send")
        starts = range(0, rows, self._batch_size)
        requests = [
            {name: array[start : start + self._batch_size] for name, array in arrays.items()}
            for start in starts
        ]
        answers = list(
            self._pool.map(
                lambda request: self._answer(signature, {**request, **scalars}),
                requests,
            )
        )
        return _joined(answers, signature)

    def _array(self, name, value):
        """Returns rows as an array, with texts checked and encoded as bytes."""
        if isinstance(value, (str, bytes)):
            raise TypeError(f"{name} must be a list of str, got {type(value).__name__}")
        if isinstance(value, np.ndarray) and value.dtype.kind in "iu":
            return value.astype(np.int32)
        texts = np.empty(len(value), object)
        for row, text in enumerate(value):
            if not isinstance(text, str):
                raise TypeError(f"{name}[{row}] must be a str, got {type(text).__name__}")
            # Lone surrogates, which UTF-8 cannot encode, become question marks.
            texts[row] = text.encode("utf-8", "replace")
            if len(texts[row]) > self._max_text_bytes:
                raise ValueError(
                    f"{name}[{row}] has {len(texts[row])} bytes, more than "
                    f"max_text_bytes={self._max_text_bytes}"
                )
        return texts

    def _answer(self, signature, inputs):
        """Sends one request and returns its outputs, with as many rows as the request."""
        rows = max(len(value) for value in inputs.values() if value.ndim)
        outputs = self._retried(lambda timeout: self._transport.predict(signature, inputs, timeout))
        for name, value in outputs.items():
            if value.ndim == 0 or len(value) != rows:
                raise ServingError(
                    f"{signature}: {name} has the shape {value.shape} for {rows} rows: the answer "
                    "is incomplete"
                )
        return outputs

    def _retried(self, call):
        """Calls `call` with the seconds left, and retries while the server is unavailable."""
        tenacity, deadline = self._tenacity, time.monotonic() + self._timeout
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(UnavailableError),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=5),
            stop=tenacity.stop_after_attempt(self._retries + 1)
            | tenacity.stop_before_delay(self._timeout),
            reraise=True,
        )
        return attempts(lambda: call(max(deadline - time.monotonic(), 1e-3)))


def _joined(answers, signature):
    """The outputs of all requests in one.

    Raises:
        ServingError: they are not alike.
    """
    joined = {}
    for name in answers[0]:
        arrays = [answer.get(name) for answer in answers]
        # Of JSON, a number without a point is an integer.
        kinds = {
            None if a is None else "number" if a.dtype.kind in "if" else a.dtype for a in arrays
        }
        if len(kinds) > 1 or len({a.shape[1:] for a in arrays}) > 1:
            raise ServingError(f"{signature}: answers do not fit together: {name} differs")
        joined[name] = np.concatenate(arrays)
    return joined


def _of(outputs, name, signature, kinds, rank):
    """An output that must be there, of one of some kinds of dtype."""
    if name not in outputs:
        raise ServingError(f"{signature}: the answer has no {name}, only {sorted(outputs)}")
    value = outputs[name]
    if value.ndim != rank or value.dtype.kind not in kinds:
        raise ServingError(
            f"{signature}: {name} is {value.dtype} of the shape {value.shape}, which makes no sense"
        )
    return value


def _summary(text, score, truncated):
    return ServedSummary(text.decode("utf-8", "replace"), float(score), bool(truncated))
