from tf_pegasus.evaluation.baselines import first_sentence, first_words


def test_lead_baselines():
    assert first_sentence("It is v1.2 of foo. It runs.\nMore.") == "It is v1.2 of foo."
    assert first_sentence("\n No stop here\nSecond line.") == "No stop here"
    assert first_words("a b\nc d", 3) == "a b c"
