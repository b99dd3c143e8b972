"""ROUGE (Lin, 2004)."""

from tf_pegasus.utils.extras import require

METRICS = ("rouge1", "rouge2", "rougeL")


def rouge(predictions, references):
    """Returns mean ROUGE-1, -2 and -L F1 in percent, with Porter stemming.

    Args:
        predictions, references: lists of str, of the same length.

    Returns:
        dict from metric name to float.

    Raises:
        ValueError: if the numbers of predictions and references differ.
        ImportError: if the extra `train` is not installed.
    """
    scorer = load_scorer()
    totals = dict.fromkeys(METRICS, 0.0)
    for prediction, reference in zip(predictions, references, strict=True):
        for name, score in scorer.score(reference, prediction).items():
            totals[name] += score.fmeasure
    return {name: 100.0 * total / max(len(references), 1) for name, total in totals.items()}


def load_scorer():
    """Returns the `RougeScorer` that `rouge` uses.

    Raises:
        ImportError: if the extra `train` is not installed.
    """
    return require("rouge_score.rouge_scorer", "train").RougeScorer(METRICS, use_stemmer=True)
