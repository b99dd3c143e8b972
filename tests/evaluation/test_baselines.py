import pytest

from tf_pegasus.evaluation.baselines import (
    BASELINES,
    first_sentence,
    first_sentences,
    first_words,
    oracle,
    random_sentence,
)

DOCUMENT = "The dog barks. A cat sleeps all day. Nothing happens. It rains in Paris."


def test_lead_baselines():
    assert first_sentence("It is v1.2 of foo. It runs.\nMore.") == "It is v1.2 of foo."
    assert first_sentence("\n No stop here\nSecond line.") == "No stop here"
    assert first_words("a b\nc d", 3) == "a b c"
    assert first_sentences(DOCUMENT, 2) == "The dog barks.\nA cat sleeps all day."


def test_random_sentence_depends_on_the_seed_and_the_text_alone():
    chosen = [random_sentence(DOCUMENT, seed) for seed in range(20)]
    assert chosen == [random_sentence(DOCUMENT, seed) for seed in range(20)]
    assert 2 < len(set(chosen)) <= 4
    assert random_sentence("...", 0) == "..."


def test_oracle():
    # The second choice is the one that helps; the order is the document's.
    assert oracle(DOCUMENT, "In Paris it rains, the dog barks") == (
        "The dog barks.\nIt rains in Paris."
    )
    assert oracle(DOCUMENT, "Unrelated") == ""
    assert oracle("One. One. One.", "One") == "One."


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_take_any_text(name):
    for document in (DOCUMENT, "x", "。", "a\n\nb"):
        assert isinstance(BASELINES[name](document, "a b", 0), str)
