"""BLEU (Papineni et al., 2002) and chrF (Popović, 2015), computed by the package `sacrebleu`."""

from collections.abc import Sequence

from tf_pegasus.utils.extras import require


def load_metrics(tokenizer: str = "13a") -> dict:
    """Returns sacrebleu's metrics.

    Args:
        tokenizer: str, sacrebleu's tokenizer for BLEU: `"13a"`, `"intl"`, `"zh"`, `"char"`, ….

    Returns:
        dict with `bleu` and `chrf`.

    Raises:
        ValueError: if sacrebleu does not have the tokenizer.
        ImportError: if the extra `evaluate`, or a package that the tokenizer needs, is not
            installed.
    """
    metrics = require("sacrebleu.metrics", "evaluate")
    known = metrics.BLEU.TOKENIZERS
    if tokenizer not in known:
        raise ValueError(f"bleu_tokenizer={tokenizer!r} must be one of {', '.join(sorted(known))}")
    return {"bleu": metrics.BLEU(tokenize=tokenizer), "chrf": metrics.CHRF()}


def bleu_and_chrf(
    predictions: Sequence[str], references: Sequence[str], tokenizer: str = "13a"
) -> dict[str, dict]:
    """Scores all predictions together.

    Args:
        predictions, references: lists of str, of the same length.
        tokenizer: see `load_metrics`.

    Returns:
        dict with `bleu` and `chrf`, each a dict with `score`, from 0 to 100, and `signature`, what
        sacrebleu says about how it was computed.

    Raises:
        See `load_metrics`.
    """
    results = {}
    for name, metric in load_metrics(tokenizer).items():
        score = metric.corpus_score(list(predictions), [list(references)]).score
        results[name] = {"score": score, "signature": metric.get_signature().format()}
    return results
