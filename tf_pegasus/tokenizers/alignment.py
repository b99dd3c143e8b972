"""Where in a text its tokens come from."""

import bisect
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Piece(NamedTuple):
    """A token of a text.

    Fields:
        token_id: int.
        start, end: int, the characters of the text that it stands for, without white space
            before them.
        word: int, number of the word that it belongs to. A new word begins after white space, and
            at a special or added token.
    """

    token_id: int
    start: int
    end: int
    word: int


class RawPiece(NamedTuple):
    """A piece as sentencepiece returns it; the characters include white space before them."""

    token_id: int
    start: int
    end: int
    begins_word: bool


def segment_pieces(
    text: str, raw: Sequence[RawPiece], is_blank: Mapping[str, bool], start: int, word: int
) -> list[Piece]:
    """Aligns the pieces of a segment of a text.

    Args:
        text: str, the segment.
        raw: its pieces.
        is_blank: maps each character to whether it is white space for the vocabulary.
        start: int, where the segment begins in the text.
        word: int, number of words before the segment.

    Returns:
        list of `Piece`.
    """
    pieces: list[Piece] = []
    word -= 1
    for token_id, begin, end, begins_word in raw:
        word += begins_word or not pieces
        while begin < end and is_blank[text[begin]]:
            begin += 1
        while begin < end and is_blank[text[end - 1]]:
            end -= 1
        if begin == end:
            begin, end = _first_character(text, end, is_blank)
        pieces.append(Piece(token_id, start + begin, start + end, word))
    return pieces


def _first_character(text, begin, is_blank):
    """Where the word begins of which there is only the mark: as in the `tokenizers` library."""
    while begin < len(text) and is_blank[text[begin]]:
        begin += 1
    return begin, min(begin + 1, len(text))


class Replaced(NamedTuple):
    """A text in which line breaks were replaced by a token."""

    text: str
    breaks: tuple[int, ...]
    width: int

    def original(self, piece: Piece) -> Piece:
        """Returns a piece with its place in the original text."""
        if not self.breaks:
            return piece
        start = self._original(piece.start)
        end = self._original(piece.end - 1) + 1 if piece.end > piece.start else start
        return piece._replace(start=start, end=end)

    def _original(self, position):
        before = bisect.bisect_right(self.breaks, position) - 1
        if before < 0:
            return position
        inside = min(position - self.breaks[before], self.width - 1)
        return position - before * (self.width - 1) - inside


def replace_breaks(text: str, newline_token: str | None) -> Replaced:
    """Replaces line breaks by `newline_token`, unless it is None."""
    if not newline_token or "\n" not in text:
        return Replaced(text, (), 0)
    places = [index for index, character in enumerate(text) if character == "\n"]
    width = len(newline_token)
    breaks = tuple(place + number * (width - 1) for number, place in enumerate(places))
    return Replaced(text.replace("\n", newline_token), breaks, width)
