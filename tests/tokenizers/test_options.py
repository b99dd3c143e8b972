import dataclasses

import pytest

from tf_pegasus import PegasusTokenizer, TFPegasusTokenizer
from tf_pegasus.tokenizers.options import TokenizerOptions


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"offset": 2}, ValueError, "offset=2 must be 0"),
        ({"offset": -1}, ValueError, "offset=-1 must be at least 0"),
        ({"offset": 3.0}, TypeError, "offset=3.0 must be an int"),
        ({"pad_token": ""}, ValueError, "pad_token='' must be a non-empty string"),
        ({"mask_token": None}, TypeError, "mask_token=None must be a str"),
        ({"cls_token": ""}, ValueError, "cls_token='' must be a non-empty string"),
        ({"padding_side": "both"}, ValueError, "padding_side='both' must be one of right, left"),
        ({"model_max_length": 0}, ValueError, "model_max_length=0 must be at least 1"),
        ({"clean_up_tokenization_spaces": 1}, TypeError, "must be a bool"),
        ({"additional_special_tokens": "<end>"}, TypeError, "must be a list of str"),
        ({"additional_special_tokens": [3]}, TypeError, "must be a list of str"),
        ({"eos_tokn": "x"}, TypeError, "unknown tokenizer option 'eos_tokn'.*'eos_token'"),
    ],
)
def test_invalid_options_are_named(vocab_file, options, error, message):
    with pytest.raises(error, match=message):
        PegasusTokenizer(vocab_file, **options)


def test_unknown_keywords_of_from_pretrained_are_named(vocab_file):
    with pytest.raises(
        TypeError,
        match=r"keyword of PegasusTokenizer\.from_pretrained 'ofset'; did you mean 'offset'",
    ):
        PegasusTokenizer.from_pretrained(vocab_file.parent, ofset=103)


def test_subfolders(vocab_file):
    directory = vocab_file.parent
    found = PegasusTokenizer.from_pretrained(directory.parent, subfolder=directory.name)
    assert found.encode("the fox") == PegasusTokenizer(vocab_file).encode("the fox")
    with pytest.raises(FileNotFoundError, match="has no folder 'none'"):
        PegasusTokenizer.from_pretrained(directory, subfolder="none")
    with pytest.raises(ValueError, match=r"subfolder='\.\./x' must be a folder inside"):
        PegasusTokenizer.from_pretrained(directory, subfolder="../x")


def test_every_option_reaches_the_tokenizers(vocab_file):
    options = {
        "pad_token": "<p>",
        "eos_token": "<e>",
        "unk_token": "<u>",
        "mask_token": "<m2>",
        "mask_token_sent": "<m1>",
        "additional_special_tokens": ["<end>"],
        "offset": 7,
        "newline_token": "<n>",
        "special_tokens_in_text": "escape",
        "model_max_length": 9,
        "padding_side": "left",
        "truncation_side": "left",
        "bos_token": "<b>",
        "sep_token": "<s>",
        "cls_token": "<c>",
        "clean_up_tokenization_spaces": True,
    }
    assert {f.name for f in dataclasses.fields(TokenizerOptions)} == {*options, "extra"}
    tokenizer = PegasusTokenizer(vocab_file, **options)
    assert tokenizer.additional_special_tokens[-1] == "<end>"
    assert tokenizer.convert_tokens_to_ids(["<b>", "<s>", "<c>"]) == [117, 118, 119]
    shared = {n: v for n, v in options.items() if n != "additional_special_tokens"}
    assert tokenizer.get_config() == shared
    config = TFPegasusTokenizer.from_tokenizer(tokenizer).get_config()
    del shared["clean_up_tokenization_spaces"]
    assert {name: config[name] for name in shared} == shared
