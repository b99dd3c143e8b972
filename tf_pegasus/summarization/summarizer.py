"""From texts to summaries in Python: tokenize, batch by length, generate, detokenize."""

import itertools
from dataclasses import dataclass

from tf_pegasus.models.conditional_generation import TFPegasusForConditionalGeneration
from tf_pegasus.tokenizers.tokenizer_files import VOCAB_FILE


@dataclass(frozen=True)
class Summary:
    """A summary.

    Attributes:
        text: str; "" where there was an error.
        score: float, length-normalized log-probability.
        tokens_dropped: int, tokens of the document beyond the model's limit, not read.
        error: str, what is wrong with the document; None where nothing is.
    """

    text: str
    score: float
    tokens_dropped: int
    error: str | None = None


# How many batches are sorted by length together, where texts come as a stream.
_WINDOW = 32


class Summarizer:
    """A model and its tokenizer.

    Args:
        model: `TFPegasusForConditionalGeneration`.
        tokenizer: `PegasusTokenizer`.
    """

    def __init__(self, model, tokenizer):
        if len(tokenizer) > model.config.vocab_size:
            raise ValueError(
                f"the tokenizer has {len(tokenizer)} ids, more than the model's "
                f"vocab_size={model.config.vocab_size}: they do not belong together"
            )
        self.model = model
        self.tokenizer = tokenizer

    @classmethod
    def from_pretrained(cls, path, revision=None):
        """Reads a directory, or a repository of the hub, with configuration, weights and
        vocabulary.

        Args:
            path: the directory, or `"owner/name"`.
            revision: str, a commit, tag or branch of the repository.

        Raises:
            FileNotFoundError: the directory or one of its files is missing.
            ValueError: a file is damaged, or the files do not fit together.
            ImportError: a name that is no directory, and `huggingface_hub` is not installed.
        """
        model = TFPegasusForConditionalGeneration.from_pretrained(path, revision=revision)
        if model.tokenizer is None:
            raise FileNotFoundError(f"{str(path)!r} has no vocabulary: no {VOCAB_FILE}")
        return cls(model, model.tokenizer)

    @property
    def max_source_length(self):
        """int, the longest source in tokens, eos included."""
        longest = self.model.config.max_position_embeddings
        return min(longest, self.tokenizer.model_max_length or longest)

    def summarize(self, texts, **options):
        """Summarizes texts, long ones together with long ones, and returns them in order.

        Args:
            texts: list of str.
            **options: see `stream`.

        Returns:
            list of `Summary`, one a text.

        Raises:
            See `stream`; bad texts are reported before anything is generated.
        """
        texts = list(texts)
        batches = max(1, len(texts))
        return list(self.stream(texts, window=batches, **options))

    def stream(
        self,
        texts,
        batch_size=8,
        engine="auto",
        progress=None,
        errors="raise",
        window=_WINDOW,
        **options,
    ):
        """Summarizes texts as they come, in order.

        Args:
            texts: iterable of str.
            batch_size: int, texts generated at a time.
            engine: see `generate`.
            progress: function that is called with the number of texts of each finished
                batch, or None.
            errors: `"raise"`, or `"keep"`: a text that is blank or no str gets a `Summary`
                with an `error`, and the others theirs.
            window: int, batches that are read ahead, and sorted by length together.
            **options: see `generate`, such as `num_beams`.

        Yields:
            `Summary`, one a text.

        Raises:
            ValueError: a text is blank, or an option is out of range.
            TypeError: a text is no str, or an unknown option.
        """
        if errors not in ("raise", "keep"):
            raise ValueError(f"errors={errors!r} must be 'raise' or 'keep'")
        for name, value in (("batch_size", batch_size), ("window", window)):
            if value < 1:
                raise ValueError(f"{name}={value!r} must be at least 1")
        options = {**options, "engine": engine, "num_return_sequences": 1}
        texts, read = iter(texts), 0
        while ahead := list(itertools.islice(texts, batch_size * window)):
            complaints = [_complaint(text, read + i) for i, text in enumerate(ahead)]
            bad = [complaint for complaint in complaints if complaint is not None]
            if bad and errors == "raise":
                raise bad[0]
            summaries = [Summary("", 0.0, 0, str(complaint)) for complaint in complaints]
            good = [i for i, complaint in enumerate(complaints) if complaint is None]
            rows = dict(
                zip(good, self.tokenizer.encode_batch([ahead[i] for i in good]), strict=True)
            )
            order = sorted(good, key=lambda i: len(rows[i]))
            for start in range(0, len(order), batch_size):
                batch = order[start : start + batch_size]
                for i, summary in zip(
                    batch, self._batch([rows[i] for i in batch], options), strict=True
                ):
                    summaries[i] = summary
                if progress is not None:
                    progress(len(batch))
            yield from summaries
            read += len(ahead)

    def _batch(self, rows, options):
        """Summarizes lists of ids together."""
        limit = self.max_source_length
        outputs = self.model.generate(
            **self.tokenizer.pad(
                {"input_ids": [self.tokenizer.truncate(row, limit) for row in rows]},
                return_tensors="np",
            ),
            **{**options, "return_dict_in_generate": True},
        )
        texts = self.tokenizer.batch_decode(outputs.sequences.numpy(), skip_special_tokens=True)
        scores = outputs.sequences_scores.numpy().tolist()
        return [
            Summary(text, score, max(0, len(row) - limit))
            for text, score, row in zip(texts, scores, rows, strict=True)
        ]


def _complaint(text, number):
    """The error of a text that cannot be summarized; None where it can."""
    if not isinstance(text, str):
        return TypeError(f"texts[{number}] must be a str, got {type(text).__name__}")
    if not text.strip():
        return ValueError(f"texts[{number}] is blank, there is nothing to summarize")
    return None
