"""One row of a tokenizer's output, with the places in the text that its tokens come from."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Self

from tf_pegasus.tokenizers.alignment import Piece

_NOWHERE = (0, 0)


@dataclass
class Encoding:
    """The tokens of a row, with the names of the `tokenizers` library.

    Attributes:
        ids: list of int.
        tokens: list of str.
        offsets: list of (int, int), the characters of each token: in its text or, with
            `is_split_into_words=True`, in its word. (0, 0) for eos and padding.
        word_ids: list of int or None, the word of each token; None for eos and padding.
        sequence_ids: list of int or None: 0 for tokens of the first text, 1 for the second.
        special_tokens_mask: list of int, 1 for eos and padding.
        attention_mask: list of int, 0 for padding.
        type_ids: list of int, all 0.
    """

    ids: list[int] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    offsets: list[tuple[int, int]] = field(default_factory=list)
    word_ids: list[int | None] = field(default_factory=list)
    sequence_ids: list[int | None] = field(default_factory=list)
    special_tokens_mask: list[int] = field(default_factory=list)
    attention_mask: list[int] = field(default_factory=list)
    type_ids: list[int] = field(default_factory=list)

    @classmethod
    def of_pieces(cls, pieces: Sequence[Piece], tokens: Sequence[str], sequence: int) -> Self:
        """Creates the encoding of the pieces of one text, 0 or 1 of a pair."""
        count = len(pieces)
        return cls(
            ids=[piece.token_id for piece in pieces],
            tokens=list(tokens),
            offsets=[(piece.start, piece.end) for piece in pieces],
            word_ids=[piece.word for piece in pieces],
            sequence_ids=[sequence] * count,
            special_tokens_mask=[0] * count,
            attention_mask=[1] * count,
            type_ids=[0] * count,
        )

    @classmethod
    def of_token(cls, token_id: int, token: str, count: int = 1, attention: int = 1) -> Self:
        """Creates the encoding of `count` tokens that are not of a text."""
        return cls(
            ids=[token_id] * count,
            tokens=[token] * count,
            offsets=[_NOWHERE] * count,
            word_ids=[None] * count,
            sequence_ids=[None] * count,
            special_tokens_mask=[1] * count,
            attention_mask=[attention] * count,
            type_ids=[0] * count,
        )

    def __add__(self, other: "Encoding") -> "Encoding":
        """Returns both, one after the other."""
        names = [item.name for item in fields(self)]
        return Encoding(**{name: getattr(self, name) + getattr(other, name) for name in names})

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_sequences(self) -> int:
        """int, number of texts that the row has tokens of."""
        return len({*self.sequence_ids} - {None})

    def token_to_sequence(self, token: int) -> int | None:
        """Returns 0 or 1, or None for eos and padding."""
        return self.sequence_ids[token]

    def token_to_word(self, token: int) -> int | None:
        """Returns the word of a token, or None for eos and padding."""
        return self.word_ids[token]

    def token_to_chars(self, token: int) -> tuple[int, int] | None:
        """Returns the characters of a token, or None for eos and padding."""
        return None if self.sequence_ids[token] is None else self.offsets[token]

    def char_to_token(self, character: int, sequence: int = 0) -> int | None:
        """Returns the first token that a character is part of, or None, as for white space."""
        for token, (start, end) in enumerate(self.offsets):
            if self.sequence_ids[token] == sequence and start <= character < end:
                return token
        return None

    def char_to_word(self, character: int, sequence: int = 0) -> int | None:
        """Returns the word that a character is part of, or None."""
        token = self.char_to_token(character, sequence)
        return None if token is None else self.word_ids[token]

    def word_to_tokens(self, word: int, sequence: int = 0) -> tuple[int, int] | None:
        """Returns the first token of a word and the one after its last, or None."""
        places = zip(self.word_ids, self.sequence_ids, strict=True)
        tokens = [token for token, place in enumerate(places) if place == (word, sequence)]
        return (tokens[0], tokens[-1] + 1) if tokens else None

    def word_to_chars(self, word: int, sequence: int = 0) -> tuple[int, int] | None:
        """Returns the characters of a word, or None."""
        tokens = self.word_to_tokens(word, sequence)
        if tokens is None:
            return None
        return self.offsets[tokens[0]][0], self.offsets[tokens[1] - 1][1]
