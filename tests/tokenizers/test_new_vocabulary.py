import pytest
from helpers.tiny import SENTENCES

from tf_pegasus import AddedToken, PegasusTokenizer, PegasusTokenizerFast


@pytest.mark.parametrize("tokenizer_class", [PegasusTokenizer, PegasusTokenizerFast])
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
    assert loaded.encode(SENTENCES[1]) == new.encode(SENTENCES[1]) != old.encode(SENTENCES[1])


def test_vocabularies_that_cannot_be_trained(vocab_file):
    tokenizer = PegasusTokenizer(vocab_file)
    with pytest.raises(ValueError, match="vocab_size=106 must be above 106, the number of"):
        tokenizer.train_new_from_iterator(SENTENCES, 106)
    with pytest.raises(ValueError, match=r"vocab_size=9000, of which 103 ids are reserved: "):
        tokenizer.train_new_from_iterator(SENTENCES, 9000)
    with pytest.raises(TypeError, match="a text must be a str, got int"):
        tokenizer.train_new_from_iterator([["a text", 3]], 200)
