import json

import pytest
from helpers.tiny import GOLDENS

from tf_pegasus.tokenizers.options import TokenizerOptions
from tf_pegasus.tokenizers.special_tokens import special_tokens
from tf_pegasus.tokenizers.tokenizer_json import read_tokenizer_json

WHOLE = (GOLDENS / "tokenizer-transformers5-added" / "tokenizer.json").read_text()
TABLE = special_tokens(TokenizerOptions())


def changed(*keys, value):
    """Returns the file with one field replaced."""
    state = json.loads(WHOLE)
    part = state
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    return json.dumps(state)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not valid JSON"),
        (WHOLE[:-100], "is not valid JSON"),
        ("[]", "must hold a JSON object"),
        ("{}", "is damaged or not a tokenizer: model must be of the type dict, got None"),
        (
            changed("model", "type", value="Bigram"),
            "is a Bigram tokenizer, but PEGASUS needs Unigram",
        ),
        (changed("model", "type", value=7), r"model\.type must be of the type str, got 7"),
        (changed("model", "vocab", value={"a": 0}), r"model\.vocab must be of the type list"),
        (
            changed("model", "vocab", 120, value=["a"]),
            r"model\.vocab\[120\] must be a piece and its",
        ),
        (changed("model", "vocab", 120, value=["a", "b"]), r"model\.vocab\[120\]"),
        (changed("model", "vocab", value=[["<pad>", 0.0]]), r"has None at model\.vocab\[1\]"),
        (changed("model", "vocab", 2, value=["<mask>", 0.0]), r"has '<mask>' at model\.vocab\[2\]"),
        (
            changed("model", "byte_fallback", value="no"),
            r"model\.byte_fallback must be of the type",
        ),
        (changed("added_tokens", value=3), "added_tokens must be of the type list"),
        (changed("added_tokens", 5, value=3), r"added_tokens\[5\] must be of the type dict"),
        (
            changed("added_tokens", 5, "id", value="5"),
            r"added_tokens\[5\]\.id must be of the type int",
        ),
        (changed("added_tokens", 5, "content", value=5), r"added_tokens\[5\]\.content must be"),
        (changed("normalizer", value=[]), "normalizer must be of the type dict"),
        (changed("normalizer", "normalizers", 0, value=1), r"normalizers\[0\] must be of the type"),
        (
            changed("normalizer", "normalizers", 0, "precompiled_charsmap", value="%%"),
            r"normalizers\[0\]\.precompiled_charsmap must be base64",
        ),
    ],
)
def test_errors_name_the_damaged_file_and_field(tmp_path, content, message):
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=rf"tokenizer\.json' .*{message}"):
        read_tokenizer_json(path, TABLE)


def test_other_offsets_are_refused():
    table = special_tokens(TokenizerOptions(offset=50))
    path = GOLDENS / "tokenizer-transformers5-plain" / "tokenizer.json"
    with pytest.raises(ValueError, match="or its offset is not 50"):
        read_tokenizer_json(path, table)


def test_damaged_normalization_rules_are_refused(tmp_path):
    path = tmp_path / "tokenizer.json"
    steps = ("normalizer", "normalizers", 0, "precompiled_charsmap")
    path.write_text(changed(*steps, value="AAAA"))
    from tf_pegasus import PegasusTokenizer

    with pytest.raises(ValueError, match="is not a sentencepiece model"):
        PegasusTokenizer(path)
