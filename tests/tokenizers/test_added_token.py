import json

import pytest

from tf_pegasus import AddedToken, PegasusTokenizer, TFPegasusTokenizer


def test_tokens_as_objects(vocab_file):
    library = pytest.importorskip("tokenizers")
    plain = PegasusTokenizer(vocab_file, additional_special_tokens=["<end>"])
    plain.add_tokens("alpha")
    for kind in (AddedToken, library.AddedToken):
        tokenizer = PegasusTokenizer(
            vocab_file,
            eos_token=kind("</s>"),
            mask_token=kind("<mask_2>", lstrip=True),
            additional_special_tokens=[kind("<end>")],
        )
        assert tokenizer.add_tokens(kind("alpha")) == 1
        assert tokenizer.get_added_vocab() == plain.get_added_vocab()
        assert tokenizer.special_added_tokens == ["<end>"]
        text = "the alpha<end> <mask_2>fox"
        assert tokenizer.encode(text) == plain.encode(text)
        assert tokenizer.add_tokens([kind("beta", special=True), "gamma"]) == 2
        assert tokenizer.special_added_tokens == ["<end>", "beta"]
        assert tokenizer.added_tokens_encoder["beta"] == len(tokenizer) - 2
        assert tokenizer.added_tokens_decoder[len(tokenizer) - 2] == AddedToken(
            "beta", normalized=False, special=True
        )


def test_whole_words_are_refused(vocab_file, tmp_path):
    tokenizer = PegasusTokenizer(vocab_file)
    with pytest.raises(ValueError, match="'alpha' has single_word=True, which is not supported"):
        tokenizer.add_tokens(["beta", AddedToken("alpha", single_word=True)])
    assert tokenizer.get_added_vocab() == {}
    tokenizer.add_tokens("alpha")
    tokenizer.save_pretrained(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    config = json.loads(path.read_text())
    config["added_tokens_decoder"][str(tokenizer.vocab_size)]["single_word"] = True
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match="'alpha' has single_word=True") as raised:
        PegasusTokenizer.from_pretrained(tmp_path)
    assert str(tmp_path) in str(raised.value)


def test_tokens_with_ids(vocab_file):
    size = PegasusTokenizer(vocab_file).vocab_size
    tokens = {size + 1: "beta", size: AddedToken("alpha", special=True)}
    tokenizer = PegasusTokenizer(vocab_file, added_tokens_decoder=tokens)
    assert tokenizer.get_added_vocab() == {"alpha": size, "beta": size + 1}
    assert tokenizer.special_added_tokens == ["alpha"]
    with pytest.raises(ValueError, match="'alpha' has the id 9999, but the next free id is"):
        PegasusTokenizer(vocab_file, added_tokens_decoder={9999: "alpha"})


def test_added_tokens_inside_of_words(vocab_file):
    tokenizer = PegasusTokenizer(vocab_file)
    tokenizer.add_tokens(["fo", "fox", "émi"])
    for text in ("xfoxfo fo", "fofox", "émifox"):
        encoding = tokenizer(text, return_offsets_mapping=True)
        assert (
            encoding.input_ids
            == TFPegasusTokenizer.from_tokenizer(tokenizer).tokenize([text.encode()]).to_list()[0]
        )
        for token, (start, end) in zip(encoding.tokens(), encoding.offset_mapping, strict=True):
            if token in ("fo", "fox", "émi"):
                assert text[start:end] == token


def test_one_token_as_in_a_file(vocab_file):
    tokenizer = PegasusTokenizer(vocab_file)
    assert tokenizer.add_tokens({"content": "alpha", "special": True}) == 1
    assert tokenizer.special_added_tokens == ["alpha"]
    assert tokenizer.convert_tokens_to_ids(tokenizer.cls_token) is None
