"""ROUGE (Lin, 2004) of summaries against references, and the lead baselines."""

import re

from tf_pegasus.utils.extras import require

METRICS = ("rouge1", "rouge2", "rougeL")


def rouge(predictions, references):
    """Mean ROUGE-1, -2 and -L F1 over the pairs, in percent, with Porter stemming.

    Args:
        predictions, references: lists of str, of the same length.

    Returns:
        dict of metric name to float.
    """
    scorer = require("rouge_score.rouge_scorer", "train").RougeScorer(METRICS, use_stemmer=True)
    totals = dict.fromkeys(METRICS, 0.0)
    for prediction, reference in zip(predictions, references, strict=True):
        for name, score in scorer.score(reference, prediction).items():
            totals[name] += score.fmeasure
    return {name: 100.0 * total / max(len(references), 1) for name, total in totals.items()}


def first_sentence(document):
    """The first sentence of a text: up to a full stop, question or exclamation mark that
    white space follows, or to the end of the line."""
    line = document.strip().split("\n")[0]
    return re.split(r"(?<=[.!?])\s", line)[0]


def first_words(document, count=10):
    """The first `count` words of a text."""
    return " ".join(document.split()[:count])


BASELINES = {"first sentence": first_sentence, "first 10 words": first_words}
