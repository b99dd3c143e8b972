import numpy as np
import pytest

from tf_pegasus import PegasusTokenizer
from tf_pegasus.pretraining.masked_words import WordMasker
from tf_pegasus.pretraining.settings import PretrainingSettings


def mask(tokenizer, text, seed=0, **settings):
    masker = WordMasker(tokenizer, PretrainingSettings(**settings))
    ids = np.array([2, *tokenizer.encode_batch([text])[0]], "int32")
    inputs, labels = masker(ids, np.random.default_rng(seed))
    return ids, inputs, labels


def test_all_pieces_of_a_word_are_masked_together(tokenizer):
    text = "The library reads pictures quickly and safely <mask_1> <unk_5> jumps"
    pieces = tokenizer.tokenize(text)
    assert len(pieces) > 15
    for seed in range(20):
        ids, inputs, labels = mask(tokenizer, text, seed, word_mask=1, word_replace=0, word_keep=0)
        where = labels != -100
        assert 0 < where.sum() < len(ids)
        np.testing.assert_array_equal(inputs, np.where(where, 3, ids))
        np.testing.assert_array_equal(labels[where], ids[where])
        # Only the border of a word divides what is masked from what is not.
        changes = np.flatnonzero(where[1:] != where[:-1])
        for change in changes:
            tokens = tokenizer.convert_ids_to_tokens(ids[change : change + 2])
            assert tokens[1].startswith("▁") or ids[change] < 105 or ids[change + 1] < 105


def test_shares_and_random_ids(tokenizer):
    text = "fox dog time " * 2000
    ids, inputs, labels = mask(tokenizer, text)
    masked = labels != -100
    words = sum(t.startswith("▁") for t in tokenizer.convert_ids_to_tokens(ids[masked]))
    assert words == int(6000 * 0.15)
    changed = inputs[masked & (inputs != ids)]
    assert 0.75 < (inputs[masked] == 3).mean() < 0.85
    others = changed[changed != 3]
    assert 0.05 < len(others) / masked.sum() < 0.15
    assert others.min() >= 105
    assert others.max() < tokenizer.vocab_size
    assert len(set(others.tolist())) > 60


def test_special_and_added_tokens_are_never_masked(vocab_file):
    tokenizer = PegasusTokenizer(vocab_file)
    tokenizer.add_tokens(["dog"])
    options = {"masked_word_ratio": 1.0}
    ids, inputs, labels = mask(tokenizer, "fox <mask_2><pad> dog <unk>", **options)
    special = (ids < 105) | (ids >= tokenizer.vocab_size)
    assert special.sum() == 5  # with the sentence mask and eos
    np.testing.assert_array_equal(inputs[special], ids[special])
    np.testing.assert_array_equal(labels != -100, ~special)


def test_one_word_is_masked_at_least_if_there_is_one(tokenizer):
    _, _, labels = mask(tokenizer, "the fox")
    assert (labels != -100).any()
    _, _, labels = mask(tokenizer, "")
    assert (labels == -100).all()


def test_a_vocabulary_without_masks_is_refused(vocab_file):
    with pytest.raises(ValueError, match="no mask tokens, which pre-training needs"):
        WordMasker(PegasusTokenizer(vocab_file, offset=0), PretrainingSettings())
