"""`model.summarize`: strings in, strings out, with the tokenizer that the model came with."""

import warnings

from tf_pegasus.summarization.summarize import summarize_texts


class SummarizeMixin:
    """Gives a model with `tokenizer` and `generate` its `summarize`."""

    def checked_tokenizer(self, tokenizer=None):
        """Returns `tokenizer`, by default the model's own.

        Raises:
            ValueError: there is none, or it has more ids than the model.
        """
        tokenizer = self.tokenizer if tokenizer is None else tokenizer
        if tokenizer is None:
            raise ValueError(
                "the model has no tokenizer, because it was not made by from_pretrained: set "
                "model.tokenizer, or give tokenizer="
            )
        if len(tokenizer) > self.config.vocab_size:
            raise ValueError(
                f"the tokenizer has {len(tokenizer)} ids, more than the model's "
                f"vocab_size={self.config.vocab_size}: they do not belong together"
            )
        return tokenizer

    def summarize(self, texts, tokenizer=None, stream=False, **options):
        """Summarizes texts, long ones together with long ones, and keeps their order.

        Args:
            texts: str, or iterable of str.
            tokenizer: `PegasusTokenizer`; by default `tokenizer`.
            stream: bool, return an iterator that reads texts as it goes.
            **options: see `tf_pegasus.summarization.summarize.summarize_texts`: `batch_size`,
                `engine`, `progress`, `errors`, `window`, and options of `generate` such as
                `num_beams`. With `errors="keep"` a text that is blank or no str gets "" and a
                warning.

        Returns:
            list of str, one a text; an iterator where `stream`; a str for a str.

        Raises:
            ValueError: there is no tokenizer, a text is blank, or an option is out of range.
            TypeError: a text is no str, or an unknown option.
        """
        tokenizer = self.checked_tokenizer(tokenizer)
        is_one = isinstance(texts, str)
        if not stream:
            options = {"window": None, **options}
        summaries = summarize_texts(self, tokenizer, [texts] if is_one else texts, **options)
        results = _texts_of(summaries)
        if is_one:
            return next(results)
        return results if stream else list(results)


def _texts_of(summaries):
    for summary in summaries:
        if summary.error is not None:
            warnings.warn(summary.error, stacklevel=3)
        yield summary.text
