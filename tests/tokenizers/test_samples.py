"""The forms of texts."""

import numpy as np
import pytest

WORDS = {"is_split_into_words": True}


def test_equal_forms(tokenizer):
    expected = tokenizer(["the fox", "a dog"]).input_ids
    for texts in (
        ("the fox", "a dog"),
        np.array(["the fox", "a dog"]),
        (text for text in ("the fox", "a dog")),
    ):
        assert tokenizer(texts).input_ids == expected
    pair = tokenizer("the fox", "a dog").input_ids
    for texts in ([("the fox", "a dog")], [["the fox", "a dog"]]):
        assert tokenizer(texts).input_ids == [pair]
    words = [["the", "fox"], ["a", "dog"]]
    assert tokenizer(words, **WORDS).input_ids == expected
    assert tokenizer(words[0], words[1], **WORDS).input_ids == pair
    assert tokenizer([words], **WORDS).input_ids == [pair]
    assert tokenizer([words[0]], [words[1]], **WORDS).input_ids == [pair]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("the fox",), WORDS, r"needs a list of words, got the str 'the fox': pass text\.split"),
        (([["a"], "b"],), WORDS, "a text must be a list of words, got 'b'"),
        (([["a", None]],), WORDS, "a word must be a str, got NoneType"),
        (([["a", "b", "c"]],), {}, r"got list: \['a', 'b', 'c'\]; pass is_split_into_words=True"),
        ((["a", None],), {}, "a text must be a str, got NoneType"),
        ((b"a",), {}, "must be a str or a list of str, got b'a'"),
        (({"a": 1},), {}, "must be a str or a list of str"),
        (({"a", "b"},), {}, "must be a str or a list of str"),
        # As lists of letters they would have the same length.
        ((["a", "b"], "cd"), {}, "text_pair is one text and text is not"),
        (("a", ["b"]), {}, "text is one text and text_pair is not"),
        ((["a", "b"], [["c"], ["d"]]), WORDS, "text is one text and text_pair is not"),
    ],
)
def test_other_forms(tokenizer, arguments, options, message):
    with pytest.raises(TypeError, match=message):
        tokenizer(*arguments, **options)


def test_half_a_surrogate_pair(tokenizer):
    for call in (tokenizer, tokenizer.encode, tokenizer.tokenize):
        with pytest.raises(ValueError, match=r"not valid Unicode: it has '\\ud800' at 2"):
            call("a \ud800")
    with pytest.raises(ValueError, match="not valid Unicode"):
        tokenizer("a \ud800", return_offsets_mapping=True)
