"""The calls of the tokenizers, compared with those of the reference implementation's."""

import itertools
import json

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import GOLDENS

from tf_pegasus import PegasusTokenizer, PegasusTokenizerFast
from tf_pegasus.bundled import bundled_model

VOCABULARY = bundled_model() / "spiece.model"
ADDED = ["covfefe", "émigré", "<sep>"]
LONG = "A text of some length, to be cut; it has more than one part."
TWO = [LONG, "Short text."]
CLASSES = {"slow": PegasusTokenizer, "fast": PegasusTokenizerFast}
GOLDEN = json.loads((GOLDENS / "tokenizer-calls.json").read_text())


@pytest.fixture(scope="module")
def tokenizers():
    made = {name: tokenizer_class(VOCABULARY) for name, tokenizer_class in CLASSES.items()}
    for tokenizer in made.values():
        tokenizer.add_tokens(ADDED)
    return made


@pytest.fixture(params=CLASSES)
def either(request, tokenizers):
    return tokenizers[request.param]


def as_json(encoding):
    return json.loads(json.dumps(dict(encoding)))


@pytest.mark.parametrize("name", CLASSES)
def test_calls_equal_the_reference(tokenizers, name, monkeypatch):
    for attributes, arguments, options, expected in GOLDEN[name]:
        with monkeypatch.context() as patched:
            for attribute, value in attributes.items():
                patched.setattr(tokenizers[name], attribute, value)
            found = as_json(tokenizers[name](*arguments, **options))
            # Sides may be given in the call, too.
            patched.undo()
            assert as_json(tokenizers[name](*arguments, **options, **attributes)) == found
        assert found == expected, (attributes, arguments, options)


def test_prepared_ids_equal_the_reference(either):
    for (ids, other, options), expected in GOLDEN["prepared"]:
        assert as_json(either.prepare_for_model(ids, other, **options)) == expected


def test_older_calls(either):
    one, two = either(LONG), either(TWO, padding=True, return_tensors="np")
    assert either.encode_plus(LONG) == one
    assert either.encode_plus("a", "b", max_length=2) == either("a", "b", max_length=2)
    np.testing.assert_array_equal(
        either.batch_encode_plus(TWO, padding=True, return_tensors="np").input_ids, two.input_ids
    )
    # One text of tokens or of ids, as in the reference implementation's slow tokenizer.
    tokens = either.tokenize(LONG)
    assert either.encode(tokens) == either.encode(either.convert_tokens_to_ids(tokens))
    assert either.encode(tokens) == either.encode(LONG) == one.input_ids
    assert either.encode(LONG, return_tensors="np").shape == (1, len(one.input_ids))
    assert either.encode(tokens, return_tensors="tf").shape == (1, len(one.input_ids))
    assert either.prepare_for_model([5, 6], return_tensors="np").input_ids.shape == (3,)
    assert either.tokenize("the fox", "a dog", add_special_tokens=True) == [
        *either.tokenize("the fox"),
        *either.tokenize("a dog"),
        "</s>",
    ]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda t: t.batch_encode_plus("text"), TypeError, "must be a list, got the str 'text'"),
        (lambda t: t.encode([1, 2.5]), TypeError, r"text must be a list of int, got \[1, 2.5\]"),
        (lambda t: t.prepare_for_model("text"), TypeError, "ids must be a list of int"),
        (lambda t: t.prepare_for_model([5], [None]), TypeError, "pair_ids must be a list of int"),
        (
            lambda t: t.prepare_for_model([5], trunction=True),
            TypeError,
            "did you mean 'truncation'",
        ),
        (
            lambda t: t.prepare_for_model([5], return_offsets_mapping=True),
            ValueError,
            "return_offsets_mapping=True needs a text, got ids",
        ),
        (lambda t: t("a", text_pair_target="b"), ValueError, "needs text_target"),
        (lambda t: t(text_target="a", text_pair="b"), ValueError, "text_pair needs text,"),
    ],
)
def test_invalid_older_calls(either, call, error, message):
    with pytest.raises(error, match=message):
        call(either)


def test_pairs_of_targets(either):
    encoding = either("a", text_target="the fox", text_pair_target="a dog")
    assert encoding.labels == either("the fox", "a dog").input_ids
    assert either(text_target="the fox", text_pair_target="a dog") == either("the fox", "a dog")


def test_pad_keeps_a_given_attention_mask(either):
    rows = {"input_ids": [[5, 6, 1], [7, 1]], "attention_mask": [[0, 1, 1], [0, 1]]}
    assert either.pad(rows)["attention_mask"] == [[0, 1, 1], [0, 1, 0]]
    left = either.pad(rows, padding_side="left", return_tensors="np")
    np.testing.assert_array_equal(left["attention_mask"], [[0, 1, 1], [0, 0, 1]])
    np.testing.assert_array_equal(left["input_ids"], [[5, 6, 1], [0, 7, 1]])
    listed = [{name: rows[name][row] for name in rows} for row in (0, 1)]
    assert either.pad(listed) == either.pad(rows)
    arrays = [{name: np.array(row) for name, row in entries.items()} for entries in listed]
    assert either.pad(arrays) == either.pad(rows)
    tensors = [{name: tf.constant(row) for name, row in entries.items()} for entries in listed]
    assert either.pad(tensors) == either.pad(rows)
    one = either.pad(listed[1], padding="max_length", max_length=4)
    assert one == {"input_ids": [7, 1, 0, 0], "attention_mask": [0, 1, 0, 0]}
    assert "attention_mask" not in either.pad(rows, return_attention_mask=False)


def test_pad_pads_what_belongs_to_tokens(either):
    rows = {
        "input_ids": [[5, 1], [1]],
        "labels": [[7, 8, 1], [1]],
        "special_tokens_mask": [[0, 1], [1]],
        "offset_mapping": [[(0, 1), (0, 0)], [(0, 0)]],
        "length": [2, 1],
        "name": ["first", "second"],
    }
    padded = either.pad(rows, padding_side="left")
    assert padded["labels"] == [[7, 8, 1], [-100, -100, 1]]
    assert padded["special_tokens_mask"] == [[0, 1], [1, 1]]
    assert [list(map(tuple, row)) for row in padded["offset_mapping"]][1] == [(0, 0), (0, 0)]
    assert (padded["length"], padded["name"]) == ([2, 1], ["first", "second"])
    with pytest.raises(ValueError, match="name: only numbers can be made a tensor"):
        either.pad(rows, return_tensors="np")


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ({"input_ids": [[5, 1]], "attention_mask": [[1]]}, ValueError, "a row of 1 values for 2"),
        ({"ids": [[5]]}, ValueError, r"has no input_ids, only \['ids'\]"),
        ([{"input_ids": [5]}, {"ids": [5]}], ValueError, r"row 1 has the entries \['ids'\]"),
        ("text", TypeError, "must be a dict or a list of dicts, got 'text'"),
        ({"input_ids": 5}, TypeError, "input_ids must be a list of int, or of lists of int, got 5"),
        ({"input_ids": [[5], 6]}, TypeError, "input_ids must be a list of lists of int"),
        ({"input_ids": [[[5]]]}, TypeError, "input_ids must be a list of lists of int"),
        ({"input_ids": [[5]], "labels": None}, TypeError, "labels must be a list of int, or"),
        ({"input_ids": [[5]], "labels": [5]}, TypeError, "labels must be a list of lists of int"),
        (
            {"input_ids": [[5]], "labels": [[5], [6]]},
            ValueError,
            "labels has 2 rows, and input_ids",
        ),
        ([], TypeError, r"must be a dict or a list of dicts, got \[\]"),
    ],
)
def test_pad_refuses_what_are_no_encodings(either, rows, error, message):
    with pytest.raises(error, match=message):
        either.pad(rows)


def test_tensors_of_windows(tokenizers):
    options = {"max_length": 8, "truncation": True, "return_overflowing_tokens": True}
    fast = tokenizers["fast"](TWO, **options, padding=True, stride=2, return_tensors="tf")
    assert fast.input_ids.shape == (4, 8)
    np.testing.assert_array_equal(fast.overflow_to_sample_mapping, [0, 0, 0, 1])
    offsets = tokenizers["fast"](
        TWO, padding=True, return_offsets_mapping=True, return_tensors="np"
    )
    assert offsets.offset_mapping.shape == (*offsets.input_ids.shape, 2)
    with pytest.raises(ValueError, match="overflowing_tokens: its rows have different lengths"):
        tokenizers["slow"](TWO, **options, padding=True, return_tensors="np")


def test_windows_cover_the_text(tokenizers):
    fast = tokenizers["fast"]
    whole = fast.encode(LONG, add_special_tokens=False)
    for side in ("right", "left"):
        for stride in range(4):
            rows = fast(
                LONG,
                truncation=True,
                max_length=6,
                stride=stride,
                truncation_side=side,
                return_overflowing_tokens=True,
            ).input_ids
            rows = [row[:-1] for row in (rows if side == "right" else rows[::-1])]
            joined = rows[0]
            for before, row in itertools.pairwise(rows):
                assert before[len(before) - stride :] == row[:stride]
                joined = joined + row[stride:]
            assert joined == whole


def test_sides_of_a_tokenizer(tmp_path):
    tokenizer = PegasusTokenizer(VOCABULARY, padding_side="left", truncation_side="left")
    tokenizer.save_pretrained(tmp_path)
    for loaded in (tokenizer, PegasusTokenizer.from_pretrained(tmp_path)):
        encoding = loaded(TWO, padding=True)
        assert encoding.input_ids[1][0] == 0
        assert encoding.attention_mask[1][0] == 0
        assert loaded(LONG, max_length=4).input_ids == encoding.input_ids[0][-4:]
        assert loaded.truncate(encoding.input_ids[0], 4) == encoding.input_ids[0][-4:]
        assert loaded.truncate(encoding.input_ids[0], 1) == [1]
    with pytest.raises(ValueError, match="padding_side='top' must be one of"):
        tokenizer.padding_side = "top"
    with pytest.raises(ValueError, match="truncation_side='top' must be one of"):
        PegasusTokenizer(VOCABULARY, truncation_side="top")


def test_types_of_tokens_are_all_zero(either):
    encoding = either("a", "b", padding="max_length", max_length=9, return_token_type_ids=True)
    assert encoding.token_type_ids == [0] * 9


def test_properties(tokenizers):
    slow, fast = tokenizers["slow"], tokenizers["fast"]
    assert (slow.is_fast, fast.is_fast) == (False, True)
    assert (slow(LONG).is_fast, fast(LONG).is_fast) == (False, True)
    assert slow.max_len_single_sentence is None
    limited = PegasusTokenizer(VOCABULARY, model_max_length=9)
    assert limited.max_len_single_sentence == limited.max_len_sentences_pair == 8
    assert limited.init_kwargs["model_max_length"] == 9
    limited.init_kwargs["model_max_length"] = 1
    assert limited.model_max_length == 9
    assert PegasusTokenizer(VOCABULARY, **limited.init_kwargs).model_max_length == 9


def test_names_that_moved(either):
    with pytest.raises(NotImplementedError, match="pass summaries as text_target"):
        either.as_target_tokenizer()
    with pytest.raises(NotImplementedError, match=r"call tokenizer\(documents, text_target="):
        either.prepare_seq2seq_batch(["a"], tgt_texts=["b"])
    for kind, function in (("pt", "torch.from_numpy"), ("jax", "jax.numpy.asarray")):
        for call in (either, either.encode, lambda text, **k: either.pad(either(text), **k)):
            with pytest.raises(ValueError, match=f"return_tensors='{kind}' .* by {function}"):
                call("a", return_tensors=kind)


def test_targets_of_windows(tokenizers):
    options = {"text_target": "a", "max_length": 8, "return_overflowing_tokens": True}
    assert tokenizers["slow"](LONG, **options).labels == tokenizers["slow"].encode("a")
    with pytest.raises(ValueError, match="the rows of text and of text_target would not"):
        tokenizers["fast"](LONG, **options)


def test_lengths_of_numpy(either):
    length = np.int64(5)
    assert either(LONG, max_length=length) == either(LONG, max_length=5)
    padded = either(LONG, padding=True, pad_to_multiple_of=length, return_tensors="np")
    assert padded.input_ids.shape[1] % 5 == 0


def test_an_empty_batch(either):
    encoding = either([], return_tensors="np", return_length=True, padding=True)
    assert (encoding.input_ids.shape, encoding.length.shape) == ((0, 0), (0,))
    assert either([], is_split_into_words=True).input_ids == []
    assert either([[], ["a"]], is_split_into_words=True).input_ids[0] == [1]


def test_arguments_by_position_have_the_order_of_transformers(either):
    # add_special_tokens, padding, truncation, max_length, stride, is_split_into_words,
    # pad_to_multiple_of, return_tensors, return_token_type_ids
    found = either(LONG, None, None, None, True, "max_length", True, 8, 0, False, 4, "np", True)
    assert isinstance(found["input_ids"], np.ndarray)
    assert found["token_type_ids"].shape == (1, 8)
    padded = either.pad({"input_ids": [[7]]}, "max_length", 3, None, None, "np", False)
    np.testing.assert_array_equal(padded["input_ids"], [[7, 0, 0]])


def test_there_are_no_warnings_to_switch_off(either):
    expected = either(LONG)
    assert either(LONG, verbose=False) == expected
    assert either.encode_plus(LONG, verbose=False) == expected
    ids = either(LONG, add_special_tokens=False)["input_ids"]
    assert either.prepare_for_model(ids, verbose=False)["input_ids"] == expected["input_ids"]
