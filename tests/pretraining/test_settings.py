import json

import pytest

from tf_pegasus.pretraining.settings import PRESETS, PretrainingSettings


def test_presets_are_named():
    ours, authors = (PretrainingSettings.from_preset(name) for name in PRESETS)
    assert ours == PretrainingSettings()
    assert authors.sentences == "authors"
    assert authors.effective("gap_sentence_ratio") == 0.45
    assert authors.sentence_options == (0.9, 0, 0.1, 0)
    assert authors.masked_word_ratio == 0
    assert json.loads(authors.to_json_string())["words"] == "ascii"
    lead = PretrainingSettings.from_preset("authors", strategy="lead")
    assert lead.words is None  # which has no effect on it
    with pytest.raises(ValueError, match="must be one of default, authors"):
        PretrainingSettings.from_preset("paper")
    with pytest.raises(TypeError, match="did you mean 'strategy'"):
        PretrainingSettings.from_preset("authors", stratgy="lead")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": "rouge"}, "strategy='rouge' must be one of random, lead"),
        ({"gap_sentence_ratio": 0}, "gap_sentence_ratio=0 must be between|above 0"),
        ({"strategy": "lead", "rouge_noise": 0.1}, "rouge_noise=0.1 has no effect with strategy"),
        ({"strategy": "ind-uniq", "rouge_counting": "log"}, "it needs continuous, dynamic, hybrid"),
        ({"strategy": "none", "sentence_mask": 1.0}, "sentence_mask=1.0 has no effect"),
        ({"strategy": "none", "masked_word_ratio": 0}, "leave nothing to learn"),
        ({"masked_word_ratio": 0, "word_mask": 1.0}, "word_mask=1.0 has no effect"),
        ({"replacement": "any"}, "replacement='any' has no effect with sentence_replace=0"),
        ({"sentence_mask": 0.5}, "must add up to 1, not 0.6"),
        ({"word_mask": 0.9}, "must add up to 1, not 1.1"),
        ({"sentences": "nltk"}, "must be one of sentencex, authors, or a function"),
        ({"task_id": 55}, "task_id=55 must be between 0 and 54"),
    ],
)
def test_settings_without_effect_or_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        PretrainingSettings(**options)


def test_settings_of_wrong_types_are_refused():
    for options in ({"stop_words": 3}, {"rouge_size": 1.5}, {"language": None}):
        with pytest.raises(TypeError, match=next(iter(options))):
            PretrainingSettings(**options)
