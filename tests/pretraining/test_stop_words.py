import pytest

from tf_pegasus.pretraining.settings import PretrainingSettings
from tf_pegasus.pretraining.stop_words import ENGLISH, stop_words


def test_stop_words_are_those_of_the_language():
    assert len(ENGLISH) == 127
    assert stop_words(PretrainingSettings()) == ENGLISH
    german = stop_words(PretrainingSettings(language="de"))
    assert {"und", "nicht"} < german
    assert stop_words(PretrainingSettings(language="de", stop_words="en")) == ENGLISH
    assert stop_words(PretrainingSettings(stop_words="none")) == frozenset()
    assert stop_words(PretrainingSettings(stop_words=["foo"])) == {"foo"}
    with pytest.raises(ValueError, match="stop_words='tlh': there is no list"):
        stop_words(PretrainingSettings(language="tlh"))
