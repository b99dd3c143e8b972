"""Summarizes texts: tokenizes, batches by length, generates and detokenizes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tf_pegasus.summarization.batching import batches_by_length, windows

ERRORS = ("raise", "keep")
# Number of batches that are sorted by length together, if texts come as a stream.
WINDOW = 32


@dataclass(frozen=True)
class Summary:
    """A summary, or the error of a document.

    Attributes:
        text: str; "" if there is an error.
        score: float, length-normalized log-probability.
        tokens_dropped: int, number of the document's tokens cut off at the model's limit.
        error: str, the reason why the document has no summary, or None.
    """

    text: str
    score: float
    tokens_dropped: int
    error: str | None = None


def max_source_length(model, tokenizer) -> int:
    """Returns the longest source, in tokens including eos, that the model accepts."""
    longest = model.config.max_position_embeddings
    return min(longest, tokenizer.model_max_length or longest)


def summarize_texts(
    model,
    tokenizer,
    texts: Iterable[str],
    batch_size: int = 8,
    engine: str = "auto",
    progress: Callable[[int], object] | None = None,
    errors: str = "raise",
    window: int | None = WINDOW,
    **options,
) -> Iterator[Summary]:
    """Summarizes texts lazily, in order; texts of similar lengths are batched together.

    Args:
        model: a model with `generate` and `config`.
        tokenizer: `PegasusTokenizer`.
        texts: iterable of str.
        batch_size: int, number of texts generated at a time.
        engine: see `generate`.
        progress: function that is called with the number of texts of each finished batch, or
            None.
        errors: `"raise"`, or `"keep"`: a text that is blank, not a str or not valid Unicode gets a
            `Summary` with an `error`, and the other texts are summarized. Texts that normalize to
            nothing, such as a zero-width space, are blank.
        window: int, number of batches that are read ahead and sorted by length together; None
            reads all texts.
        **options: see `generate`, such as `num_beams`.

    Returns:
        Iterator of `Summary`, one per text.

    Raises:
        ValueError: if an option is out of range; from the iterator: if a text is blank.
        TypeError: if `texts` is a str, or an option is unknown; from the iterator: if a text is
            not a str.
    """
    if isinstance(texts, (str, bytes)):
        raise TypeError(f"texts must be a list of str, got one {type(texts).__name__}: pass [text]")
    if errors not in ERRORS:
        raise ValueError(f"errors={errors!r} must be one of {', '.join(ERRORS)}")
    for name, value in (("batch_size", batch_size), ("window", 1 if window is None else window)):
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name}={value!r} must be an int of at least 1")
    if window is None:
        texts = list(texts)
        window = max(1, -(-len(texts) // batch_size))
    options = {
        **options,
        "engine": engine,
        "num_return_sequences": 1,
        "return_dict_in_generate": True,
    }
    return _stream(model, tokenizer, texts, batch_size, window, progress, errors, options)


def _stream(model, tokenizer, texts, batch_size, window, progress, errors, options):
    read = 0
    for ahead in windows(texts, batch_size * window):
        problems = {i: _problem(text, read + i) for i, text in enumerate(ahead)}
        good = [i for i, problem in problems.items() if problem is None]
        rows = dict(zip(good, tokenizer.encode_batch([ahead[i] for i in good]), strict=True))
        # Eos alone is nothing to read.
        for i in [i for i, row in rows.items() if len(row) < 2]:
            del rows[i]
            problems[i] = ValueError(
                f"texts[{read + i}] has no character that is text, there is nothing to summarize"
            )
        bad = [problem for problem in problems.values() if problem is not None]
        if bad and errors == "raise":
            raise bad[0]
        summaries = [Summary("", 0.0, 0, str(problem)) for problem in problems.values()]
        lengths = {i: len(row) for i, row in rows.items()}
        for batch in batches_by_length(lengths, batch_size):
            results = _generate(model, tokenizer, [rows[i] for i in batch], options)
            for i, summary in zip(batch, results, strict=True):
                summaries[i] = summary
            if progress is not None:
                progress(len(batch))
        yield from summaries
        read += len(ahead)


def _generate(model, tokenizer, rows, options):
    """Returns the summaries of lists of ids that are generated as one batch."""
    limit = max_source_length(model, tokenizer)
    encoding = tokenizer.pad(
        {"input_ids": [tokenizer.truncate(row, limit) for row in rows]},
        # Positions count from the start of a row.
        padding_side="right",
        return_tensors="np",
    )
    output = model.generate(**encoding, **options)
    texts = tokenizer.batch_decode(output.sequences.numpy(), skip_special_tokens=True)
    scores = output.sequences_scores.numpy().tolist()
    return [
        Summary(text, score, max(0, len(row) - limit))
        for text, score, row in zip(texts, scores, rows, strict=True)
    ]


def _problem(text, number):
    """Returns the error of a text that cannot be summarized, or None."""
    if not isinstance(text, str):
        return TypeError(f"texts[{number}] must be a str, got {type(text).__name__}")
    if not text.strip():
        return ValueError(f"texts[{number}] is blank, there is nothing to summarize")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return ValueError(
            f"texts[{number}] is not valid Unicode: the character {error.start} is half of a "
            f"surrogate pair, {text[error.start]!r}"
        )
    return None
