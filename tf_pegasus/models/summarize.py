"""`model.summarize`: strings in, strings out, with the tokenizer that the model came with."""

import warnings


class SummarizeMixin:
    """Gives a model that generates its `summarize` and its `tokenizer`."""

    @property
    def tokenizer(self):
        """`PegasusTokenizer`, which `from_pretrained` sets; None where there is none."""
        return self.__dict__.get("_tokenizer")

    @tokenizer.setter
    def tokenizer(self, value):
        self.__dict__["_tokenizer"] = value

    def summarize(self, texts, batch_size=8, tokenizer=None, stream=False, **options):
        """Summarizes texts, long ones together with long ones, and keeps their order.

        A text that is blank or no str gets "" and a warning; the others are not affected.

        Args:
            texts: str, or iterable of str.
            batch_size: int, texts generated at a time.
            tokenizer: `PegasusTokenizer`; by default `tokenizer`.
            stream: bool, return an iterator that reads texts as it goes.
            **options: see `tf_pegasus.Summarizer.stream` and `generate`, such as `num_beams`.

        Returns:
            list of str, one a text; an iterator where `stream`; a str for a str.

        Raises:
            ValueError: there is no tokenizer, or an option is out of range.
            TypeError: an unknown option.
        """
        # Here, because a summarizer is made of a model.
        from tf_pegasus.summarization.summarizer import Summarizer

        tokenizer = tokenizer or self.tokenizer
        if tokenizer is None:
            raise ValueError(
                "the model has no tokenizer, because it was not made by from_pretrained: set "
                "model.tokenizer, or give tokenizer="
            )
        summarizer = Summarizer(self, tokenizer)
        options = {"errors": "keep", "batch_size": batch_size, **options}
        if isinstance(texts, str):
            return next(iter(_texts_of(summarizer.summarize([texts], **options))))
        if stream:
            return _texts_of(summarizer.stream(texts, **options))
        return list(_texts_of(summarizer.summarize(texts, **options)))


def _texts_of(summaries):
    for summary in summaries:
        if summary.error is not None:
            warnings.warn(summary.error, stacklevel=3)
        yield summary.text
