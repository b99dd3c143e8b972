import pytest
from helpers.texts import TEXTS
from rouge_score.tokenizers import DefaultTokenizer

from tf_pegasus.utils.words import ngrams, sentences, words


def test_words_of_ascii_texts_are_those_of_rouge_score():
    texts = [text for text in TEXTS if text.isascii()]
    assert len(texts) > 10
    for text in texts:
        assert words(text) == DefaultTokenizer().tokenize(text), text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Das Mädchen aß 3,5 Äpfel.", ["das", "mädchen", "aß", "3", "5", "äpfel"]),
        ("日本語とＡＢＣ1。", ["日", "本", "語", "と", "abc1"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("e\u0301te\u0301 snake_case", ["été", "snake", "case"]),
        ("🎉 — …", []),
    ],
)
def test_words_of_other_scripts(text, expected):
    assert words(text) == expected


def test_sentences():
    assert sentences("It is 3.5. Is it? Yes!\n\nNo stop\n") == [
        "It is 3.5.",
        "Is it?",
        "Yes!",
        "No stop",
    ]
    assert sentences("一つ。二つ！三つ") == ["一つ。", "二つ！", "三つ"]
    assert sentences(" \n ") == []


def test_ngrams():
    assert ngrams("abab", 2) == {("a", "b"): 2, ("b", "a"): 1}
    assert ngrams("a", 2) == {}
