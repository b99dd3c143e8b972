"""The tokens of a tokenizer: pieces, reserved tokens, and added ones."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tf_pegasus.tokenizers.added_token import AddedToken, is_special, spelling
from tf_pegasus.tokenizers.named_tokens import OPTIONAL_ROLES, NamedTokensMixin
from tf_pegasus.tokenizers.special_tokens import (
    check_added,
    check_spelling,
    found_in_text,
)
from tf_pegasus.tokenizers.token_search import TokenSearch
from tf_pegasus.tokenizers.tokenizer_json import StoredToken


class TokenTableMixin(NamedTokensMixin):
    """Maps tokens to ids and back.

    Subclasses implement the pieces (`_piece_id`, `_piece`, `vocab_size`), have the attributes
    `special_tokens` and the spellings of special tokens, and call `_start_table` when created.
    """

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

    def restore_added_tokens(self, tokens: Iterable[StoredToken]) -> None:
        """Adds the tokens of a file with the ids in the file.

        Raises:
            ValueError: if a token would get another id.
        """
        new: dict[str, StoredToken] = {}
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

    def get_vocab(self) -> dict[str, int]:
        """Returns a dict from token to id, for all ids."""
        vocab = {self._piece(index): index for index in range(self.vocab_size)}
        return {**vocab, **self._spelled}

    @property
    def vocab(self) -> dict[str, int]:
        """dict from token to id, for all ids."""
        return self.get_vocab()

    def get_added_vocab(self) -> dict[str, int]:
        """Returns a dict from added token to id."""
        return dict(self._added)

    @property
    def added_tokens_encoder(self) -> dict[str, int]:
        """dict from spelling to id, of all tokens that are found as a whole: reserved and added."""
        return {token.content: index for index, token in self.added_tokens_decoder.items()}

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """dict from id to `AddedToken`, of all tokens that are found as a whole, by id."""
        special = {*self.special_tokens.ids, *self._added_special}
        by_id = sorted((index, token) for token, index in self._spelled.items())
        return {
            index: AddedToken(token, normalized=False, special=token in special)
            for index, token in by_id
        }

    def add_tokens(
        self,
        new_tokens: str | AddedToken | Sequence[str | AddedToken],
        special_tokens: bool = False,
    ) -> int:
        """Adds whole words to the vocabulary: each occurrence in a text becomes one id.

        Args:
            new_tokens: str or `AddedToken`, or list of them.
            special_tokens: bool, whether `decode(skip_special_tokens=True)` leaves them out, as
                those `AddedToken`s that say so.

        Returns:
            int, number of new ids. The model needs as many new rows:
            `model.resize_token_embeddings(len(tokenizer))`.

        Raises:
            ValueError: if a token is empty or not a str, or has `single_word=True`; or if there
                would be more added tokens than are supported.
        """
        before = self._new_ids
        given: list[Any] = [new_tokens]
        if isinstance(new_tokens, Iterable) and not isinstance(new_tokens, (str, Mapping)):
            given = list(new_tokens)
        tokens = [spelling(token) for token in given]
        for token in tokens:
            check_spelling(token)
        new = [token for token in dict.fromkeys(tokens) if token not in self._spelled]
        check_added([*self._added, *new])
        for token in new:
            piece = self._piece_id(token)
            self._added[token] = len(self) if piece is None else piece
            self._new_ids += piece is None
        self._added_special.update(
            token
            for token, source in zip(tokens, given, strict=True)
            if (special_tokens or is_special(source)) and token in self._added
        )
        self._update_tables()
        return self._new_ids - before

    def add_special_tokens(
        self, special_tokens_dict: Mapping[str, str | AddedToken | Sequence[str | AddedToken]]
    ) -> int:
        """Adds special tokens by their roles.

        Args:
            special_tokens_dict: dict with `"additional_special_tokens"`, a list of str or
                `AddedToken`; or with `"bos_token"`, `"sep_token"` or `"cls_token"`, one of them.

        Returns:
            int, number of new ids.

        Raises:
            ValueError: if another role is given, or a token is invalid.
        """
        known = (*OPTIONAL_ROLES, "additional_special_tokens")
        for role, token in special_tokens_dict.items():
            if role not in known:
                raise ValueError(
                    f"{role!r} cannot be changed, because its id is part of every model: give one "
                    f"of {known}"
                )
            if role in OPTIONAL_ROLES:
                check_spelling(spelling(token))
            elif isinstance(token, str):
                raise ValueError(f"{role} must be a list of tokens, got the str {token!r}")
        added = 0
        for role, token in special_tokens_dict.items():
            added += self.add_tokens(token, special_tokens=True)
            if role in OPTIONAL_ROLES:
                setattr(self, role, spelling(token))
        return added

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
        self._search = TokenSearch(self._found)
        self._special_ids = frozenset(self.all_special_ids)

    def convert_tokens_to_ids(self, tokens: Any) -> Any:
        """Returns the id of a token (None for None, such as a role that is not given), or a list.

        Unknown tokens get the id of `<unk>`.
        """
        if tokens is None:
            return None
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
