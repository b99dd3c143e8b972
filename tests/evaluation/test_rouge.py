import numpy as np
import pytest
from helpers.texts import PROSE
from rouge_score import rouge_scorer, scoring

from tf_pegasus.evaluation.rouge import METRICS, RougeScorer, aggregate, rouge

ASCII = [text for text in PROSE if text.isascii()] + [
    "Dogs were running.\nCats slept! Why? e.g. so"
]
PAIRS = [(a, b) for a in ASCII for b in (*ASCII, f"{ASCII[0]} {a}")]


def test_rouge():
    scores = rouge(["the cat sat"], ["the cat sat on the mat"])
    assert scores["rouge1"] == pytest.approx(100 * 2 * (3 / 3) * (3 / 6) / (3 / 3 + 3 / 6))
    assert scores["rouge2"] == pytest.approx(100 * 2 * 1 * (2 / 5) / (1 + 2 / 5))
    assert rouge(["a", "b c"], ["x", "b c"])["rouge1"] == pytest.approx(50.0)
    with pytest.raises(ValueError, match="zip"):
        rouge(["a"], [])


def test_lsum_compares_sentences():
    predictions, references = ["One two. Three four."], ["Three four. One two."]
    assert rouge(predictions, references)["rougeLsum"] == 100.0
    assert rouge(predictions, references, split_sentences=False)["rougeLsum"] == 50.0
    assert rouge(predictions, references)["rougeL"] == 50.0


@pytest.mark.parametrize("tokenizer", ["unicode", "rouge-score"])
@pytest.mark.parametrize("stemmer", [True, False])
def test_agrees_with_rouge_score(tokenizer, stemmer):
    theirs = rouge_scorer.RougeScorer(METRICS, use_stemmer=stemmer)
    ours = RougeScorer(tokenizer, stemmer, split_sentences=False)
    for prediction, reference in PAIRS:
        expected = theirs.score(reference, prediction)
        found = ours.score(prediction, reference)
        for name in METRICS:
            np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-6)


def test_stemmer_has_its_effect():
    assert rouge(["the dogs barked"], ["a dog barks"])["rouge1"] > 0
    assert rouge(["the dogs barked"], ["a dog barks"], stemmer=False)["rouge1"] == 0


@pytest.mark.parametrize(
    "text", ["日本語の文章です。", "Быстрая лиса прыгает.", "हिन्दी में एक वाक्य।"]
)
def test_identical_texts_of_any_language_score_100(text):
    assert rouge([text], [text]) == dict.fromkeys(METRICS, 100.0)
    assert rouge([text], [text], tokenizer="rouge-score")["rouge1"] == 0


def test_unknown_tokenizer():
    with pytest.raises(ValueError, match="tokenizer='spacy' must be one of unicode, rouge-score"):
        RougeScorer("spacy")


def test_intervals_are_those_of_the_aggregator():
    scorer = RougeScorer()
    scores = [scorer.score(*pair) for pair in PAIRS]
    aggregator = scoring.BootstrapAggregator(n_samples=50)
    for score in scores:
        aggregator.add_scores(score)
    np.random.seed(3)
    expected = aggregator.aggregate()
    np.random.seed(4)
    state = np.random.get_state()[1].tolist()
    found = aggregate(scores, samples=50, seed=3)
    assert np.random.get_state()[1].tolist() == state
    for name in METRICS:
        mean = np.mean([score[name].recall for score in scores])
        assert found[name]["recall"] == {
            "mean": pytest.approx(100 * mean, abs=1e-6),
            "low": pytest.approx(100 * expected[name].low.recall, abs=1e-6),
            "high": pytest.approx(100 * expected[name].high.recall, abs=1e-6),
        }
        assert found[name]["recall"]["low"] < 100 * mean < found[name]["recall"]["high"]
