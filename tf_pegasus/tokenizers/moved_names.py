"""Methods of older versions of `transformers`, each with what to use instead."""

from typing import Any, NoReturn


class MovedNamesMixin:
    """Methods that raise."""

    def as_target_tokenizer(self) -> NoReturn:
        """Raises NotImplementedError: pass `text_target`."""
        raise NotImplementedError(
            "as_target_tokenizer was removed from transformers: pass summaries as text_target, as "
            "in tokenizer(documents, text_target=summaries)"
        )

    def prepare_seq2seq_batch(self, *arguments: Any, **options: Any) -> NoReturn:
        """Raises NotImplementedError: call the tokenizer."""
        raise NotImplementedError(
            "prepare_seq2seq_batch was removed from transformers: call "
            "tokenizer(documents, text_target=summaries, padding=True, truncation=True)"
        )
