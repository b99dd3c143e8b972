"""Splits documents into sentences."""

import re
from collections.abc import Callable

from tf_pegasus.pretraining.settings import PretrainingSettings
from tf_pegasus.utils.extras import require

# White space of C, as in the authors' code, which reads bytes.
_AUTHORS_END = re.compile(r"(?<=[.!?])[ \t\n\v\f\r]+")


def split_as_authors(text: str) -> list[str]:
    """Splits behind each run of `.`, `!` and `?` that white space follows.

    White space stays with the sentence before it, so that `"".join` gives the text again. (The
    authors' code also splits at the string "[SEP]", which it uses as a mark, and loses it.)

    Args:
        text: str.

    Returns:
        list of str; none of an empty text.
    """
    ends = [match.end() for match in _AUTHORS_END.finditer(text)]
    starts = [0, *ends]
    parts = [text[start:end] for start, end in zip(starts, [*ends, len(text)], strict=True)]
    return [part for part in parts if part]


def sentence_splitter(settings: PretrainingSettings) -> Callable[[str], list[str]]:
    """Returns the function from a text to its sentences that the settings ask for.

    Raises:
        ImportError: if `sentencex` is asked for and not installed.
    """
    if callable(settings.sentences):
        return _checked(settings.sentences)
    if settings.sentences == "authors":
        return split_as_authors
    segment = require("sentencex", "train").segment
    language = settings.language

    def split(text: str) -> list[str]:
        sentences: list[str] = []
        for part in segment(language, text):
            # Line breaks between paragraphs are parts of their own.
            if sentences and not (part.strip() and sentences[-1].strip()):
                sentences[-1] += part
            else:
                sentences.append(part)
        return sentences

    return split


def _checked(function):
    def split(text: str) -> list[str]:
        found = function(text)
        if isinstance(found, str) or not all(isinstance(sentence, str) for sentence in found):
            raise TypeError(f"sentences must return a list of str, got {found!r:.80}")
        return [sentence for sentence in found if sentence]

    return split
