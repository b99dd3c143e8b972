import builtins

import pytest

from tf_pegasus.evaluation.rouge import first_sentence, first_words, rouge
from tf_pegasus.utils.extras import require


def test_rouge():
    scores = rouge(["the cat sat"], ["the cat sat on the mat"])
    assert scores["rouge1"] == pytest.approx(100 * 2 * (3 / 3) * (3 / 6) / (3 / 3 + 3 / 6))
    assert scores["rouge2"] == pytest.approx(100 * 2 * 1 * (2 / 5) / (1 + 2 / 5))
    assert rouge(["a", "b c"], ["x", "b c"])["rouge1"] == pytest.approx(50.0)
    with pytest.raises(ValueError, match="zip"):
        rouge(["a"], [])


def test_lead_baselines():
    assert first_sentence("It is v1.2 of foo. It runs.\nMore.") == "It is v1.2 of foo."
    assert first_sentence("\n No stop here\nSecond line.") == "No stop here"
    assert first_words("a b\nc d", 3) == "a b c"


def test_missing_extra_is_named(monkeypatch):
    real = builtins.__import__

    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr("tf_pegasus.utils.extras.importlib.import_module", refuse)
    assert builtins.__import__ is real
    with pytest.raises(ImportError, match=r"lz4 .* pip install 'tf-pegasus\[train\]'"):
        require("lz4.frame", "train")
