"""Splits texts at special and added tokens, and the text between them into pieces."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from tf_pegasus.tokenizers.alignment import Piece, RawPiece, replace_breaks, segment_pieces
from tf_pegasus.tokenizers.samples import check_string
from tf_pegasus.tokenizers.token_table import TokenTableMixin


class SegmentationMixin(TokenTableMixin):
    """Converts texts to ids, or to `Piece`s, which know where in the text they are from.

    Subclasses implement `_text_ids`, `_text_pieces` and `_blank_characters`.
    """

    newline_token: str | None

    def _text_ids(self, texts: list[str]) -> list[list[int]]:
        """Returns the ids of texts without special tokens."""
        raise NotImplementedError

    def _text_pieces(self, texts: list[str]) -> list[list[RawPiece]]:
        """Returns the pieces of texts without special tokens."""
        raise NotImplementedError

    @property
    def _blank_characters(self) -> Mapping[str, bool]:
        """Maps each character to whether it is white space for the vocabulary."""
        raise NotImplementedError

    @property
    def _is_sampling(self) -> bool:
        """Whether another call may split a text in another way."""
        return False

    def _plain_ids(self, texts: Sequence[Any]) -> list[list[int]]:
        """Returns the ids of each text, without eos.

        Special and added tokens in a text get their ids; the text between them is split into
        pieces.
        """
        split = []
        for text in texts:
            check_string(text)
            split.append(self._search.split(replace_breaks(text, self.newline_token).text))
        # One call for all segments, so that the library uses all cores.
        found = iter(self._text_ids([s for row in split for s in row if s not in self._found]))
        rows: list[list[int]] = [[] for _ in texts]
        for row, segments in zip(rows, split, strict=True):
            for segment in segments:
                spelled = self._found.get(segment)
                row += next(found) if spelled is None else [spelled]
        return rows

    def _plain_pieces(self, texts: Sequence[Any]) -> list[list[Piece]]:
        """Returns the pieces of each text, with the ids of `_plain_ids`."""
        replaced = [replace_breaks(text, self.newline_token) for text in texts]
        split = [self._search.split(item.text) for item in replaced]
        found = iter(self._text_pieces([s for row in split for s in row if s not in self._found]))
        rows = []
        for item, segments in zip(replaced, split, strict=True):
            pieces: list[Piece] = []
            start = 0
            for segment in segments:
                spelled = self._found.get(segment)
                word = pieces[-1].word + 1 if pieces else 0
                end = start + len(segment)
                if spelled is not None:
                    pieces.append(Piece(spelled, start, end, word))
                else:
                    raw = next(found)
                    pieces += segment_pieces(segment, raw, self._blank_characters, start, word)
                start = end
            rows.append([item.original(piece) for piece in pieces])
        return rows


class Source:
    """The first or the second texts of all samples.

    Args:
        tokenizer: splits them.
        texts: list of str or, if `is_split_into_words`, of lists of words.
        is_split_into_words: bool.
    """

    def __init__(self, tokenizer: SegmentationMixin, texts: list, is_split_into_words: bool):
        self._tokenizer = tokenizer
        self._texts = texts
        self._is_split = is_split_into_words

    @functools.cached_property
    def ids(self) -> list[list[int]]:
        """The ids of each text, without eos."""
        if self._tokenizer._is_sampling:
            # They must be those of the pieces.
            return [[piece.token_id for piece in row] for row in self.pieces]
        if not self._is_split:
            return self._tokenizer._plain_ids(self._texts)
        words = iter(self._tokenizer._plain_ids(self._words))
        return [[index for _ in text for index in next(words)] for text in self._texts]

    @functools.cached_property
    def pieces(self) -> list[list[Piece]]:
        """The pieces of each text. Those of words have offsets in the word, and its number."""
        if not self._is_split:
            return self._tokenizer._plain_pieces(self._texts)
        words = iter(self._tokenizer._plain_pieces(self._words))
        return [
            [piece._replace(word=number) for number in range(len(text)) for piece in next(words)]
            for text in self._texts
        ]

    @property
    def _words(self):
        return [word for text in self._texts for word in text]
