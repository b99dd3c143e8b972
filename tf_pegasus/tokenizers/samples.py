"""The forms that a tokenizer accepts texts in."""

from collections.abc import Iterable
from typing import Any, NamedTuple


class Samples(NamedTuple):
    """Texts, one or two of each sample.

    Fields:
        firsts, seconds: lists of texts: str, or lists of words; `seconds` may be None.
        is_one: bool, whether a single sample was given, and not a list.
    """

    firsts: list[Any]
    seconds: list[Any] | None
    is_one: bool


def as_samples(text: Any, text_pair: Any, is_split_into_words: bool) -> Samples:
    """Brings the arguments of a tokenizer's call to one form.

    Args:
        text: one text; a list of texts; or a list of pairs of texts.
        text_pair: None, or in the form of `text`.
        is_split_into_words: bool, whether a text is a list of words, not a str.

    Raises:
        TypeError: if a text is neither, or the two arguments have different forms.
        ValueError: if there are not as many second texts as first ones.
    """
    is_text = _is_words if is_split_into_words else _is_string
    if is_split_into_words and isinstance(text, str):
        raise TypeError(
            f"is_split_into_words=True needs a list of words, got the str {text!r:.60}: pass "
            "text.split(), or is_split_into_words=False"
        )
    is_one = is_text(text)
    if text_pair is not None and is_one != is_text(text_pair):
        one, many = ("text", "text_pair") if is_one else ("text_pair", "text")
        raise TypeError(
            f"{one} is one text and {many} is not (text={text!r:.60}, text_pair={text_pair!r:.60})"
        )
    firsts = [text] if is_one else _listed(text)
    seconds = None
    if text_pair is not None:
        seconds = [text_pair] if is_one else _listed(text_pair)
        if len(seconds) != len(firsts):
            raise ValueError(
                f"text has {len(firsts)} texts and text_pair {len(seconds)}: they must have the "
                "same length"
            )
    elif firsts and not is_one and all(_is_pair(sample, is_text) for sample in firsts):
        firsts, seconds = [sample[0] for sample in firsts], [sample[1] for sample in firsts]
    for sample in (*firsts, *(seconds or ())):
        _check_text(sample, is_split_into_words)
    return Samples(firsts, seconds, is_one)


def _listed(texts):
    # A set has no order.
    if isinstance(texts, (bytes, dict, set, frozenset)) or not isinstance(texts, Iterable):
        raise TypeError(f"texts must be a str or a list of str, got {texts!r:.80}")
    return list(texts)


def _is_string(text):
    return isinstance(text, str)


def _is_words(text):
    # An empty list is a batch without samples, as it is without is_split_into_words.
    return isinstance(text, (list, tuple)) and len(text) > 0 and all(map(_is_string, text))


def _is_pair(sample, is_text):
    return isinstance(sample, (tuple, list)) and len(sample) == 2 and all(map(is_text, sample))


def _check_text(text, is_split_into_words):
    if not is_split_into_words:
        check_string(text)
    elif isinstance(text, str) or not isinstance(text, (list, tuple)):
        raise TypeError(
            f"with is_split_into_words=True a text must be a list of words, got {text!r:.80}"
        )
    else:
        for word in text:
            if not isinstance(word, str):
                raise TypeError(f"a word must be a str, got {type(word).__name__}: {word!r:.80}")


def check_string(text: Any) -> None:
    """Raises TypeError unless a text is a str."""
    if isinstance(text, str):
        return
    hint = "; pass is_split_into_words=True for lists of words" if _is_words(text) else ""
    raise TypeError(f"a text must be a str, got {type(text).__name__}: {text!r:.80}{hint}")


def check_unicode(texts: Iterable[str]) -> None:
    """Raises ValueError if a text has half of a surrogate pair, which UTF-8 cannot express."""
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(
                f"a text is not valid Unicode: it has {text[error.start]!r} at {error.start}"
            ) from error
