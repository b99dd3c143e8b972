"""Numbers and names in a summary that its document does not contain.

A model may invent them. The check compares spellings and knows no language: what it marks deserves
a look, and what it does not mark may still be wrong, such as a number of the document in the wrong
place.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

_WORD = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f]|['’.](?=[^\W_]))*")
_ENDS = frozenset(".!?:;\n。！？")
# Words that are capitalized for their place alone, before a name.
_BEFORE_NAMES = (
    "a an the this that these those in on at by for of to from with and but or as is are was were "
    "it he she they we i you his her its their our after before during when while where who"
)
_FUNCTION_WORDS = frozenset(_BEFORE_NAMES.split())
_UNIT_NAMES = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TENS_NAMES = "twenty thirty forty fifty sixty seventy eighty ninety"
_UNITS = {name: value for value, name in enumerate(_UNIT_NAMES.split(), 1)}
_TENS = {name: 10 * value for value, name in enumerate(_TENS_NAMES.split(), 2)}
_SCALES = {
    "hundred": 10**2,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}
# They may mean something else, as in "5 m".
_LETTER_SCALES = {"k": 10**3, "m": 10**6, "bn": 10**9}
# Longer numbers, such as checksums, are compared as strings.
_MOST_DIGITS = 25
_GROUP = "[.,'’\u00a0\u202f]"
_NUMBER = re.compile(
    rf"(?:(?P<digits>\d+(?:{_GROUP}\d+)*)"
    rf"|\b(?P<tens>{'|'.join(_TENS)})(?:-(?P<ones>{'|'.join(_UNITS)}))?\b"
    rf"|\b(?P<units>{'|'.join(_UNITS)})\b)"
    rf"(?P<scale>(?:[ \u00a0-]?(?:{'|'.join([*_SCALES, *_LETTER_SCALES])})\b)?)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Unsupported:
    """A number or name of a summary that its document does not contain.

    Attributes:
        kind: `"number"` or `"name"`.
        text: str, as it is in the summary.
        start, end: int, its place: `summary[start:end]` is `text`.
    """

    kind: Literal["number", "name"]
    text: str
    start: int
    end: int


def unsupported(document: str, summary: str) -> list[Unsupported]:
    """Finds the numbers and names of a summary that its document does not contain.

    Numbers are compared by value: "1,200,000", "1.2 million" and "1200000" are the same, and so
    are "three" and "3" (English words from two to ninety-nine, with hundred to trillion). Signs,
    units and rounding are not considered; "one" is not a number.

    Names are words with a capital letter, except the first of a sentence, unless a capitalized
    word or a capital letter inside it follows. A name must be in the document, in any case, with or
    without accents and a final s; the words of the document may also have its letters as initials.
    Where other words are capitalized, such as German nouns, they count as names; where there are no
    capital letters, as in Japanese, no names are found.

    Args:
        document, summary: str.

    Returns:
        list of `Unsupported`, in the order of the summary, without overlaps.
    """
    values = {value for match in _NUMBER.finditer(document) for value in _values(match)}
    words = [match[0] for match in _WORD.finditer(document)]
    known = {_key(part) for word in words for part in (word, *re.split("['’.]", word))}
    initials = "".join(word[0] if word[0].isupper() else " " for word in words)
    found = [
        Unsupported("number", match[0], *match.span())
        for match in _NUMBER.finditer(summary)
        if match[0].lower() != "one" and not values.intersection(_values(match))
    ]
    found += [
        Unsupported("name", match[0], *match.span())
        for match in _names(summary)
        if _key(match[0]) not in known and not _is_acronym(match[0], initials)
    ]
    return list(_without_overlaps(found))


def mark(summary: str, found: Iterable[Unsupported]) -> str:
    """Returns a summary in which what `unsupported` found is in brackets, as in "in [1998?]"."""
    marked, end = "", 0
    for each in found:
        marked += f"{summary[end : each.start]}[{each.text}?]"
        end = each.end
    return marked + summary[end:]


def _names(summary) -> Iterator[re.Match]:
    matches = list(_WORD.finditer(summary))
    # The text between two words.
    gaps = [summary[a.end() : b.start()] for a, b in itertools.pairwise(matches)]
    for i, match in enumerate(matches):
        word = match[0]
        if word.islower() or not any(map(str.isupper, word)) or word.lower() in _FUNCTION_WORDS:
            continue
        if i == 0 or _ENDS.intersection(gaps[i - 1]):
            is_followed = (
                i + 1 < len(matches) and gaps[i] in (" ", "-") and matches[i + 1][0][0].isupper()
            )
            if not is_followed and not any(map(str.isupper, word[1:])):
                continue
        yield match


def _key(word):
    """Returns the form in which words are compared."""
    word = unicodedata.normalize("NFKD", word.casefold().replace("’", "'").removesuffix("'s"))
    word = "".join(c for c in word if c != "." and not unicodedata.combining(c))
    return word.removesuffix("s") if len(word) > 3 else word


def _is_acronym(word, initials):
    letters = word.replace(".", "")
    return len(letters) > 1 and letters.isupper() and letters in initials


def _values(match) -> set:
    """Returns the values that a number may have, more than one if its spelling is ambiguous."""
    values: set
    if match["digits"]:
        values = _readings(match["digits"])
    elif match["tens"]:
        values = {_TENS[match["tens"].lower()] + _UNITS.get((match["ones"] or "").lower(), 0)}
    else:
        values = {_UNITS[match["units"].lower()]}
    name = match["scale"].strip(" \u00a0-").lower()
    factor = _SCALES.get(name) or _LETTER_SCALES.get(name)
    if factor is None:
        return values
    scaled = {value * factor for value in values if not isinstance(value, str)}
    return scaled if name in _SCALES else scaled | values


def _readings(digits) -> set:
    """Returns the values of "1,234" (1234 and 1.234); versions and dates remain strings."""
    *groups, last = re.split(_GROUP, digits)
    signs = re.findall(_GROUP, digits)
    readings: set = set()
    if len(digits) > _MOST_DIGITS:
        return {digits}
    if not groups:
        return {Decimal(last)}
    if _is_grouped(groups[0], [*groups[1:], last]) and len(set(signs)) == 1:
        readings.add(Decimal("".join([*groups, last])))
    if signs[-1] in ".," and signs.count(signs[-1]) == 1 and _is_grouped(groups[0], groups[1:]):
        readings.add(Decimal(f"{''.join(groups)}.{last}"))
    return readings or {digits}


def _is_grouped(first, rest):
    return not rest or (len(first) <= 3 and all(len(group) == 3 for group in rest))


def _without_overlaps(found) -> Iterator[Unsupported]:
    end = 0
    for each in sorted(found, key=lambda each: (each.start, -each.end)):
        if each.start >= end:
            yield each
            end = each.end
