"""The table of ids that are not pieces of text, which all tokenizers share.

Id 0 is pad, 1 is eos. If ids are reserved (`offset` > 0), 2 is the sentence mask, 3 the word
mask, and 4 … offset + 1 are `<unk_2>` … `<unk_{offset - 1}>`. Without a sentence mask, neither mask
is there, and the others begin at 2. A sentencepiece id s >= 2 becomes s + offset, so that
sentencepiece's `<unk>` (2) is offset + 2. Tokens that are added later follow the vocabulary.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tf_pegasus.tokenizers.options import TokenizerOptions

SENTENCEPIECE_PAD = 0
SENTENCEPIECE_EOS = 1
SENTENCEPIECE_UNK = 2

# Every text is searched for them; the search needs about 300 bytes for each of their characters.
MOST_RESERVED = 10_000
MOST_ADDED = 10_000
MOST_ADDED_CHARACTERS = 500_000


class SpecialTokens(NamedTuple):
    """Ids of the tokens that are not text, by spelling, and the sentencepiece shift."""

    ids: dict[str, int]
    offset: int
    mask_token: str
    mask_token_sent: str | None
    pad_token_id: int
    eos_token_id: int
    unk_token_id: int

    @property
    def first_text_id(self) -> int:
        """The smallest id that stands for text."""
        return self.unk_token_id + 1


def special_tokens(options: TokenizerOptions) -> SpecialTokens:
    """Builds the table.

    Raises:
        ValueError: if two tokens share a spelling, or too many ids are reserved.
    """
    offset = options.offset
    if offset > MOST_RESERVED:
        raise ValueError(f"offset={offset} must be at most {MOST_RESERVED}")
    spellings = [options.pad_token, options.eos_token]
    if offset:
        if options.mask_token_sent is not None:
            spellings += [options.mask_token_sent, options.mask_token]
        spellings += [f"<unk_{i}>" for i in range(2, offset)]
    spellings.append(options.unk_token)
    if len(set(spellings)) != len(spellings):
        twice = Counter(spellings).most_common(1)[0][0]
        raise ValueError(f"special token {twice!r} is given twice")
    ids = {spelling: index for index, spelling in enumerate(spellings)}
    ids[options.unk_token] = offset + SENTENCEPIECE_UNK
    return SpecialTokens(
        ids=ids,
        offset=offset,
        mask_token=options.mask_token,
        mask_token_sent=options.mask_token_sent,
        pad_token_id=SENTENCEPIECE_PAD,
        eos_token_id=SENTENCEPIECE_EOS,
        unk_token_id=offset + SENTENCEPIECE_UNK,
    )


def check_spelling(spelling: str) -> None:
    """Raises ValueError unless `spelling` is valid for a token."""
    if not isinstance(spelling, str) or not spelling:
        raise ValueError(f"a token must be a non-empty string, got {spelling!r}")


def check_added(tokens: Sequence[str]) -> None:
    """Raises ValueError if there would be more added tokens than are supported."""
    if len(tokens) > MOST_ADDED:
        raise ValueError(f"{len(tokens)} added tokens: at most {MOST_ADDED} are supported")
    characters = sum(map(len, tokens))
    if characters > MOST_ADDED_CHARACTERS:
        raise ValueError(
            f"added tokens of {characters} characters in all, of which the longest is "
            f"{max(tokens, key=len)[:20]!r}…: at most {MOST_ADDED_CHARACTERS} are supported"
        )


def splitting_pattern(spellings: Iterable[str]) -> str | None:
    """Returns a regular expression, for Python and RE2, that finds tokens in a text.

    If two tokens match at the same position, it finds the longer one.
    """
    longest_first = sorted(spellings, key=len, reverse=True)
    return "(" + "|".join(map(re.escape, longest_first)) + ")" if longest_first else None


def found_in_text(
    table: SpecialTokens,
    added: Mapping[str, int],
    special_added: Iterable[str],
    special_tokens_in_text: str,
) -> dict[str, int]:
    """The tokens that become their ids where a text spells them.

    Args:
        table: the special tokens.
        added: dict from added token to id.
        special_added: those of them that are special.
        special_tokens_in_text: see `TokenizerOptions`.

    Returns:
        dict from spelling to id.
    """
    if special_tokens_in_text == "keep":
        return {**table.ids, **added}
    special = {*table.ids, *special_added}
    return {token: index for token, index in added.items() if token not in special}
