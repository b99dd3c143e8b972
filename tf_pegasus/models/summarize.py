"""The method `summarize`, from strings to strings, with the model's tokenizer."""

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from tf_pegasus.config.model import PegasusConfig
from tf_pegasus.summarization.summarize import summarize_texts


class SummarizeMixin:
    """Adds `summarize` to a model with `tokenizer` and `generate`."""

    tokenizer: Any
    config: PegasusConfig

    def checked_tokenizer(self, tokenizer: Any = None) -> Any:
        """Returns `tokenizer`, or the model's own if it is None.

        Raises:
            ValueError: if there is no tokenizer, or it has more ids than the model.
        """
        tokenizer = self.tokenizer if tokenizer is None else tokenizer
        if tokenizer is None:
            raise ValueError(
                "the model has no tokenizer, because it was not loaded by from_pretrained: set "
                "model.tokenizer, or pass tokenizer="
            )
        if len(tokenizer) > self.config.vocab_size:
            raise ValueError(
                f"the tokenizer has {len(tokenizer)} ids, more than the model's "
                f"vocab_size={self.config.vocab_size}: they do not belong together"
            )
        return tokenizer

    def summarize(
        self,
        texts: str | Iterable[str],
        tokenizer: Any = None,
        stream: bool = False,
        **options: Any,
    ) -> str | list[str] | Iterator[str]:
        """Summarizes texts and returns the summaries in the same order.

        Texts of similar lengths are batched together.

        Args:
            texts: str, or iterable of str.
            tokenizer: `PegasusTokenizer`; by default the model's.
            stream: bool, whether to return an iterator that reads texts lazily.
            **options: see `tf_pegasus.summarization.summarize.summarize_texts`: `batch_size`,
                `engine`, `progress`, `errors`, `window`, and options of `generate` such as
                `num_beams`. With `errors="keep"`, a text that is blank or not a str gets "" and a
                warning.

        Returns:
            list of str, one per text; an iterator with `stream`; a str for a str.

        Raises:
            ValueError: if there is no tokenizer, a text is blank, or an option is out of range.
            TypeError: if a text is not a str, or an option is unknown.
        """
        tokenizer = self.checked_tokenizer(tokenizer)
        if not stream:
            options = {"window": None, **options}
        is_one = isinstance(texts, str)
        rows = [texts] if isinstance(texts, str) else texts
        results = _texts_of(summarize_texts(self, tokenizer, rows, **options))
        if is_one:
            return next(results)
        return results if stream else list(results)


def _texts_of(summaries):
    for summary in summaries:
        if summary.error is not None:
            warnings.warn(summary.error, stacklevel=3)
        yield summary.text
