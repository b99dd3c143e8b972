import pytest
from helpers.plain_pretraining import authors_sentences
from helpers.texts import TEXTS, generated
from hypothesis import given
from hypothesis import strategies as st

from tf_pegasus.pretraining.sentences import sentence_splitter, split_as_authors
from tf_pegasus.pretraining.settings import PretrainingSettings


def test_authors_rule_keeps_white_space_with_the_sentence_before():
    # The first two are the authors' own tests.
    assert split_as_authors("This is? what what.") == ["This is? ", "what what."]
    assert split_as_authors("This is.what what? ") == ["This is.what what? "]
    assert split_as_authors("Dr. Who?! \n Yes… No.\u2003x") == [
        "Dr. ",
        "Who?! \n ",
        "Yes… No.\u2003x",
    ]
    assert split_as_authors("") == []


@given(st.text(st.sampled_from("a.!? \n\t\u2003é")))
def test_authors_rule_is_that_of_the_plain_implementation(text):
    assert split_as_authors(text) == authors_sentences(text)


def test_sentencex_knows_abbreviations_and_keeps_all_characters():
    split = sentence_splitter(PretrainingSettings())
    text = "It met Dr. Brown at 3.5 p.m. in the U.S. today.\n\nA new one! "
    assert split(text) == ["It met Dr. Brown at 3.5 p.m. in the U.S. today.\n\n", "A new one! "]
    for text in [*TEXTS, *generated(100, seed=0)]:
        assert "".join(split(text)) == text
        assert all(sentence.strip() for sentence in split(text)) or not text.strip()


def test_a_function_splits_sentences():
    split = sentence_splitter(PretrainingSettings(sentences=lambda text: text.split("|")))
    assert split("a|b||c") == ["a", "b", "c"]
    wrong = sentence_splitter(PretrainingSettings(sentences=str.strip))
    with pytest.raises(TypeError, match="must return a list of str, got 'a'"):
        wrong("a")
