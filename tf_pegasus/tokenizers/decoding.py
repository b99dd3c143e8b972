"""Converts ids and tokens back to text."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tf_pegasus.tokenizers.token_table import TokenTableMixin

# Word-level corpora separate these by spaces, which `transformers` removes.
_CLEAN_UP = (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're")


class DecodingMixin(TokenTableMixin):
    """Decodes; subclasses implement `_ids_text`, the text of ids of pieces."""

    newline_token: str | None
    clean_up_tokenization_spaces: bool

    def _ids_text(self, ids: list[int]) -> str:
        raise NotImplementedError

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Joins tokens to text."""
        return self._joined(self.convert_tokens_to_ids(list(tokens)))

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> str:
        """Converts ids to text.

        Args:
            token_ids: int, sequence of int, or a 1-D array or tensor.
            skip_special_tokens: bool, whether to leave out ids that are not text: special
                tokens, and ids beyond the vocabulary (a model's embedding may be larger).
            clean_up_tokenization_spaces: bool, whether to remove spaces before `.?!,` and
                English contractions; defaults to the tokenizer's option.

        Raises:
            TypeError: if an id is no int.
            ValueError: if an id is negative or, with skip_special_tokens=False, beyond the
                vocabulary; or if there are several rows of ids.
        """
        given = np.asarray(token_ids)
        if given.ndim > 1 and len(given) != 1:
            raise ValueError(
                f"token_ids has the shape {given.shape}, but decode takes one row: use batch_decode"
            )
        if given.size and given.dtype.kind not in "iu":
            raise TypeError(f"token_ids must be int, got {token_ids!r:.60}")
        ids = [int(index) for index in given.reshape(-1)]
        if ids and min(ids) < 0:
            raise ValueError(f"ids contain {min(ids)}, an id is at least 0")
        if skip_special_tokens:
            end = len(self)
            ids = [index for index in ids if index < end and index not in self._special_ids]
        elif ids and max(ids) >= len(self):
            raise ValueError(f"ids contain {max(ids)}, the vocabulary ends at {len(self) - 1}")
        text = self._joined(ids)
        if clean_up_tokenization_spaces is None:
            clean_up_tokenization_spaces = self.clean_up_tokenization_spaces
        return _cleaned_up(text) if clean_up_tokenization_spaces else text

    def batch_decode(
        self,
        sequences: Iterable[Any],
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> list[str]:
        """Returns the result of `decode` for each row of `sequences`."""
        return [
            self.decode(row, skip_special_tokens, clean_up_tokenization_spaces) for row in sequences
        ]

    def _joined(self, ids):
        """Returns the text, with added tokens separated by spaces, but not reserved ones."""
        parts, part, run = [], "", []
        for index in ids:
            spelling = self._spellings.get(index)
            if spelling is None:
                run.append(index)
                continue
            part += self._run_text(run)
            run = []
            if spelling in self._added:
                parts += [part.strip(" "), spelling]
                part = ""
            else:
                part += spelling
        parts.append((part + self._run_text(run)).strip(" "))
        return " ".join(filter(None, parts))

    def _run_text(self, ids):
        text = self._ids_text(ids)
        return text.replace(self.newline_token, "\n") if self.newline_token else text


def _cleaned_up(text):
    for apart in _CLEAN_UP:
        text = text.replace(apart, apart.strip())
    return text
