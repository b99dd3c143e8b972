import json
import time

import pytest

from tf_pegasus import PegasusTokenizer, PegasusTokenizerFast
from tf_pegasus.tokenizers.loading import load_tokenizer
from tf_pegasus.tokenizers.special_tokens import MOST_ADDED


@pytest.fixture
def directory(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def test_an_offset_of_a_billion_is_refused(directory):
    path = directory / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "offset": 10**9}))
    with pytest.raises(ValueError, match="offset=1000000000 must be at most") as raised:
        load_tokenizer(directory)
    assert str(directory) in str(raised.value)


@pytest.mark.parametrize("key", ["added_tokens_decoder", "additional_special_tokens", None])
def test_very_many_added_tokens_are_refused(directory, key):
    tokens = {f"w{n}": 10_000 + n for n in range(MOST_ADDED + 1)}
    path = directory / "tokenizer_config.json"
    if key is None:
        (directory / "added_tokens.json").write_text(json.dumps(tokens))
    else:
        by_index = {str(index): {"content": token} for token, index in tokens.items()}
        stored = {**json.loads(path.read_text())}
        stored[key] = by_index if key == "added_tokens_decoder" else list(tokens)
        path.write_text(json.dumps(stored))
    with pytest.raises(ValueError, match=f"{MOST_ADDED + 1} added tokens: at most") as raised:
        load_tokenizer(directory)
    assert str(directory) in str(raised.value)


def test_very_long_added_tokens_are_refused(tokenizer, tmp_path):
    many = PegasusTokenizer.from_pretrained(tokenizer_directory(tokenizer, tmp_path))
    with pytest.raises(ValueError, match=r"of 600003 characters in all.*at most"):
        many.add_tokens(["one", "x" * 600_000])
    assert many.get_added_vocab() == {}


def test_the_most_added_tokens_take_linear_time(tokenizer, tmp_path):
    tokens = [f"w{n}" for n in range(MOST_ADDED)]
    start = time.monotonic()
    for kind in (PegasusTokenizer, PegasusTokenizerFast):
        many = kind.from_pretrained(tokenizer_directory(tokenizer, tmp_path / "plain"))
        assert many.add_tokens(tokens) == MOST_ADDED
        assert many.convert_ids_to_tokens(range(len(many)))[-1] == tokens[-1]
        many.save_pretrained(tmp_path / kind.__name__)
        assert load_tokenizer(tmp_path / kind.__name__).get_vocab() == many.get_vocab()
    # It takes a second; once it took minutes.
    assert time.monotonic() - start < 10
    with pytest.raises(ValueError, match=f"{MOST_ADDED + 1} added tokens: at most"):
        many.add_tokens(["one more"])
    assert many.add_tokens(tokens) == 0


def tokenizer_directory(tokenizer, directory):
    tokenizer.save_pretrained(directory)
    return directory
