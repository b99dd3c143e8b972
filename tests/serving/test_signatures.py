"""Each signature of an export, compared with the model and the tokenizer."""

import copy

import numpy as np
import pytest
import tensorflow as tf
from helpers.serving import TEXTS, decoded
from helpers.tiny import SENTENCES
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus import PegasusTokenizer, Summarizer
from tf_pegasus.serving.signatures import ServedSummarizer
from tf_pegasus.utils.shapes import Buckets


def test_summarize_n_returns_what_generate_returns(served, summarizer, tokenizer):
    answer = served.call("summarize_n", text=TEXTS[:3])
    inputs = tokenizer(TEXTS[:3], padding=True, return_tensors="np")
    best = summarizer.model.generate(
        **inputs, engine="graph", num_return_sequences=3, return_dict_in_generate=True
    )
    texts = tokenizer.batch_decode(best.sequences.numpy(), skip_special_tokens=True)
    assert decoded(answer["summaries"].ravel()) == texts
    np.testing.assert_allclose(
        answer["scores"].ravel(), best.sequences_scores, rtol=1e-5, atol=1e-5
    )
    first = served.call(text=TEXTS[:3])
    assert first["summary"].tolist() == answer["summaries"][:, 0].tolist()
    ids = served.call("generate_ids", **inputs)
    assert ids["sequences"].shape == (3, 12)
    assert tokenizer.batch_decode(ids["sequences"], skip_special_tokens=True) == decoded(
        first["summary"]
    )
    np.testing.assert_allclose(ids["scores"], first["score"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"num_beams": 1},
        {"num_beams": 2, "length_penalty": -1.0},
        {"max_length": 5},
        {"num_beams": 2, "max_length": 7, "length_penalty": 2.0},
    ],
)
def test_runtime_options_equal_options_of_generate(served, summarizer, options):
    for signature in ("serving_default", "serving_default_xla"):
        answer = served.call(signature, text=TEXTS[:4], **options)
        expected = summarizer.summarize(TEXTS[:4], batch_size=4, engine="graph", **options)
        assert decoded(answer["summary"]) == [summary.text for summary in expected]
        np.testing.assert_allclose(
            answer["score"], [s.score for s in expected], rtol=1e-5, atol=1e-5
        )
    best = served.call("summarize_n", text=TEXTS[:2], **options)
    unused = options.get("num_beams", 3)
    assert (best["summaries"][:, unused:] == b"").all()
    assert (best["scores"][:, unused:] == -1e9).all()


def test_runtime_options_out_of_range_are_refused(served):
    for options, message in (
        ({"num_beams": 4}, "num_beams must be between 1 and 3, got.*4"),
        ({"num_beams": 0}, "num_beams must be between"),
        ({"max_length": 13}, "max_length must be between 2 and 12"),
        ({"length_penalty": float("nan")}, "length_penalty must be between -2.0 and 10.0"),
    ):
        with pytest.raises(ValueError, match=message):
            served.call(text=["x"], **options)
    with pytest.raises(ValueError, match="serving_default takes length_penalty, max_length"):
        served.call(text=["x"], num_beems=2)
    with pytest.raises(ValueError, match="signature='serve' must be one of"):
        served.call("serve", text=["x"])


def test_empty_batches_and_blank_texts_give_empty_answers(served):
    assert served.call(text=[])["summary"].shape == (0,)
    assert served.call("summarize_n", text=[])["scores"].shape == (0, 3)
    assert served.call("encode", text=[])["states"].shape == (0, 16)
    assert served.call("tokenize", text=[])["input_ids"].shape == (0, 0)
    assert served.call("score", document=[], summary=[])["tokens"].shape == (0,)
    empty = np.zeros((0, 0), "int32")
    answer = served.call("generate_ids", input_ids=empty, attention_mask=empty)
    assert answer["sequences"].shape == (0, 12)
    blank = served.call("summarize_n", text=["", "\u3000"])
    assert (blank["summaries"] == b"").all()
    assert (blank["scores"] == 0).all()


def test_scores_are_the_negative_losses(served, summarizer, tokenizer):
    documents, summaries = TEXTS[:6], ["fox", "the lazy dog.", "", "a table", "x y z", "22"]
    answer = served.call("score", document=documents, summary=summaries)
    inputs = tokenizer(documents, padding=True, return_tensors="np")
    for row in range(6):
        labels = np.array([tokenizer.encode(summaries[row])])
        source = {name: value[row : row + 1] for name, value in inputs.items()}
        loss = float(summarizer.model(**source, labels=labels).loss[0])
        assert answer["tokens"][row] == labels.shape[1]
        assert answer["log_probability"][row] == pytest.approx(-loss * labels.shape[1], abs=1e-4)
    blanks = served.call("score", document=["", TEXTS[0]], summary=["x", ""])
    assert blanks["tokens"].tolist() == [0, 1]  # eos alone
    assert blanks["log_probability"][0] == 0
    assert blanks["log_probability"][1] < 0
    long = served.call("score", document=[TEXTS[0]] * 2, summary=[" ".join(SENTENCES), "x"])
    assert long["truncated"].tolist() == [True, False]
    with pytest.raises(ValueError, match="the same number of rows"):
        served.call("score", document=["a", "b"], summary=["c"])


def test_encode_returns_the_mean_of_the_encoder_states(served, summarizer, tokenizer):
    inputs = tokenizer(TEXTS[:6], padding=True, return_tensors="np")
    states = summarizer.model.get_encoder()(**inputs).last_hidden_state.numpy()
    mask = inputs["attention_mask"][:, :, None]
    answer = served.call("encode", text=[*TEXTS[:6], ""])
    np.testing.assert_allclose(
        answer["states"][:6], (states * mask).sum(1) / mask.sum(1), atol=1e-5
    )
    assert (answer["states"][6] == 0).all()


def test_tokenize_returns_the_ids_of_the_tokenizer(served, escaping_tokenizer):
    tokenizer = escaping_tokenizer
    answer = served.call("tokenize", text=TEXTS)
    for text, ids, mask in zip(TEXTS, answer["input_ids"], answer["attention_mask"], strict=True):
        expected = tokenizer.truncate(tokenizer.encode(text), 48) if text.strip() else []
        assert ids[: mask.sum()].tolist() == expected
        assert not ids[mask.sum() :].any()
    assert answer["truncated"].tolist() == [text == TEXTS[6] for text in TEXTS]


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(max_size=80), min_size=1, max_size=9))
def test_tokenize_returns_the_ids_of_the_tokenizer_for_any_text(served, tokenizer, texts):
    answer = served.call("tokenize", text=texts)
    for text, ids, mask in zip(texts, answer["input_ids"], answer["attention_mask"], strict=True):
        expected = tokenizer.truncate(tokenizer.encode(text), 48)
        # A text that has eos alone is blank.
        assert ids[: mask.sum()].tolist() == (expected if len(expected) > 1 else [])


def test_invalid_rows_do_not_affect_others(served):
    # Not UTF-8, the tokenizer's own mark, one that is too long, and a megabyte of spaces.
    texts = [b"\xff\xfe\xff", TEXTS[0], b"a\xc3", "fox " * 5000, " " * 1_000_001 + "x", "\x00"]
    answer = served.call(text=texts)
    assert answer["truncated"].tolist() == [False, False, False, True, True, False]
    assert answer["summary"][1] == served.call(text=TEXTS[:1])["summary"][0]
    assert answer["summary"][4] == b""
    [summary.decode() for summary in answer["summary"]]
    ids = np.array([[105, 120, 1], [5, 2000, 1], [5, -1, 1], [105, 120, 1]])
    answer = served.call("generate_ids", input_ids=ids, attention_mask=np.ones((4, 3)))
    assert answer["valid"].tolist() == [True, False, False, True]
    assert answer["sequences"][0].tolist() == answer["sequences"][3].tolist()
    assert not answer["sequences"][1:3].any()
    long = np.full((1, 60), 120)
    answer = served.call("generate_ids", input_ids=long, attention_mask=np.ones((1, 60)))
    assert answer["truncated"].tolist() == [True]
    with pytest.raises(ValueError, match="must have the same shape"):
        served.call("generate_ids", input_ids=ids, attention_mask=np.ones((4, 2)))


def test_special_tokens_in_a_text_are_text(served, tokenizer):
    texts = ["</s>", "The fox <mask_1> the <pad> dog.</s>", "<unk_7>"]
    answer = served.call("tokenize", text=texts)
    escaping = copy.copy(tokenizer)
    escaping.escape_special_tokens()
    for ids, mask, expected in zip(
        answer["input_ids"], answer["attention_mask"], escaping.encode_batch(texts), strict=True
    ):
        assert ids[: mask.sum()].tolist() == expected
        assert min(expected[:-1]) >= tokenizer.unk_token_id


def test_texts_that_normalize_to_nothing_have_empty_summaries(served):
    answer = served.call(text=["\u200b", "\ufeff", *TEXTS[:1]])
    assert answer["summary"].tolist() == [b"", b"", served.call(text=TEXTS[:1])["summary"][0]]


@pytest.mark.parametrize("side", ["left", "right"])
def test_what_is_read_of_very_long_texts(summarizer, vocab_file, side):
    tokenizer = PegasusTokenizer(vocab_file, truncation_side=side)
    served = ServedSummarizer(
        Summarizer(summarizer.model, tokenizer),
        Buckets((1,), (16,)),
        (),
        summarizer.model.generation_config,
        False,
        200,
    )
    texts = ["the fox " * 100 + "the dog", "the fox"]
    answer = served.signatures["tokenize"](tf.constant(texts))
    rows, masks = answer["input_ids"].numpy(), answer["attention_mask"].numpy()
    ids = [row[mask == 1].tolist() for row, mask in zip(rows, masks, strict=True)]
    assert ids == [tokenizer.truncate(tokenizer.encode(text), 16) for text in texts]
    assert answer["truncated"].numpy().tolist() == [True, False]
