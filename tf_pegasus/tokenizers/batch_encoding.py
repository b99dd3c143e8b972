"""The output of a tokenizer."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Self

import optree

from tf_pegasus.tokenizers.call_options import check_tensors
from tf_pegasus.tokenizers.encoding import Encoding
from tf_pegasus.tokenizers.padding import as_lists, as_tensor


class CharSpan(NamedTuple):
    """Characters `start` … `end` - 1 of a text."""

    start: int
    end: int


class TokenSpan(NamedTuple):
    """Tokens `start` … `end` - 1 of a row."""

    start: int
    end: int


class BatchEncoding(dict):
    """A dict (`input_ids`, `attention_mask`, …) whose entries are also attributes.

    Keras and TensorFlow traverse the arrays inside, so it can be passed to `fit`, `predict` and
    `tf.data.Dataset.from_tensor_slices` directly, or to a call as `model(**encoding)`.

    What a tokenizer returns also knows the texts that the tokens are from. In the methods about
    them the row may be left out: `token_to_chars(5)` is the token 5 of row 0,
    `token_to_chars(2, 5)` that of row 2.

    Args:
        data: dict, or pairs of names and values.
        encodings: list of `Encoding`, one for each row; or a function that makes them when they
            are first needed.
        tensor_type: `"np"`, `"tf"` or None, see `convert_to_tensors`.
        prepend_batch_axis: bool, see `convert_to_tensors`.
        is_fast: bool, whether a fast tokenizer made it.
    """

    def __init__(
        self,
        data: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        encodings: list[Encoding] | Callable[[], list[Encoding]] | None = None,
        tensor_type: str | None = None,
        prepend_batch_axis: bool = False,
        is_fast: bool = False,
    ):
        super().__init__(() if data is None else data)
        # Not as attributes, which are entries.
        self.__dict__.update(_encodings=encodings, is_fast=is_fast)
        self.convert_to_tensors(tensor_type, prepend_batch_axis)

    def __getattr__(self, name):
        if name in self:
            return self[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __getitem__(self, key: Any) -> Any:
        """Returns an entry; the `Encoding` of a row for an int; some rows for a slice."""
        if isinstance(key, slice):
            return {name: rows[key] for name, rows in self.items()}
        if isinstance(key, int):
            return self._known("indexing a row")[key]
        return super().__getitem__(key)

    def __reduce__(self) -> tuple:
        return type(self), (dict(self), self.encodings, None, False, self.is_fast)

    @property
    def data(self) -> Self:
        """The dict of entries, which is the encoding itself."""
        return self

    @property
    def encodings(self) -> list[Encoding] | None:
        """list of `Encoding`, one for each row; None unless a tokenizer made it from texts."""
        encodings = self.__dict__["_encodings"]
        if callable(encodings):
            encodings = self.__dict__["_encodings"] = encodings()
        return encodings

    @property
    def n_sequences(self) -> int | None:
        """int, 2 if the samples are pairs of texts, otherwise 1; None as for `encodings`."""
        return max((row.n_sequences for row in self.encodings or ()), default=None)

    def convert_to_tensors(
        self, tensor_type: str | None = None, prepend_batch_axis: bool = False
    ) -> Self:
        """Converts all entries to int32 arrays or tensors, in place.

        Args:
            tensor_type: `"np"` or `"tf"`; with None nothing happens.
            prepend_batch_axis: bool, whether the entries are those of one row.

        Raises:
            ValueError: if rows have different lengths, or `tensor_type` is another one.
        """
        check_tensors(tensor_type)
        if tensor_type is not None:
            for name, rows in self.items():
                rows = as_lists(rows)
                self[name] = as_tensor(name, [rows] if prepend_batch_axis else rows, tensor_type)
        return self

    def tokens(self, batch_index: int = 0) -> list[str]:
        """Returns the tokens of a row, including eos and padding."""
        return self._row("tokens", batch_index).tokens

    def word_ids(self, batch_index: int = 0) -> list[int | None]:
        """Returns the word of each token of a row; None for eos and padding."""
        return self._row("word_ids", batch_index).word_ids

    def sequence_ids(self, batch_index: int = 0) -> list[int | None]:
        """Returns the text of each token of a row: 0, 1, or None for eos and padding."""
        return self._row("sequence_ids", batch_index).sequence_ids

    def token_to_sequence(
        self, batch_or_token_index: int, token_index: int | None = None
    ) -> int | None:
        """Returns the text of a token: 0, 1, or None for eos and padding."""
        row, token = _row_and_index(batch_or_token_index, token_index)
        return self._row("token_to_sequence", row).token_to_sequence(token)

    def token_to_word(
        self, batch_or_token_index: int, token_index: int | None = None
    ) -> int | None:
        """Returns the word of a token; None for eos and padding."""
        row, token = _row_and_index(batch_or_token_index, token_index)
        return self._row("token_to_word", row).token_to_word(token)

    def token_to_chars(
        self, batch_or_token_index: int, token_index: int | None = None
    ) -> CharSpan | None:
        """Returns the characters of a token in its text; None for eos and padding."""
        row, token = _row_and_index(batch_or_token_index, token_index)
        span = self._row("token_to_chars", row).token_to_chars(token)
        return None if span is None else CharSpan(*span)

    def char_to_token(
        self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0
    ) -> int | None:
        """Returns the token of a character of a text; None for white space and what is cut off."""
        row, character = _row_and_index(batch_or_char_index, char_index)
        return self._row("char_to_token", row).char_to_token(character, sequence_index)

    def char_to_word(
        self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0
    ) -> int | None:
        """Returns the word of a character of a text; None for white space and what is cut off."""
        row, character = _row_and_index(batch_or_char_index, char_index)
        return self._row("char_to_word", row).char_to_word(character, sequence_index)

    def word_to_tokens(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> TokenSpan | None:
        """Returns the tokens of a word; None if the row has no such word."""
        row, word = _row_and_index(batch_or_word_index, word_index)
        span = self._row("word_to_tokens", row).word_to_tokens(word, sequence_index)
        return None if span is None else TokenSpan(*span)

    def word_to_chars(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> CharSpan | None:
        """Returns the characters of a word in its text; None if the row has no such word."""
        row, word = _row_and_index(batch_or_word_index, word_index)
        span = self._row("word_to_chars", row).word_to_chars(word, sequence_index)
        return None if span is None else CharSpan(*span)

    def _row(self, method, index):
        return self._known(f"{method}()")[index]

    def _known(self, what):
        encodings = self.encodings
        if encodings is None:
            raise ValueError(
                f"{what} needs the texts, which this encoding does not have: use the one that the "
                "tokenizer's call returns"
            )
        return encodings


def _row_and_index(row_or_index, index):
    return (0, row_or_index) if index is None else (row_or_index, index)


def _flatten(encoding: Any) -> tuple[tuple, Any, tuple]:
    return tuple(encoding.values()), tuple(encoding), tuple(encoding)


def _unflatten(names: Any, values: Any) -> Any:
    return BatchEncoding(zip(names, values, strict=True))


optree.register_pytree_node(BatchEncoding, _flatten, _unflatten, namespace="keras")
