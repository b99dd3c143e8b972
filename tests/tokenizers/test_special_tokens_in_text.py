"""`special_tokens_in_text`: what becomes of special tokens that a text spells."""

import json

import pytest
import tensorflow as tf
from helpers.texts import SPECIAL, TEXTS
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus import PegasusTokenizer, PegasusTokenizerFast, TFPegasusTokenizer

_OPTION = {"special_tokens_in_text": "escape"}


@pytest.fixture(scope="module", params=["no added tokens", "added tokens"])
def escaping(request, vocab_file):
    python = PegasusTokenizer(vocab_file, **_OPTION)
    if request.param == "added tokens":
        python.add_tokens(["[end]", "fox"])
        python.add_tokens(["[doc]"], special_tokens=True)
    return python, TFPegasusTokenizer.from_tokenizer(python)


def _graph_ids(graph, texts):
    return graph.tokenize(tf.constant([text.encode() for text in texts], tf.string)).to_list()


def test_keep_is_the_default(tokenizer):
    assert tokenizer.special_tokens_in_text == "keep"
    assert tokenizer.encode("</s><mask_1><unk_7>") == [1, 2, 9, 1]


def test_an_escaped_spelling_is_text(escaping, tokenizer):
    python, graph = escaping
    rows = python.encode_batch(SPECIAL)
    assert min(index for row in rows for index in row[:-1]) >= tokenizer.unk_token_id
    assert all(row[-1] == 1 and len(row) > 2 for row in rows)
    assert _graph_ids(graph, SPECIAL) == rows
    # What sentencepiece says of the whole text, nothing being cut out of it.
    assert python.encode("a</s>b")[:-1] == [i + 103 for i in python.sp_model.encode("a</s>b")]
    assert python.encode("The fox.") == tokenizer.encode("The fox.") or "fox" in python._added


def test_added_tokens_stay_unless_they_are_special(vocab_file):
    python = PegasusTokenizer(vocab_file, **_OPTION)
    python.add_tokens(["[end]"])
    python.add_tokens(["[doc]"], special_tokens=True)
    end, doc = python.convert_tokens_to_ids(["[end]", "[doc]"])
    for ids in (
        python.encode("a [end] b [doc] c"),
        _graph_ids(TFPegasusTokenizer.from_tokenizer(python), ["a [end] b [doc] c"])[0],
    ):
        assert end in ids
        assert doc not in ids


_pieces = st.sampled_from(["<pad>", "</s>", "<mask_1>", "<unk_7>", "[end]", "[doc]", "fox", "<n>"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | _pieces, max_size=6
        ).map("".join),
        min_size=1,
        max_size=4,
    )
)
def test_python_and_graph_agree_on_anything(escaping, texts):
    python, graph = escaping
    assert _graph_ids(graph, texts) == python.encode_batch(texts)


def test_the_option_is_saved_where_it_is_not_the_default(vocab_file, tmp_path):
    PegasusTokenizer(vocab_file).save_pretrained(tmp_path)
    config = tmp_path / "tokenizer_config.json"
    assert "special_tokens_in_text" not in json.loads(config.read_text())
    tokenizer = PegasusTokenizer(vocab_file, **_OPTION)
    tokenizer.save_pretrained(tmp_path)
    assert json.loads(config.read_text())["special_tokens_in_text"] == "escape"
    loaded = PegasusTokenizer.from_pretrained(tmp_path)
    assert loaded.encode_batch(TEXTS) == tokenizer.encode_batch(TEXTS)
    graph = TFPegasusTokenizer.from_pretrained(tmp_path)
    again = TFPegasusTokenizer.from_config(graph.get_config())
    assert _graph_ids(again, TEXTS) == tokenizer.encode_batch(TEXTS)


def test_fast_tokenizer(vocab_file):
    fast = PegasusTokenizerFast(vocab_file, **_OPTION)
    assert fast.encode_batch(SPECIAL) == PegasusTokenizer(vocab_file, **_OPTION).encode_batch(
        SPECIAL
    )


def test_escape_special_tokens(vocab_file):
    tokenizer = PegasusTokenizer(vocab_file)
    tokenizer.escape_special_tokens()
    assert tokenizer.encode_batch(SPECIAL) == PegasusTokenizer(vocab_file, **_OPTION).encode_batch(
        SPECIAL
    )


def test_other_values_are_refused(vocab_file):
    with pytest.raises(ValueError, match="special_tokens_in_text='drop' must be one of keep, esc"):
        PegasusTokenizer(vocab_file, special_tokens_in_text="drop")
