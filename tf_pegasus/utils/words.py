"""Words and sentences of any language, without a vocabulary or a model."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

# Scripts that are written without spaces between words: each of their characters is a word.
_WITHOUT_SPACES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),  # marks of repetition, and zero
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
_ALONE = "".join(f"{chr(first)}-{chr(last)}" for first, last in _WITHOUT_SPACES)
_PIECE = re.compile(rf"[{_ALONE}]|[^\W_{_ALONE}]+|[\W_]+")
# After a full stop there must be white space, because "3.5" is one sentence's.
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n")


class _Separators(dict):
    """A table for `str.translate` that leaves words with spaces around them."""

    def __missing__(self, point):
        character = chr(point)
        if unicodedata.category(character)[0] not in "LMN":
            found = " "
        elif any(first <= point <= last for first, last in _WITHOUT_SPACES):
            found = f" {character} "
        else:
            found = character
        self[point] = found
        return found


_SEPARATORS = _Separators()


def words(text: str) -> list[str]:
    """Splits a text into lower-case words.

    A word is a run of letters, marks and digits after NFKC normalization; in scripts that are
    written without spaces, such as Japanese, it is one character. Of an ASCII text these are the
    tokens of `rouge_score` without its stemmer.

    Args:
        text: str.

    Returns:
        list of str.
    """
    return unicodedata.normalize("NFKC", text).lower().translate(_SEPARATORS).split()


def pieces(text: str) -> list[str]:
    """Splits a text at the borders of its words, as it is: `"".join` gives the text again.

    Args:
        text: str.

    Returns:
        list of str, each a word or what is between two words.
    """
    return _PIECE.findall(text)


def sentences(text: str) -> list[str]:
    """Splits a text behind `.`, `!` and `?` that white space follows, and at line breaks.

    Full-width marks need no white space. Abbreviations are not known: "Dr. Who" is split.

    Args:
        text: str.

    Returns:
        list of str, without white space around them; blank ones are left out.
    """
    parts = (part.strip() for part in _SENTENCE_END.split(text))
    return [part for part in parts if part]


def ngrams(tokens: Sequence[str], size: int) -> Counter:
    """Counts the n-grams of a list of words.

    Args:
        tokens: list of str.
        size: int, number of words of each n-gram.

    Returns:
        `collections.Counter` of tuples.
    """
    return Counter(zip(*(tokens[start:] for start in range(size)), strict=False))


def mean(values: Iterable[float]) -> float:
    """Returns the mean of numbers, 0.0 if there are none."""
    values = list(values)
    return sum(values) / len(values) if values else 0.0
