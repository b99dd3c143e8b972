"""From texts to summaries in Python: tokenize, batch by length, generate, detokenize."""

from dataclasses import dataclass

from tf_pegasus.checkpoints.hub import local_directory
from tf_pegasus.models.conditional_generation import TFPegasusForConditionalGeneration
from tf_pegasus.tokenizers.sentencepiece_tokenizer import PegasusTokenizer


@dataclass(frozen=True)
class Summary:
    """A summary, its score (length-normalized log-probability), and how many tokens of the
    document were beyond the model's limit and not read."""

    text: str
    score: float
    tokens_dropped: int


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
    def from_pretrained(cls, path):
        """Reads a directory, or a repository of the hub, with configuration, weights and
        vocabulary.

        Raises:
            FileNotFoundError: the directory or one of its files is missing.
            ValueError: a file is damaged, or the files do not fit together.
            ImportError: a name that is no directory, and `huggingface_hub` is not installed.
        """
        directory = local_directory(path)
        tokenizer = PegasusTokenizer.from_pretrained(directory)
        model = TFPegasusForConditionalGeneration.from_pretrained(directory)
        return cls(model, tokenizer)

    @property
    def max_source_length(self):
        """int, the longest source in tokens, eos included."""
        longest = self.model.config.max_position_embeddings
        return min(longest, self.tokenizer.model_max_length or longest)

    def summarize(self, texts, batch_size=8, engine="xla", progress=None, **options):
        """Summarizes texts, long ones together with long ones, and returns them in order.

        Args:
            texts: list of str, none of them blank.
            batch_size: int, texts generated at a time.
            engine: see `generate`.
            progress: function that is called with the number of texts of each finished
                batch, or None.
            **options: see `generate`, such as `num_beams`.

        Returns:
            list of `Summary`, one a text.

        Raises:
            ValueError: a text is blank, or an option is out of range.
            TypeError: a text is no str, or an unknown option.
        """
        texts = list(texts)
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size!r} must be at least 1")
        rows = self.tokenizer.encode_batch(texts)
        for index, text in enumerate(texts):
            if not text.strip():
                raise ValueError(f"texts[{index}] is blank, there is nothing to summarize")
        limit = self.max_source_length
        results = [None] * len(texts)
        order = sorted(range(len(texts)), key=lambda index: len(rows[index]))
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            outputs = self.model.generate(
                **self.tokenizer.pad(
                    {"input_ids": [self.tokenizer.truncate(rows[i], limit) for i in batch]},
                    return_tensors="np",
                ),
                engine=engine,
                return_dict_in_generate=True,
                **{**options, "num_return_sequences": 1},
            )
            summaries = self.tokenizer.batch_decode(
                outputs.sequences.numpy(), skip_special_tokens=True
            )
            for index, text, score in zip(
                batch, summaries, outputs.sequences_scores.numpy(), strict=True
            ):
                dropped = max(0, len(rows[index]) - limit)
                results[index] = Summary(text, float(score), dropped)
            if progress is not None:
                progress(len(batch))
        return results
