"""Special tokens by their roles, such as `eos_token`, and their ids."""

from typing import Any

from tf_pegasus.tokenizers.options import SIDES, TokenizerOptions
from tf_pegasus.tokenizers.special_tokens import SpecialTokens

# The roles that PEGASUS does not use: each is None unless it is given.
OPTIONAL_ROLES = ("bos_token", "sep_token", "cls_token")
ROLES = (*OPTIONAL_ROLES, "eos_token", "unk_token", "pad_token", "mask_token")
# Their ids are part of every model.
_FIXED_ROLES = ("eos_token", "unk_token", "pad_token", "mask_token", "mask_token_sent")


def tokens_without_reserved_ids(options: TokenizerOptions) -> list[str]:
    """Returns the tokens with a role that are pieces of the vocabulary or follow it."""
    tokens = [getattr(options, role) for role in OPTIONAL_ROLES]
    masks = {"mask_token": options.mask_token, "mask_token_sent": options.mask_token_sent}
    if options.mask_token_sent is None:
        tokens.append(options.mask_token)
    elif options.offset == 0:
        # The default spellings are those of reserved ids, of which there are none.
        fields = TokenizerOptions.__dataclass_fields__
        tokens += [mask for role, mask in masks.items() if mask != fields[role].default]
    return [token for token in tokens if token is not None]


class NamedTokensMixin:
    """The properties of a tokenizer that are about its special tokens.

    Subclasses have the spellings as attributes, and the tables of `TokenTableMixin`.
    """

    pad_token: str
    eos_token: str
    unk_token: str
    mask_token: str
    mask_token_sent: str | None
    bos_token: str | None
    sep_token: str | None
    cls_token: str | None
    special_tokens: SpecialTokens
    _spelled: dict[str, int]

    def __setattr__(self, name: str, value: Any) -> None:
        # Another spelling would have no effect on texts, nor on ids.
        if name in _FIXED_ROLES and self.__dict__.get(name, value) != value:
            raise AttributeError(
                f"{name} cannot be changed to {value!r}: give it when the tokenizer is made, as in "
                f"from_pretrained(path, {name}={value!r})"
            )
        if name in ("padding_side", "truncation_side") and value not in SIDES:
            raise ValueError(f"{name}={value!r} must be one of {SIDES}")
        super().__setattr__(name, value)

    @property
    def special_added_tokens(self) -> list[str]:
        """list of str: the added tokens that are special."""
        raise NotImplementedError

    def _piece_id(self, token: str) -> int | None:
        raise NotImplementedError

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
    def mask_token_id(self) -> int | None:
        """int, id of the word mask (3), or None with `offset=0` and no mask of one's own."""
        return self._role_id(self.mask_token)

    @property
    def mask_token_sent_id(self) -> int | None:
        """int, id of the sentence mask (2), or None without one."""
        return self._role_id(self.mask_token_sent)

    @property
    def bos_token_id(self) -> int | None:
        """int, or None without `bos_token`, as in PEGASUS."""
        return self._given_id("bos_token")

    @property
    def sep_token_id(self) -> int | None:
        """int, or None without `sep_token`, as in PEGASUS."""
        return self._given_id("sep_token")

    @property
    def cls_token_id(self) -> int | None:
        """int, or None without `cls_token`, as in PEGASUS."""
        return self._given_id("cls_token")

    def _given_id(self, role):
        token = getattr(self, role)
        index = self._role_id(token)
        if index is None and token is not None:
            raise ValueError(
                f"{role}={token!r} is not in the vocabulary: add it by "
                f"add_special_tokens({{{role!r}: {token!r}}})"
            )
        return index

    def _role_id(self, token):
        if token is None:
            return None
        index = self._spelled.get(token)
        return self._piece_id(token) if index is None else index

    @property
    def additional_special_tokens(self) -> list[str]:
        """list of str: the sentence mask, the reserved `<unk_…>`, and added special tokens."""
        named = {getattr(self, role) for role in ROLES}
        return [token for token in self.all_special_tokens if token not in named]

    @property
    def additional_special_tokens_ids(self) -> list[int]:
        """list of int, the ids of `additional_special_tokens`."""
        return [self._spelled[token] for token in self.additional_special_tokens]

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
        roles = {role: getattr(self, role) for role in ROLES}
        given = {role: token for role, token in roles.items() if token is not None}
        return {**given, "additional_special_tokens": self.additional_special_tokens}
