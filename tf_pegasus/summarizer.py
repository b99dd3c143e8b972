"""A model with its tokenizer, which returns summaries with scores."""

from collections.abc import Iterable, Iterator

from tf_pegasus.models.conditional_generation import TFPegasusForConditionalGeneration
from tf_pegasus.summarization.summarize import Summary, max_source_length, summarize_texts


class Summarizer:
    """Summarizes texts with a model and its tokenizer.

    `model.summarize` does the same but returns only the texts.

    Args:
        model: `TFPegasusForConditionalGeneration`.
        tokenizer: `PegasusTokenizer`; by default the model's.

    Raises:
        ValueError: if there is no tokenizer, or it has more ids than the model.

    Example:
        >>> summarizer = Summarizer.from_pretrained(tf_pegasus.bundled_model())
        >>> summarizer.summarize(["A program that draws maps of the night sky."])[0].text
    """

    def __init__(self, model, tokenizer=None):
        self.model = model
        self.tokenizer = model.checked_tokenizer(tokenizer)

    @classmethod
    def from_pretrained(cls, path, **options) -> "Summarizer":
        """Loads configuration, weights and vocabulary from a directory or a hub repository.

        Args:
            path: path of the directory, or `"owner/name"`.
            **options: see `TFPegasusForConditionalGeneration.from_pretrained`, such as
                `revision`, a commit, tag or branch of the repository.

        Raises:
            FileNotFoundError: if the directory or one of its files is missing.
            ValueError: if a file is damaged, or the files do not fit together.
            ImportError: if `path` is not a directory, and `huggingface_hub` is not installed.
        """
        model = TFPegasusForConditionalGeneration.from_pretrained(path, **options)
        if model.tokenizer is None:
            raise FileNotFoundError(
                f"{str(path)!r} has no vocabulary: neither spiece.model nor tokenizer.json"
            )
        return cls(model)

    def save_pretrained(self, save_directory, **options):
        """Writes configuration, weights and tokenizer for `from_pretrained`.

        Args:
            save_directory: path, created if missing.
            **options: see `TFPegasusForConditionalGeneration.save_pretrained`.
        """
        self.model.save_pretrained(save_directory, **options)
        self.tokenizer.save_pretrained(save_directory)

    @property
    def max_source_length(self) -> int:
        """int, length of the longest source in tokens, including eos."""
        return max_source_length(self.model, self.tokenizer)

    def summarize(self, texts: Iterable[str], **options) -> list[Summary]:
        """Summarizes texts, sorted by length, and returns the summaries in the order of the texts.

        Args:
            texts: iterable of str.
            **options: see `stream`.

        Returns:
            list of `Summary`, one per text.

        Raises:
            See `stream`; invalid texts raise before anything is generated.
        """
        return list(self.stream(texts, **{"window": None, **options}))

    def stream(self, texts: Iterable[str], **options) -> Iterator[Summary]:
        """Summarizes texts lazily, in order.

        Args:
            texts: iterable of str.
            **options: see `tf_pegasus.summarization.summarize.summarize_texts`: `batch_size`,
                `engine`, `progress`, `errors`, `window`, and options of `generate` such as
                `num_beams`.

        Returns:
            Iterator of `Summary`, one per text.

        Raises:
            ValueError: if an option is out of range, or a text is blank.
            TypeError: if `texts` is a str, a text is not a str, or an option is unknown.
        """
        return summarize_texts(self.model, self.tokenizer, texts, **options)
