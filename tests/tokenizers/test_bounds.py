import json

import pytest

from tf_pegasus.tokenizers.loading import load_tokenizer
from tf_pegasus.tokenizers.special_tokens import MOST_ADDED


@pytest.fixture
def directory(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def test_an_offset_of_a_billion_is_refused(directory):
    path = directory / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "offset": 10**9}))
    with pytest.raises(ValueError, match="offset=1000000000 must be at most"):
        load_tokenizer(directory)


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
