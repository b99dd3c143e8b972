import pytest

from tf_pegasus.evaluation.rouge import rouge


def test_rouge():
    scores = rouge(["the cat sat"], ["the cat sat on the mat"])
    assert scores["rouge1"] == pytest.approx(100 * 2 * (3 / 3) * (3 / 6) / (3 / 3 + 3 / 6))
    assert scores["rouge2"] == pytest.approx(100 * 2 * 1 * (2 / 5) / (1 + 2 / 5))
    assert rouge(["a", "b c"], ["x", "b c"])["rouge1"] == pytest.approx(50.0)
    with pytest.raises(ValueError, match="zip"):
        rouge(["a"], [])
