"""BLEU (Papineni et al., 2002) and chrF (Popović, 2015), computed by the package `sacrebleu`."""

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


class BleuAndChrf:
    """Scores all predictions together, without keeping them.

    Args:
        tokenizer: see `load_metrics`.

    Raises:
        See `load_metrics`.
    """

    def __init__(self, tokenizer: str = "13a"):
        self._metrics = load_metrics(tokenizer)
        self._sums: dict[str, list[float]] = {}

    def add(self, prediction: str, reference: str) -> None:
        """Adds the statistics of a prediction."""
        for name, metric in self._metrics.items():
            # The first step of sacrebleu's `corpus_score`, which keeps the n-grams of all texts.
            (found,) = metric._extract_corpus_statistics([prediction], [[reference]])
            sums = self._sums.setdefault(name, [0] * len(found))
            self._sums[name] = [a + b for a, b in zip(sums, found, strict=True)]

    def result(self) -> dict[str, dict]:
        """Returns the scores of what was added.

        Returns:
            dict with `bleu` and `chrf`, each a dict with `score`, from 0 to 100, and `signature`,
            what sacrebleu says about how it was computed.
        """
        return {
            name: {
                "score": metric._compute_score_from_stats(self._sums[name]).score,
                "signature": metric.get_signature().format(),
            }
            for name, metric in self._metrics.items()
        }
