"""Copies of tokenizers."""

import copy
import pickle

import pytest

from tf_pegasus import AddedToken, PegasusTokenizer, PegasusTokenizerFast, TFPegasusTokenizer

CLASSES = (PegasusTokenizer, PegasusTokenizerFast)
COPIES = (copy.copy, copy.deepcopy, lambda tokenizer: pickle.loads(pickle.dumps(tokenizer)))
TEXT = "The quick brown alpha jumps over the lazy<end> dog."
SAMPLING = {"enable_sampling": True, "nbest_size": -1, "alpha": 0.1}


@pytest.mark.parametrize("tokenizer_class", CLASSES)
@pytest.mark.parametrize("copied", COPIES)
def test_copies(tokenizer_class, copied, vocab_file):
    tokenizer = tokenizer_class(vocab_file, padding_side="left", model_max_length=9)
    tokenizer.add_tokens(["alpha", AddedToken("<end>", special=True)])
    other = copied(tokenizer)
    assert other.encode(TEXT) == tokenizer.encode(TEXT)
    assert other(TEXT).word_ids() == tokenizer(TEXT).word_ids()
    assert other.get_config() == tokenizer.get_config()
    assert other.special_added_tokens == ["<end>"]
    long = "日本" * 20_000
    assert other.encode(long) == tokenizer.encode(long)


@pytest.mark.parametrize("copied", COPIES[1:])
def test_copies_are_independent(copied, vocab_file):
    tokenizer = PegasusTokenizer(vocab_file)
    other = copied(tokenizer)
    other.add_tokens("alpha")
    assert tokenizer.get_added_vocab() == {}


@pytest.mark.parametrize("copied", COPIES)
def test_copies_sample_too(copied, vocab_file):
    other = copied(PegasusTokenizer(vocab_file, sp_model_kwargs=SAMPLING))
    assert len({tuple(other.encode(TEXT)) for _ in range(20)}) > 1


@pytest.mark.parametrize("copied", COPIES)
def test_copies_of_the_tokenizer_in_the_graph(copied, vocab_file):
    tokenizer = PegasusTokenizer(vocab_file, padding_side="left")
    tokenizer.add_tokens("alpha")
    graph = TFPegasusTokenizer.from_tokenizer(tokenizer)
    other = copied(graph)
    assert other.tokenize([TEXT]).to_list() == graph.tokenize([TEXT]).to_list()
    assert other([TEXT, "a"])["input_ids"][1, 0] == 0
