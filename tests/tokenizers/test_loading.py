"""Directories that each version of `transformers` writes, and the ids of its slow tokenizer."""

import json
import shutil
import sys

import pytest
from helpers.texts import TEXTS
from helpers.tiny import GOLDENS

from tf_pegasus import PegasusTokenizer, PegasusTokenizerFast, TFPegasusTokenizer
from tf_pegasus.tokenizers.loading import has_tokenizer, load_tokenizer

PLAIN = GOLDENS / "tokenizer-transformers5-plain"
# In this file the mask tokens are swapped.
ADDED = GOLDENS / "tokenizer-transformers5-added"


@pytest.fixture(scope="module")
def golden():
    return json.loads((GOLDENS / "tokenizer-transformers5.json").read_text())


@pytest.mark.parametrize("name", ["plain", "added"])
@pytest.mark.parametrize("load", [load_tokenizer, PegasusTokenizerFast.from_pretrained])
def test_directories_of_transformers_5_give_the_ids_of_the_slow_tokenizer(
    golden, load, name, monkeypatch
):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    tokenizer = load(GOLDENS / f"tokenizer-transformers5-{name}")
    assert tokenizer(golden["texts"])["input_ids"] == golden[name]
    assert tokenizer.convert_tokens_to_ids(["<mask_1>", "<mask_2>"]) == [2, 3]
    graph = TFPegasusTokenizer.from_tokenizer(tokenizer)
    texts = [text.encode() for text in golden["texts"]]
    assert graph.tokenize(texts).to_list() == golden[name]


def test_tokens_added_in_transformers_5_are_restored():
    tokenizer = load_tokenizer(ADDED)
    assert tokenizer.get_added_vocab() == {"covfefe": 191, "émigré": 192, "<sep>": 193}
    assert tokenizer.special_added_tokens == ["<sep>"]
    assert tokenizer.model_max_length == 64
    assert load_tokenizer(PLAIN).model_max_length is None
    assert load_tokenizer(PLAIN, model_max_length=9).model_max_length == 9


def test_loaded_tokenizer_is_saved_in_the_older_format(golden, tmp_path):
    load_tokenizer(ADDED).save_pretrained(tmp_path)
    assert (tmp_path / "spiece.model").is_file()
    again = PegasusTokenizer.from_pretrained(tmp_path)
    assert again(golden["texts"])["input_ids"] == golden["added"]
    # Both files, as if transformers 5 saved into an older directory.
    (tmp_path / "added_tokens.json").unlink()
    for path in ADDED.iterdir():
        shutil.copy(path, tmp_path)
    both = PegasusTokenizer.from_pretrained(tmp_path)
    assert both.get_added_vocab() == again.get_added_vocab()
    assert both(golden["texts"])["input_ids"] == golden["added"]


def test_directory_determines_the_class(vocab_file, tmp_path):
    PegasusTokenizerFast(vocab_file).save_pretrained(tmp_path)
    assert type(load_tokenizer(tmp_path)) is PegasusTokenizerFast
    PegasusTokenizer(vocab_file).save_pretrained(tmp_path)
    assert type(load_tokenizer(tmp_path)) is PegasusTokenizer
    assert load_tokenizer(tmp_path).encode_batch(TEXTS) == PegasusTokenizer(
        vocab_file
    ).encode_batch(TEXTS)


def test_directories_without_a_tokenizer(tmp_path):
    assert has_tokenizer(PLAIN)
    assert not has_tokenizer(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no spiece\.model and no tokenizer\.json"):
        load_tokenizer(tmp_path)
