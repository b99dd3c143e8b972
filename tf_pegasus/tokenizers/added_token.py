"""Tokens as objects, as `transformers` and the `tokenizers` library have them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class AddedToken:
    """A token of a vocabulary that is found in a text as a whole.

    Wherever a tokenizer accepts the spelling of a token it accepts this object, and those of
    `transformers` and `tokenizers`.

    Args:
        content: str, its spelling.
        single_word: bool, must be False: a token is found inside of words, too.
        lstrip, rstrip: bool, whether white space beside it belongs to the token. Without effect on
            ids, because the vocabulary leaves that out in any case.
        normalized: bool, whether it is searched for in the normalized text. Without effect: it is
            searched for as it is spelled, as by `transformers`' slow tokenizer.
        special: bool, whether `decode(skip_special_tokens=True)` leaves it out.
    """

    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = True
    special: bool = False

    def __str__(self) -> str:
        return self.content


def spelling(token: Any) -> Any:
    """Returns a token's spelling: of a str, an object, or a dict of a file.

    Raises:
        ValueError: if the token is to be found only as a whole word.
    """
    if isinstance(token, str):
        return token
    is_dict = isinstance(token, Mapping)
    if (is_dict and "content" not in token) or (not is_dict and not hasattr(token, "content")):
        return token
    content = token["content"] if is_dict else token.content
    if token.get("single_word") if is_dict else getattr(token, "single_word", False):
        raise ValueError(
            f"the added token {content!r} has single_word=True, which is not supported: leave it "
            "out, and the token is found inside of words, too"
        )
    return content


def is_special(token: Any) -> bool:
    """Returns whether a token, an object or a dict of a file, says that it is special."""
    if isinstance(token, Mapping):
        return bool(token.get("special"))
    return bool(getattr(token, "special", False))
