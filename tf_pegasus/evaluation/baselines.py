"""Lead baselines: summaries that are copied from where a text begins."""

import re


def first_sentence(document):
    """The first sentence of a text: up to a full stop, question or exclamation mark that
    white space follows, or to the end of the line."""
    line = document.strip().split("\n")[0]
    return re.split(r"(?<=[.!?])\s", line)[0]


def first_words(document, count=10):
    """The first `count` words of a text."""
    return " ".join(document.split()[:count])


BASELINES = {"first sentence": first_sentence, "first 10 words": first_words}
