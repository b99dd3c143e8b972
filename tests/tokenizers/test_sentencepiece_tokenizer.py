"""Copies of tokenizers, and new vocabularies from a tokenizer."""

import copy
import pickle

import pytest
from helpers.tiny import SENTENCES

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


@pytest.mark.parametrize("tokenizer_class", CLASSES)
def test_a_new_vocabulary(tokenizer_class, vocab_file, tmp_path):
    old = tokenizer_class(vocab_file, newline_token="<n>", model_max_length=9, offset=7)
    old.add_tokens("alpha")
    batches = [SENTENCES[:2], tuple(SENTENCES[2:])] * 20
    new = old.train_new_from_iterator(iter(batches), 90, [AddedToken("<end>")])
    assert type(new) is tokenizer_class
    assert (new.vocab_size, len(new)) == (90, 91)
    assert new.get_config() == old.get_config()
    assert new.special_added_tokens == ["<end>"]
    assert new.decode(new.encode(SENTENCES[0] + "\n")[:-1]) == SENTENCES[0] + "\n"
    new.save_pretrained(tmp_path)
    loaded = tokenizer_class.from_pretrained(tmp_path)
    assert loaded.encode(TEXT) == new.encode(TEXT) != old.encode(TEXT)


def test_vocabularies_that_cannot_be_trained(vocab_file):
    tokenizer = PegasusTokenizer(vocab_file)
    with pytest.raises(ValueError, match="vocab_size=106 must be above 106, the number of"):
        tokenizer.train_new_from_iterator(SENTENCES, 106)
    with pytest.raises(ValueError, match=r"vocab_size=9000, of which 103 ids are reserved: "):
        tokenizer.train_new_from_iterator(SENTENCES, 9000)
    with pytest.raises(TypeError, match="a text must be a str, got int"):
        tokenizer.train_new_from_iterator([["a text", 3]], 200)
