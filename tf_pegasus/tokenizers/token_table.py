"""The tokens of a tokenizer: pieces, reserved tokens, and added ones."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from tf_pegasus.tokenizers.special_tokens import (
    SpecialTokens,
    check_added,
    check_spelling,
    found_in_text,
    splitting_pattern,
)
from tf_pegasus.tokenizers.tokenizer_json import AddedToken


class TokenTableMixin:
    """Maps tokens to ids and back.

    Subclasses implement the pieces (`_piece_id`, `_piece`, `vocab_size`), have the attributes
    `special_tokens` and the spellings of special tokens, and call `_start_table` when created.
    """

    pad_token: str
    eos_token: str
    unk_token: str
    mask_token: str
    mask_token_sent: str
    special_tokens: SpecialTokens
    special_tokens_in_text: str

    def _piece_id(self, token: str) -> int | None:
        """Returns the id of a piece of the vocabulary, or None for other tokens."""
        raise NotImplementedError

    def _piece(self, index: int) -> str:
        """Returns the spelling of an id of the vocabulary."""
        raise NotImplementedError

    def _start_table(self) -> None:
        self._added: dict[str, int] = {}
        self._added_special: set[str] = set()
        # Counted, because the length is needed for each id that is looked up.
        self._new_ids = 0
        self._update_tables()

    def restore_added_tokens(self, tokens: Iterable[AddedToken]) -> None:
        """Adds the tokens of a file with the ids in the file.

        Raises:
            ValueError: if a token would get another id.
        """
        new: dict[str, AddedToken] = {}
        for token in sorted(tokens, key=lambda token: token.token_id):
            if token.content not in self._spelled:
                new.setdefault(token.content, token)
        # All at once, because each call rebuilds the pattern that finds them in a text.
        self.add_tokens(list(new))
        for content, token in new.items():
            if self._spelled[content] != token.token_id:
                raise ValueError(
                    f"the added token {content!r} has the id {token.token_id}, but the next "
                    f"free id is {self._spelled[content]}"
                )
        special = [token.content for token in tokens if token.special]
        self.add_tokens([t for t in special if t in self._added], special_tokens=True)

    @property
    def vocab_size(self) -> int:
        """int, number of ids, including reserved ones but not added ones."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Returns the number of ids, including added ones, for `resize_token_embeddings`."""
        return self.vocab_size + self._new_ids

    @property
    def pad_token_id(self) -> int:
        """int, always 0."""
        return self.special_tokens.pad_token_id

    @property
    def eos_token_id(self) -> int:
        """int, always 1."""
        return self.special_tokens.eos_token_id

    @property
    def unk_token_id(self) -> int:
        """int, `offset` + 2."""
        return self.special_tokens.unk_token_id

    @property
    def mask_token_id(self) -> int:
        """int, id of the word mask (3)."""
        return self._token_id(self.mask_token)

    @property
    def mask_token_sent_id(self) -> int:
        """int, id of the sentence mask (2)."""
        return self._token_id(self.mask_token_sent)

    @property
    def additional_special_tokens(self) -> list[str]:
        """list of str: the sentence mask, the reserved `<unk_…>`, and added special tokens."""
        named = {self.pad_token, self.eos_token, self.unk_token, self.mask_token}
        return [t for t in (*self.special_tokens.ids, *self.special_added_tokens) if t not in named]

    @property
    def all_special_tokens(self) -> list[str]:
        """list of str, all special tokens."""
        return [*self.special_tokens.ids, *self.special_added_tokens]

    @property
    def all_special_ids(self) -> list[int]:
        """list of int, the ids of all special tokens."""
        return [self._spelled[token] for token in self.all_special_tokens]

    @property
    def special_tokens_map(self) -> dict[str, str | list[str]]:
        """dict from role to spelling, as in `special_tokens_map.json`."""
        return {
            "eos_token": self.eos_token,
            "unk_token": self.unk_token,
            "pad_token": self.pad_token,
            "mask_token": self.mask_token,
            "additional_special_tokens": self.additional_special_tokens,
        }

    def get_vocab(self) -> dict[str, int]:
        """Returns a dict from token to id, for all ids."""
        vocab = {self._piece(index): index for index in range(self.vocab_size)}
        return {**vocab, **self._spelled}

    def get_added_vocab(self) -> dict[str, int]:
        """Returns a dict from added token to id."""
        return dict(self._added)

    def add_tokens(self, new_tokens: str | Sequence[str], special_tokens: bool = False) -> int:
        """Adds whole words to the vocabulary: each occurrence in a text becomes one id.

        Args:
            new_tokens: str or list of str.
            special_tokens: bool, whether `decode(skip_special_tokens=True)` leaves them out.

        Returns:
            int, number of new ids. The model needs as many new rows:
            `model.resize_token_embeddings(len(tokenizer))`.

        Raises:
            ValueError: if a token is empty or not a str, or there would be more added tokens
                than are supported.
        """
        before = self._new_ids
        tokens = [new_tokens] if isinstance(new_tokens, str) else list(new_tokens)
        for token in tokens:
            check_spelling(token)
        new = [token for token in dict.fromkeys(tokens) if token not in self._spelled]
        check_added(len(self._added) + len(new))
        for token in new:
            piece = self._piece_id(token)
            self._added[token] = len(self) if piece is None else piece
            self._new_ids += piece is None
        if special_tokens:
            self._added_special.update(token for token in tokens if token in self._added)
        self._update_tables()
        return self._new_ids - before

    def add_special_tokens(self, special_tokens_dict: dict[str, Sequence[str]]) -> int:
        """Adds `{"additional_special_tokens": [...]}`; returns the number of new ids."""
        unknown = set(special_tokens_dict) - {"additional_special_tokens"}
        if unknown:
            raise ValueError(
                f"{sorted(unknown)[0]!r} cannot be changed, because its id is part of every "
                "model: give additional_special_tokens"
            )
        tokens = special_tokens_dict.get("additional_special_tokens", [])
        return self.add_tokens(tokens, special_tokens=True)

    @property
    def special_added_tokens(self) -> list[str]:
        """list of str: the added tokens that are special."""
        return [token for token in self._added if token in self._added_special]

    def escape_special_tokens(self) -> None:
        """From now on tokenizes as with `special_tokens_in_text="escape"`."""
        self.special_tokens_in_text = "escape"
        self._update_tables()

    def _update_tables(self):
        self._spelled = {**self.special_tokens.ids, **self._added}
        self._spellings = {index: token for token, index in self._spelled.items()}
        self._found = found_in_text(
            self.special_tokens, self._added, self._added_special, self.special_tokens_in_text
        )
        pattern = splitting_pattern(self._found)
        self._splitting = None if pattern is None else re.compile(pattern)
        self._special_ids = frozenset(self.all_special_ids)

    def convert_tokens_to_ids(self, tokens: str | Sequence[str]) -> int | list[int]:
        """Returns the id of a token, or a list of ids; unknown tokens get the id of `<unk>`."""
        if isinstance(tokens, str):
            return self._token_id(tokens)
        return [self._token_id(token) for token in tokens]

    def _token_id(self, token):
        index = self._spelled.get(token)
        index = self._piece_id(token) if index is None else index
        return self.unk_token_id if index is None else index

    def convert_ids_to_tokens(self, ids, skip_special_tokens: bool = False) -> str | list[str]:
        """Returns the token of an id, or a list of tokens.

        Raises:
            ValueError: if an id is negative or beyond the vocabulary.
        """
        if np.ndim(ids) == 0:
            return self._token(int(ids))
        special = self._special_ids if skip_special_tokens else ()
        return [self._token(int(index)) for index in ids if int(index) not in special]

    def _token(self, index):
        if not 0 <= index < len(self):
            raise ValueError(f"ids contain {index}, the vocabulary is 0 … {len(self) - 1}")
        spelling = self._spellings.get(index)
        return self._piece(index) if spelling is None else spelling
