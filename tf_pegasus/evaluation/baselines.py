"""Lead baselines: summaries copied from the beginning of a text."""

import re


def first_sentence(document):
    """Returns the first sentence of a text.

    It ends with a full stop, question or exclamation mark that white space follows, or with the
    line.
    """
    line = document.strip().split("\n")[0]
    return re.split(r"(?<=[.!?])\s", line)[0]


def first_words(document, count=10):
    """Returns the first `count` words of a text."""
    return " ".join(document.split()[:count])


BASELINES = {"first sentence": first_sentence, "first 10 words": first_words}
