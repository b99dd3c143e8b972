"""Trains the vocabulary of another tokenizer with the options of one."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Self

from tf_pegasus.tokenizers.added_token import AddedToken
from tf_pegasus.tokenizers.samples import check_string
from tf_pegasus.tokenizers.special_tokens import SENTENCEPIECE_UNK
from tf_pegasus.tokenizers.tokenizer_files import VOCAB_FILE, TokenizerFilesMixin
from tf_pegasus.tokenizers.vocabulary import train_vocabulary


class NewVocabularyMixin(TokenizerFilesMixin):
    """Subclasses take the path of a vocabulary as the first argument of their constructor."""

    vocab_file: str
    offset: int
    newline_token: str | None

    def train_new_from_iterator(
        self,
        text_iterator: Iterable[str | Iterable[str]],
        vocab_size: int,
        new_special_tokens: Sequence[str | AddedToken] = (),
    ) -> Self:
        """Trains a vocabulary for a tokenizer with the options of this one.

        Args:
            text_iterator: iterable of str, or of batches of them.
            vocab_size: int, number of ids, including reserved ones.
            new_special_tokens: tokens that follow the vocabulary. Those added to this tokenizer
                are not taken over.

        Returns:
            a tokenizer of this class.

        Raises:
            ValueError: if there are not as many pieces in the texts, or no room for one.
            TypeError: if a text is not a str.
        """
        pieces = vocab_size - self.offset
        if pieces <= SENTENCEPIECE_UNK + 1:
            raise ValueError(
                f"vocab_size={vocab_size} must be above {self.offset + SENTENCEPIECE_UNK + 1}, the "
                "number of reserved ids"
            )
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / VOCAB_FILE
            try:
                train_vocabulary(_checked_texts(text_iterator), path, pieces, self.newline_token)
            except ValueError as error:
                raise ValueError(
                    f"vocab_size={vocab_size}, of which {self.offset} ids are reserved: {error}"
                ) from error
            make: Callable[..., Self] = type(self)
            trained = make(
                path, additional_special_tokens=list(new_special_tokens), **self.get_config()
            )
        trained.vocab_file = VOCAB_FILE
        return trained


def _checked_texts(batches):
    """Returns a list of str; sentencepiece would end at what is none, without an error."""
    texts = [t for batch in batches for t in ([batch] if isinstance(batch, str) else batch)]
    for text in texts:
        check_string(text)
    return texts
