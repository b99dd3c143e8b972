import json
from pathlib import Path

import numpy as np
import pytest

from tf_pegasus.pretraining.gap_sentences import (
    GapSentenceSelector,
    ascii_words,
    number_selected,
)
from tf_pegasus.pretraining.sentences import split_as_authors
from tf_pegasus.pretraining.settings import PretrainingSettings


def select(text, seed=0, strategy="dynamic", **settings):
    if strategy not in ("lead", "none"):
        settings["stop_words"] = "none"
    settings = PretrainingSettings.from_preset("authors", strategy=strategy, **settings)
    found = GapSentenceSelector(settings)(split_as_authors(text), np.random.default_rng(seed))
    return found.indices


GOLDENS = json.loads((Path(__file__).parents[1] / "goldens" / "gap-sentences.json").read_text())
NAMES = {"standard": "orig", "deduplicate": "uniq", "log": "log"}


def of_golden(case):
    """Returns the settings of a case that the authors' code has computed."""
    options = {"gap_sentence_ratio": case["ratio"]}
    strategy = case["strategy"]
    if strategy != "lead":
        options |= {
            "rouge_size": case["size"],
            "rouge_metric": case["metric"],
            "words": "ascii",
            "stop_words": case["stop_words"],
        }
    if strategy == "continuous":
        options["rouge_counting"] = case["counting"]
    if strategy in ("ind", "seq"):
        strategy = f"{strategy}-{NAMES[case['counting']]}"
    # The number of candidates follows from the lengths.
    lengths = {"max_source_length": 20 * case["candidates"], "max_target_length": 2}
    return PretrainingSettings(strategy=strategy, **options, **lengths)


def test_selections_are_those_of_the_authors_code():
    assert len(GOLDENS) == 240
    random = np.random.default_rng(0)
    for case in GOLDENS:
        selector = GapSentenceSelector(of_golden(case))
        assert selector(case["sentences"], random).indices == case["selected"], case


# The cases of the authors' `pretrain_parsing_ops_test.py` that say which sentences are selected.


@pytest.mark.parametrize(
    ("metric", "text"),
    [("precision", "1. 2 1. 3 1. 4 5 6. 1 1 1 1."), ("recall", "1 1 1 1. 1. 2 1. 3 1. 4 5 6.")],
)
def test_metrics_select_what_they_select_in_the_authors_tests(metric, text):
    chosen = select(text, strategy="ind-orig", gap_sentence_ratio=0.2, rouge_metric=metric)
    assert chosen == [0]


def test_repeated_words_count_once_in_the_uniq_strategies():
    text = " ".join(f"sentence {i}." for i in range(5)) + " "
    text += " ".join(f"sentence {i} {i}." for i in range(5, 10))
    assert select(text, strategy="ind-uniq", gap_sentence_ratio=0.5) == [5, 6, 7, 8, 9]
    precision = {"rouge_metric": "precision", "gap_sentence_ratio": 0.5}
    assert select(text, strategy="ind-uniq", **precision) == [5, 6, 7, 8, 9]
    assert select(text, strategy="ind-orig", **precision) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("text", ["1. 2. 4. 4.", "1. 2. 4. 4. 5. 6. 6. 6. 6."])
def test_sequential_selection_does_not_repeat_itself(text):
    independent = select(text, strategy="ind-orig", gap_sentence_ratio=0.5)
    sequential = select(text, strategy="seq-orig", gap_sentence_ratio=0.5)
    assert independent != sequential
    assert len(independent) == len(sequential)


def test_the_last_of_equal_sentences_is_selected():
    text = "Same words. " * 6
    for strategy in ("ind-orig", "seq-orig", "continuous"):
        assert select(text, strategy=strategy, gap_sentence_ratio=0.34) == [4, 5]
    assert select(text, strategy="lead", gap_sentence_ratio=0.34) == [0, 1]
    assert select(text, strategy="none", masked_word_ratio=0.1) == []


def test_sequential_selection_takes_only_first_sentences():
    """Of 512 tokens there are 25 sentences, of 256 / 0.45 there are 28."""
    text = "Other words here. " * 30 + "Same words. " * 70
    assert select(text, strategy="seq-orig") == list(range(16, 28))


def test_number_selected_is_that_of_float32():
    assert int(100 * 0.29) == 28
    assert number_selected(100, 0.29) == 29
    assert [number_selected(n, 0.45) for n in (0, 1, 2, 5)] == [0, 1, 1, 2]


def test_ratio_and_noise_of_dynamic_vary():
    text = " ".join(f"word {i % 7} of {i % 3}." for i in range(100))
    chosen = [select(text, seed, strategy="dynamic") for seed in range(30)]
    lengths = {len(indices) for indices in chosen}
    assert min(lengths) in range(14, 20)
    assert max(lengths) in range(40, 46)
    fixed = {"dynamic_min_ratio": 1.0, "strategy": "dynamic"}
    assert len({tuple(select(text, seed, **fixed)) for seed in range(5)}) > 1
    plain = select(text, strategy="ind-orig")
    assert select(text, 1, rouge_noise=0.0, **fixed) == plain


def test_ascii_words_are_those_of_bytes():
    assert ascii_words("İstanbul's \u212a2, naïve_x") == ["stanbul", "s", "2", "na", "ve", "x"]
