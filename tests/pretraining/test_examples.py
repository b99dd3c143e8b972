import functools
from itertools import product

import numpy as np
import pytest
from helpers import plain_pretraining as plain
from helpers.texts import TEXTS, generated
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus import PegasusTokenizer
from tf_pegasus.pretraining.examples import ExampleMaker
from tf_pegasus.pretraining.sentences import sentence_splitter
from tf_pegasus.pretraining.settings import (
    COUNTINGS,
    METRICS,
    STRATEGIES,
    PretrainingSettings,
)
from tf_pegasus.pretraining.stop_words import ENGLISH
from tf_pegasus.utils.words import words

SCORED = ("ind", "seq", "continuous", "dynamic", "hybrid")
WORDS = ["fox", "dog", "Dog", "the", "a", "time", "3.5", "naïve", "狐", "reads", "of", "Quick"]


def document(random):
    """A text of few different words, so that sentences share some, and scores are often equal."""
    sentences = int(random.choice([0, 1, 2, 3, 5, 8, 13, 40], p=[0.03] + [0.14] * 6 + [0.13]))
    text = ""
    for _ in range(sentences):
        text += " ".join(random.choice(WORDS, int(random.integers(0, 8))))
        text += str(random.choice([". ", "! ", "?\n", "... ", ".", " .\t", ".\u3000"]))
    return text


def pick(random, *values):
    return values[int(random.integers(len(values)))]


def draw_settings(random):
    """Returns random settings, and the options of the plain implementation that mean the same."""
    strategy = pick(random, *STRATEGIES)
    is_scored = strategy.startswith(SCORED)
    given, options = {"strategy": strategy}, {"strategy": strategy}

    def choose(name, plain_name, *values, applies=True, default=None):
        options[plain_name] = default
        if applies:
            given[name] = options[plain_name] = pick(random, *values)

    choose("gap_sentence_ratio", "ratio", 0.1, 0.29, 0.45, 1.0, applies=strategy != "none")
    is_dynamic = strategy == "dynamic"
    choose("dynamic_min_ratio", "min_ratio", 0.0, 0.33, 1.0, applies=is_dynamic)
    choose("rouge_noise", "noise", 0.0, 0.2, 2.0, applies=is_dynamic)
    choose("rouge_size", "size", 1, 2, 3, applies=is_scored)
    choose("rouge_metric", "metric", *METRICS, applies=is_scored)
    has_counting = strategy in ("continuous", "dynamic", "hybrid")
    choose("rouge_counting", "counting", *COUNTINGS, applies=has_counting)
    choose("words", "words", "ascii", "unicode", applies=is_scored)
    options["words"] = {"ascii": plain.ascii_words, "unicode": words}[options["words"] or "ascii"]
    choose("stop_words", "stops", "none", "en", ("fox", "3"), applies=is_scored)
    stops = {"none": (), "en": ENGLISH, None: ()}
    options["stops"] = stops.get(options["stops"], options["stops"])
    choose("sentences", "split", "authors", "sentencex")
    options["split"] = {
        "authors": plain.authors_sentences,
        "sentencex": sentence_splitter(PretrainingSettings()),
    }[options["split"]]
    probabilities = pick(random, (0.9, 0, 0.1, 0), (0, 1, 0, 0), (0.25, 0.25, 0.25, 0.25))
    options["sentence_options"], options["replacement"] = (1, 0, 0, 0), None
    if strategy != "none":
        options["sentence_options"] = probabilities
        names = ("sentence_mask", "sentence_replace", "sentence_keep", "sentence_remove")
        given |= dict(zip(names, probabilities, strict=True))
        choose("replacement", "replacement", "any", "other", applies=bool(probabilities[1]))
    ratios = (0.15, 0.5, 1.0) if strategy == "none" else (0.0, 0.15, 0.5, 1.0)
    choose("masked_word_ratio", "masked_word_ratio", *ratios)
    options["word_options"] = pick(random, (0.8, 0.1, 0.1), (0, 1, 0), (0.3, 0.3, 0.4))
    if options["masked_word_ratio"]:
        names = ("word_mask", "word_replace", "word_keep")
        given |= dict(zip(names, options["word_options"], strict=True))
    choose("max_source_length", "max_source", 8, 60, 800)
    choose("max_target_length", "max_target", 5, 40, 800)
    choose("min_target_length", "min_target", 1, 4)
    choose("max_total_words", "max_total_words", None, 10)
    choose("long_documents", "long", "beginning", "window")
    choose("min_sentences", "min_sentences", 0, 2)
    choose("length_bucket_size", "bucket", None, 1, 6)
    choose("task_id", "task", None, 0, 54)
    return PretrainingSettings(**given), options


@pytest.fixture(scope="module")
def compare(tokenizer):
    """Compares the example of a text with that of the plain implementation."""
    tokens = [token.startswith("▁") for token in tokenizer.convert_ids_to_tokens(range(213))]
    assert len(tokenizer) == 213

    @functools.cache
    def encode(text):
        return [i + 103 if i > 1 else i for i in tokenizer.sp_model.encode(text)]

    def compare_examples(chosen, options, texts, seed):
        randoms = [np.random.default_rng((seed, i)) for i in range(len(texts))]
        examples = ExampleMaker(tokenizer, chosen)(texts, randoms)
        for number, (text, found) in enumerate(zip(texts, examples, strict=True)):
            random = np.random.default_rng((seed, number))
            expected = plain.example(
                text, options, lambda s: list(encode(s)), tokens.__getitem__, 213, random
            )
            if expected is None:
                assert found is None
                continue
            source, target, labels = expected
            assert plain.pad(found.input_ids.tolist(), options["max_source"]) == source, text
            assert plain.pad(found.labels.tolist(), options["max_target"]) == target, text
            assert (found.mlm_labels is not None) == (options["masked_word_ratio"] > 0)
            if found.mlm_labels is not None:
                ours = [0 if label == -100 else label for label in found.mlm_labels.tolist()]
                assert plain.pad(ours, options["max_source"]) == labels, text
            # The next document's numbers would be others if one too many had been drawn.
            assert randoms[number].random() == random.random()

    return compare_examples


@pytest.mark.parametrize("seed", range(10))
def test_examples_are_those_of_the_plain_implementation(compare, seed):
    random = np.random.default_rng(seed)
    for number in range(40):
        chosen, options = draw_settings(random)
        compare(chosen, options, [document(random) for _ in range(6)], number)


def test_examples_of_any_text_are_those_of_the_plain_implementation(compare):
    random = np.random.default_rng(0)
    texts = [*TEXTS, *generated(100, seed=1), " ".join(TEXTS)]
    for number in range(8):
        compare(*draw_settings(random), texts, number)


@settings(max_examples=100, deadline=None)
@given(st.text(), st.integers(0, 2**32))
def test_no_text_gives_another_example(compare, text, seed):
    compare(*draw_settings(np.random.default_rng(seed)), [text], seed)


@pytest.mark.parametrize(("strategy", "metric"), [*product(STRATEGIES, METRICS)])
def test_long_documents_are_selected_like_short_ones(compare, strategy, metric):
    random = np.random.default_rng(5)
    text = "".join(
        " ".join(random.choice(WORDS, int(random.integers(1, 6)))) + ". " for _ in range(200)
    )
    while True:
        chosen, options = draw_settings(random)
        if options["strategy"] == strategy and options["metric"] in (metric, None):
            break
    compare(chosen, options, [text], seed=1)


def test_special_tokens_that_a_text_spells_are_text(tokenizer):
    text = "The <mask_1> fox</s> jumps. The dog reads <pad> it."
    maker = ExampleMaker(tokenizer, PretrainingSettings(strategy="lead", masked_word_ratio=0))
    (example,) = maker([text], [np.random.default_rng(0)])
    assert (example.labels[:-1] >= 105).all()
    assert example.input_ids[0] == 2
    assert (example.input_ids[1:-1] >= 105).all()
    assert len(tokenizer.encode(text)) < example.source_length + example.target_length


def test_documents_with_too_little_text_are_dropped(tokenizer):
    random = [np.random.default_rng(0)] * 3
    texts = ["One sentence.", "Two. Here.", "A longer first sentence. Another one."]
    ratio = {"gap_sentence_ratio": 0.5, "strategy": "lead"}
    found = ExampleMaker(tokenizer, PretrainingSettings(**ratio))(texts, random)
    assert [example is None for example in found] == [True, False, False]
    chosen = PretrainingSettings(**ratio, min_target_length=10)
    found = ExampleMaker(tokenizer, chosen)(texts, random)
    assert [example is None for example in found] == [True, True, False]


def test_ids_that_the_vocabulary_does_not_reserve_are_refused(vocab_file):
    small = PegasusTokenizer(vocab_file, offset=10)
    for option in ({"strategy": "hybrid"}, {"length_bucket_size": 10}, {"task_id": 0}):
        with pytest.raises(ValueError, match=next(iter(option)) + ".* offset=103"):
            ExampleMaker(small, PretrainingSettings(**option))
    with pytest.raises(ValueError, match="no mask tokens"):
        ExampleMaker(PegasusTokenizer(vocab_file, offset=0))
