"""The table of ids that are not pieces of text, which all tokenizers read.

0 is pad, 1 is eos; where ids are reserved (`offset` > 0), 2 is the sentence mask, 3 the
word mask, and 4 … offset + 1 are `<unk_2>` … `<unk_{offset - 1}>`. A sentencepiece id
s >= 2 becomes s + offset, so that sentencepiece's `<unk>` (2) is offset + 2. Tokens that
are added later follow the vocabulary.
"""

import re
from typing import NamedTuple

SENTENCEPIECE_PAD = 0
SENTENCEPIECE_EOS = 1
SENTENCEPIECE_UNK = 2


class SpecialTokens(NamedTuple):
    """Ids of the tokens that are not text, by spelling, and the sentencepiece shift."""

    ids: dict
    offset: int
    pad_token_id: int
    eos_token_id: int
    unk_token_id: int

    @property
    def first_text_id(self):
        """The smallest id that stands for text."""
        return self.unk_token_id + 1


def special_tokens(
    pad_token="<pad>",
    eos_token="</s>",
    unk_token="<unk>",
    mask_token="<mask_2>",
    mask_token_sent="<mask_1>",
    offset=103,
):
    """Builds the table.

    Raises:
        ValueError: two tokens share a spelling, a spelling is empty, or `offset` leaves no
            room for the mask tokens.
    """
    if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0 or offset in (1, 2):
        raise ValueError(f"offset={offset!r} must be 0 (no reserved ids) or an int of at least 3")
    spellings = [pad_token, eos_token]
    if offset:
        spellings += [mask_token_sent, mask_token]
        spellings += [f"<unk_{i}>" for i in range(2, offset)]
    spellings.append(unk_token)
    for spelling in spellings:
        check_spelling(spelling)
    if len(set(spellings)) != len(spellings):
        twice = next(s for s in spellings if spellings.count(s) > 1)
        raise ValueError(f"special token {twice!r} is given twice")
    ids = {spelling: index for index, spelling in enumerate(spellings)}
    ids[unk_token] = offset + SENTENCEPIECE_UNK
    return SpecialTokens(
        ids=ids,
        offset=offset,
        pad_token_id=SENTENCEPIECE_PAD,
        eos_token_id=SENTENCEPIECE_EOS,
        unk_token_id=offset + SENTENCEPIECE_UNK,
    )


def check_spelling(spelling):
    """Raises ValueError unless `spelling` can be a token's."""
    if not isinstance(spelling, str) or not spelling:
        raise ValueError(f"a token must be a non-empty string, got {spelling!r}")


def splitting_pattern(spellings):
    """A regular expression, for Python and RE2, that finds tokens in a text.

    Of two tokens at one place the longer one is found.
    """
    longest_first = sorted(spellings, key=len, reverse=True)
    return "(" + "|".join(map(re.escape, longest_first)) + ")"
