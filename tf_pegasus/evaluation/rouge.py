"""ROUGE (Lin, 2004), computed by the package `rouge-score`."""

from typing import Any, Literal, get_args

from tf_pegasus.utils.extras import require
from tf_pegasus.utils.words import mean, sentences, words

METRICS = ("rouge1", "rouge2", "rougeL", "rougeLsum")
RougeTokenizer = Literal["unicode", "rouge-score"]
ROUGE_TOKENIZERS = get_args(RougeTokenizer)
PARTS = ("precision", "recall", "fmeasure")


class RougeScorer:
    """Scores a prediction against a reference.

    Args:
        tokenizer: str. `"unicode"` compares words of any language, see `words`; `"rouge-score"`
            is that package's own tokenizer, which removes all but ASCII letters and digits, so
            that identical Japanese texts score 0. They agree on ASCII texts.
        stemmer: bool, whether to compare stems of English words of ASCII letters (Porter, 1980).
        split_sentences: bool, whether ROUGE-Lsum compares sentences, see `sentences`; otherwise
            it compares lines.

    Raises:
        ValueError: if `tokenizer` is unknown.
        ImportError: if the extra `evaluate` is not installed.
    """

    def __init__(
        self,
        tokenizer: str = "unicode",
        stemmer: bool = True,
        split_sentences: bool = True,
    ):
        if tokenizer not in ROUGE_TOKENIZERS:
            raise ValueError(
                f"tokenizer={tokenizer!r} must be one of {', '.join(ROUGE_TOKENIZERS)}"
            )
        self._scorer = require("rouge_score.rouge_scorer", "evaluate").RougeScorer(
            METRICS,
            use_stemmer=stemmer,
            tokenizer=_UnicodeTokenizer(stemmer) if tokenizer == "unicode" else None,
        )
        self._split_sentences = split_sentences

    def score(self, prediction: str, reference: str) -> dict[str, Any]:
        """Scores one prediction.

        Args:
            prediction, reference: str.

        Returns:
            dict from the names in `METRICS` to named tuples of `precision`, `recall` and
            `fmeasure`, from 0 to 1.
        """
        if self._split_sentences:
            prediction, reference = ("\n".join(sentences(t)) for t in (prediction, reference))
        return self._scorer.score(reference, prediction)


class _UnicodeTokenizer:
    """The interface of `rouge_score.tokenizers.Tokenizer`."""

    def __init__(self, stemmer):
        self._stem = _porter_stem() if stemmer else str

    def tokenize(self, text):
        # As rouge-score does, words of up to three letters stay.
        return [self._stem(w) if len(w) > 3 and w.isascii() else w for w in words(text)]


def _porter_stem():
    return require("nltk.stem.porter", "evaluate").PorterStemmer().stem


def rouge(predictions, references, **options):
    """Returns the mean F1 of each metric, in percent.

    Args:
        predictions, references: lists of str, of the same length.
        **options: see `RougeScorer`.

    Returns:
        dict from the names in `METRICS` to float.

    Raises:
        ValueError: if the numbers of predictions and references differ.
        ImportError: if the extra `evaluate` is not installed.
    """
    scorer = RougeScorer(**options)
    scores = [scorer.score(p, r) for p, r in zip(predictions, references, strict=True)]
    return {name: 100 * mean(score[name].fmeasure for score in scores) for name in METRICS}


def aggregate(scores, samples: int = 1000, seed: int = 0) -> dict[str, dict]:
    """Returns means with 95 % intervals, in percent.

    The bounds are those of `rouge_score.scoring.BootstrapAggregator`: percentiles of the means of
    samples that are drawn with replacement.

    Args:
        scores: list of what `RougeScorer.score` returned, at least one.
        samples: int, number of samples.
        seed: int, seed of the samples.

    Returns:
        dict from the names in `METRICS` to a dict with `precision`, `recall` and `fmeasure`, each
        a dict with `mean`, `low` and `high`.

    Raises:
        ImportError: if the extra `evaluate` is not installed.
    """
    # The command's parser imports this module, and need not wait for NumPy.
    import numpy as np

    scoring = require("rouge_score.scoring", "evaluate")
    aggregator = scoring.BootstrapAggregator(confidence_interval=0.95, n_samples=samples)
    for score in scores:
        aggregator.add_scores(score)
    # It draws from NumPy's global generator.
    state = np.random.get_state()
    try:
        np.random.seed(seed)
        found = aggregator.aggregate()
    finally:
        np.random.set_state(state)
    return {
        name: {
            part: {
                # `mid` of the aggregator is a median of means.
                "mean": 100 * mean(getattr(score[name], part) for score in scores),
                "low": 100 * float(getattr(bounds.low, part)),
                "high": 100 * float(getattr(bounds.high, part)),
            }
            for part in PARTS
        }
        for name, bounds in found.items()
    }


def score_type():
    """Returns the named tuple of rouge-score with the fields `PARTS`.

    Raises:
        ImportError: if the extra `evaluate` is not installed.
    """
    return require("rouge_score.scoring", "evaluate").Score
