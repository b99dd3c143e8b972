"""What an encoding knows about its texts, compared with the reference implementation's."""

import copy
import json
import pickle

import numpy as np
import pytest
from helpers.texts import TEXTS, generated
from helpers.tiny import GOLDENS

from tf_pegasus import BatchEncoding, PegasusTokenizer, PegasusTokenizerFast
from tf_pegasus.bundled import bundled_model

VOCABULARY = bundled_model() / "spiece.model"
GOLDEN = json.loads((GOLDENS / "tokenizer-calls.json").read_text())["aligned"]


@pytest.fixture(scope="module", params=[PegasusTokenizer, PegasusTokenizerFast])
def either(request):
    tokenizer = request.param(VOCABULARY)
    tokenizer.add_tokens(["covfefe", "émigré", "<sep>"])
    return tokenizer


def listed(spans):
    return [None if span is None else list(span) for span in spans]


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: str(golden["text"])[:20])
def test_places_equal_the_reference(either, golden):
    encoding = either(golden["text"], return_offsets_mapping=True, **golden["options"])
    ids = golden["entries"]["input_ids"]
    assert encoding.input_ids == ids
    assert listed(encoding.offset_mapping) == golden["entries"]["offset_mapping"]
    # The reference implementation's fast tokenizer writes what is unknown as it is in the text.
    unknown = [
        either.unk_token if index == either.unk_token_id else token
        for index, token in zip(ids, golden["tokens"], strict=True)
    ]
    assert encoding.tokens() == unknown
    assert encoding.word_ids() == golden["word_ids"]
    assert encoding.sequence_ids() == golden["sequence_ids"]
    assert listed(map(encoding.token_to_chars, range(len(ids)))) == golden["token_to_chars"]
    places = range(len(golden["char_to_token"]))
    assert list(map(encoding.char_to_token, places)) == golden["char_to_token"]
    assert list(map(encoding.char_to_word, places)) == golden["char_to_word"]
    words = range(len(golden["word_to_tokens"]))
    assert listed(map(encoding.word_to_tokens, words)) == golden["word_to_tokens"]
    words = sorted({word for word in golden["word_ids"] if word is not None})
    assert listed(map(encoding.word_to_chars, words)) == golden["word_to_chars"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        # All of a letter and its marks, where the reference returns the letter alone.
        ("e\u0301x", ["e", "e\u0301", "x"]),
        ("  the   fox ", ["the", "f", "ox"]),
        ("\u3000the\u200bfox\ufeff", ["the", "f", "ox"]),
        ("👩\u200d👩\u200d👧 ok", ["👩", "👩\u200d👩\u200d👧", "o", "ok"]),
        ("xcovfefex", ["x", "covfefe", "x"]),
        ("a</s> b<mask_1>", ["a", "</s>", "b", "<mask_1>"]),
        ("ﬁne", ["ﬁne"]),
        (" \n\t ", []),
        ("", []),
    ],
)
def test_parts_of_odd_texts(either, text, parts):
    encoding = either(text, return_offsets_mapping=True)
    found = [text[start:end] for start, end in encoding.offset_mapping[:-1]]
    assert found == parts
    assert encoding.offset_mapping[-1] == (0, 0)


def test_places_of_arbitrary_texts(either):
    texts = [*TEXTS, *generated(300, seed=3)]
    batch = either(texts, return_offsets_mapping=True)
    assert batch.input_ids == either.encode_batch(texts)
    for number, (text, offsets) in enumerate(zip(texts, batch.offset_mapping, strict=True)):
        encoding = batch[number]
        assert encoding.ids == batch.input_ids[number]
        places = offsets[:-1]
        assert all(0 <= start <= end <= len(text) for start, end in places)
        # In order, but for the mark of a word's beginning, which has the place of its first letter.
        assert [start for start, _ in places] == sorted(start for start, _ in places)
        words = encoding.word_ids[:-1]
        assert words == sorted(words)
        assert set(words) == set(range(len(set(words))))
        # Every character that is neither white space nor left out by normalization has a token.
        for place, character in enumerate(text):
            if character.isalnum() and not either._blank_characters[character]:
                assert encoding.char_to_token(place) is not None, (text, place)


def test_long_unknown_runs(either):
    text = "the " + "日本" * 20_000 + " fox"
    encoding = either(text, return_offsets_mapping=True)
    assert encoding.input_ids == either.encode(text)
    assert encoding.offset_mapping[2] == (4, 4 + 40_000)
    assert text[slice(*encoding.offset_mapping[3])] == "f"


def test_line_breaks_with_a_token_of_their_own(vocab_file):
    tokenizer = PegasusTokenizer(vocab_file, newline_token="<n>")
    text = "The fox\njumps.\n\nThe dog\n"
    encoding = tokenizer(text, return_offsets_mapping=True)
    breaks = [
        place
        for token, place in zip(encoding.tokens(), encoding.offset_mapping, strict=True)
        if token == "<n>"
    ]
    assert breaks == [(7, 8), (14, 15), (15, 16), (23, 24)]
    assert text[slice(*encoding.token_to_chars(encoding.char_to_token(8)))].startswith("j")


def test_sampled_ids_have_their_own_places():
    sampling = {"enable_sampling": True, "nbest_size": -1, "alpha": 0.1}
    tokenizer = PegasusTokenizer(VOCABULARY, sp_model_kwargs=sampling)
    for _ in range(20):
        encoding = tokenizer("The quick brown fox jumps over the lazy dog.")
        assert encoding.encodings[0].ids == encoding.input_ids


def test_rows_pairs_and_padding(either):
    texts, others = ["the fox", "a"], ["a dog", "the covfefe"]
    encoding = either(texts, others, padding="max_length", max_length=9, padding_side="left")
    assert encoding.n_sequences == 2
    for row, (text, other) in enumerate(zip(texts, others, strict=True)):
        assert encoding[row].ids == encoding.input_ids[row]
        assert encoding[row].attention_mask == encoding.attention_mask[row]
        assert encoding.tokens(row)[0] == "<pad>"
        first = encoding.char_to_token(row, 0)
        assert encoding.token_to_sequence(row, first) == 0
        assert text[slice(*encoding.token_to_chars(row, first))] == text.split()[0]
        last = encoding.char_to_token(row, len(other) - 1, sequence_index=1)
        assert encoding.sequence_ids(row)[last] == 1
        assert encoding.word_ids(row)[last] == 1
        assert encoding.word_to_chars(row, 1, sequence_index=1) == (
            other.index(" ") + 1,
            len(other),
        )
        assert encoding.word_to_tokens(row, 5) is None
    assert encoding[1:] == {name: rows[1:] for name, rows in encoding.items()}


def test_windows_know_their_places():
    fast = PegasusTokenizerFast(VOCABULARY)
    text = "A text of some length, to be cut; it has more than one part."
    encoding = fast(
        text, max_length=8, stride=2, return_overflowing_tokens=True, return_offsets_mapping=True
    )
    for row, ids in enumerate(encoding.input_ids):
        assert encoding[row].ids == ids
        assert encoding[row].offsets == encoding.offset_mapping[row]
    last = encoding.offset_mapping[-1][-2]
    assert text[slice(*last)] == "."
    assert encoding.char_to_token(0, len(text) - 1) is None
    assert encoding.char_to_token(len(encoding.input_ids) - 1, len(text) - 1) is not None


def test_data_copies_and_pickles(either):
    encoding = either(["the fox", "a"], padding=True)
    encoding.data["extra"] = [1, 2]
    assert encoding.extra == [1, 2]
    for other in (
        copy.copy(encoding),
        copy.deepcopy(encoding),
        pickle.loads(pickle.dumps(encoding)),
    ):
        assert (other, other.encodings) == (encoding, encoding.encodings)
        assert type(other) is BatchEncoding
        assert other.word_ids(1) == encoding.word_ids(1)


def test_an_encoding_without_texts(either):
    padded = either.pad({"input_ids": [[5, 1]]})
    assert padded.encodings is padded.n_sequences is None
    for call in (
        padded.tokens,
        padded.word_ids,
        lambda: padded.char_to_token(0),
        lambda: padded[0],
    ):
        with pytest.raises(ValueError, match="needs the texts, which this encoding does not have"):
            call()
    with pytest.raises(KeyError, match="labels"):
        padded["labels"]


def test_conversion_to_tensors(either):
    encoding = either(["the fox", "a small dog"], padding=True)
    assert encoding.convert_to_tensors("np") is encoding
    assert isinstance(encoding.input_ids, np.ndarray)
    assert BatchEncoding({"input_ids": [5, 1]}, tensor_type="tf", prepend_batch_axis=True)[
        "input_ids"
    ].shape == (1, 2)
    with pytest.raises(ValueError, match="different lengths: pass padding=True"):
        either(["the fox", "a"]).convert_to_tensors("np")
    with pytest.raises(ValueError, match="return_tensors='pt'"):
        encoding.convert_to_tensors("pt")
