"""The tokenizers' published API, compared with the reference goldens and with each other."""

import copy
import json
import pickle
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.texts import TEXTS, generated
from helpers.tiny import GOLDENS
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus import (
    PegasusTokenizer,
    PegasusTokenizerFast,
    TFPegasusForConditionalGeneration,
    TFPegasusTokenizer,
)
from tf_pegasus.bundled import bundled_model
from tf_pegasus.corpora.corpus import Reading
from tf_pegasus.corpora.debian import DebianCorpus

VOCABULARY = bundled_model() / "spiece.model"
CLASSES = (PegasusTokenizer, PegasusTokenizerFast)
ADDED = ["<sep>", "covfefe", "émigré"]
ADDED_TEXTS = [
    "the covfefe of émigré life",
    "covfefecovfefe<sep>covfefe",
    " <sep> a <sep>",
    "<mask_1><sep></s>",
]
TWO = ["A text of some length, to be cut.", "Short."]


@pytest.fixture(scope="module")
def goldens():
    return json.loads((GOLDENS / "tokenizer.json").read_text())


@pytest.fixture(params=CLASSES)
def bundled(request):
    return request.param(VOCABULARY)


# Compared with the reference implementation


def test_ids_texts_and_tokens_equal_the_reference(bundled, goldens):
    texts, slow = [*TEXTS, *generated(200, seed=1)], goldens["slow"]
    rows = bundled(texts)["input_ids"]
    assert rows == slow["ids"]
    assert bundled.batch_decode(rows, skip_special_tokens=True) == slow["decoded"]
    assert bundled.batch_decode(rows) == slow["decoded_whole"]
    options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": True}
    assert bundled.batch_decode(rows, **options) == slow["cleaned"]
    tokens = [bundled.convert_ids_to_tokens(row) for row in rows[:40]]
    assert tokens == slow["tokens"]
    assert [bundled.convert_tokens_to_string(row) for row in tokens[:12]] == slow["strings"]


def test_reference_fast_tokenizer_agrees_except_for_odd_unicode(bundled, goldens):
    pairs = zip(TEXTS, bundled(TEXTS)["input_ids"], goldens["fast"]["ids"], strict=True)
    different = [text for text, ours, theirs in pairs if ours != theirs]
    # For odd Unicode, it also differs from the reference implementation's slow tokenizer.
    assert different == [
        "\x00a\x00b\x01\x7f\x85",
        "a\u0300\u0301\u0302\u0303 zalgo t\u0336h\u0336i\u0336s",
    ]


def test_vocabulary_and_masks_equal_the_reference(bundled, goldens):
    slow = goldens["slow"]
    assert bundled.get_special_tokens_mask([0, 2, 104, 105, 106, 500]) == slow["special_mask"]
    assert bundled.build_inputs_with_special_tokens([7, 8], [9]) == slow["built"]
    tokens = ["<mask_1>", "▁the", "no such", "</s>"]
    assert bundled.convert_tokens_to_ids(tokens) == slow["token_ids"]
    assert bundled.vocab_size == len(bundled) == slow["vocab_size"]
    vocab = sorted(bundled.get_vocab().items(), key=lambda item: item[1])
    assert [list(item) for item in vocab[:200]] == slow["vocab"]
    assert [index for _, index in vocab] == list(range(len(bundled)))
    assert bundled.num_special_tokens_to_add() == bundled.num_special_tokens_to_add(pair=True) == 1


def test_calls_equal_the_reference(bundled, goldens):
    for options, expected in goldens["slow"]["calls"]:
        expected.pop("token_type_ids", None)
        assert dict(bundled(TWO, **options)) == expected, options
    assert dict(bundled(TWO, text_target=["Sum.", "It up."])) == goldens["slow"]["targets"]
    for first, second, options, ids in goldens["slow"]["pairs"]:
        assert bundled(first, second, **options)["input_ids"] == ids, options


def test_added_tokens_equal_the_reference(bundled, goldens):
    expected = goldens["slow"]["added"]
    assert bundled.add_tokens(ADDED) == expected["new"] == 3
    assert len(bundled) == expected["length"]
    rows = bundled(ADDED_TEXTS)["input_ids"]
    assert rows == expected["ids"]
    assert bundled.batch_decode(rows, skip_special_tokens=True) == expected["decoded"]
    assert bundled.batch_decode(rows) == expected["decoded_whole"]
    graph = TFPegasusTokenizer.from_tokenizer(bundled)
    assert graph.tokenize(ADDED_TEXTS).to_list() == rows
    texts = graph.detokenize(tf.ragged.constant(rows, tf.int32)).numpy()
    assert [text.decode() for text in texts] == expected["decoded"]


@pytest.mark.parametrize("tokenizer_class", CLASSES)
def test_additional_special_tokens_equal_the_reference(tokenizer_class, goldens):
    named = tokenizer_class(VOCABULARY, additional_special_tokens=["<new>"])
    ids = named("a <new> b")["input_ids"]
    assert ids == goldens["additional"]["ids"]
    assert named.decode(ids, skip_special_tokens=True) == goldens["additional"]["decoded"]
    assert named.additional_special_tokens[-1] == "<new>"
    assert named.additional_special_tokens[:2] == ["<mask_1>", "<unk_2>"]


# Compared with each other


def assert_three_agree(python, fast, graph, texts):
    rows = python.encode_batch(texts)
    assert fast.encode_batch(texts) == rows
    strings = tf.constant([text.encode() for text in texts], tf.string)
    assert graph.tokenize(strings).to_list() == rows
    back = python.batch_decode(rows, skip_special_tokens=True)
    assert fast.batch_decode(rows, skip_special_tokens=True) == back
    ragged = tf.ragged.constant(rows, tf.int32, ragged_rank=1)
    assert [text.decode() for text in graph.detokenize(ragged).numpy()] == back


@pytest.fixture(scope="module", params=[{}, {"newline_token": "<n>"}], ids=str)
def three(request, vocab_file, tmp_path_factory):
    """The three tokenizers with added tokens; the fast one from `tokenizer.json` alone."""
    python = PegasusTokenizer(vocab_file, **request.param)
    python.add_tokens([*ADDED, "the fox", "▁a"])
    python.add_tokens("<end>", special_tokens=True)
    directory = tmp_path_factory.mktemp("three")
    python.save_pretrained(directory)
    PegasusTokenizerFast.from_pretrained(directory).save_pretrained(directory)
    (directory / "spiece.model").unlink()
    fast = PegasusTokenizerFast.from_pretrained(directory)
    assert fast.get_added_vocab() == python.get_added_vocab()
    return python, fast, TFPegasusTokenizer.from_tokenizer(fast)


def test_tokenizers_agree(three):
    texts = [*TEXTS, *ADDED_TEXTS, *generated(1000, seed=2), "the fox", "a the fox<end>, <end>"]
    assert_three_agree(*three, texts)


_wild = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_known = st.sampled_from([*ADDED, "<end>", "<pad>", "</s>", "<unk>", "<n>", "\n", " ", "▁", "▁a"])


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(st.lists(_wild | _known, max_size=6).map("".join), min_size=1, max_size=4))
def test_tokenizers_agree_on_arbitrary_texts(three, texts):
    assert_three_agree(*three, texts)


@settings(max_examples=100, deadline=None)
@given(rows=st.lists(st.lists(st.integers(0, 219), max_size=12), min_size=1, max_size=4))
def test_tokenizers_decode_arbitrary_ids_alike(three, rows):
    python, fast, graph = three
    expected = python.batch_decode(rows, skip_special_tokens=True)
    assert fast.batch_decode(rows, skip_special_tokens=True) == expected
    ragged = tf.ragged.constant(rows, tf.int32, ragged_rank=1)
    assert [text.decode() for text in graph.detokenize(ragged).numpy()] == expected


@pytest.mark.slow
def test_tokenizers_agree_on_the_demo_corpus():
    try:
        records = list(DebianCorpus().texts(Reading()))[::8]
    except FileNotFoundError as error:
        pytest.skip(str(error))
    python, fast = PegasusTokenizer(VOCABULARY), PegasusTokenizerFast(VOCABULARY)
    graph = TFPegasusTokenizer.from_tokenizer(python)
    texts = [text for record in records for text in (record.document, record.summary)]
    for start in range(0, len(texts), 4096):
        assert_three_agree(python, fast, graph, texts[start : start + 4096])


# Calls


def test_single_texts_lists_and_pairs(tokenizer):
    one = tokenizer("the fox")
    assert one.input_ids == one["input_ids"] == tokenizer.encode("the fox")
    assert tokenizer(["the fox"]).input_ids == [one.input_ids]
    pair = tokenizer("the fox", "a dog").input_ids
    assert pair == one.input_ids[:-1] + tokenizer.encode("a dog")
    assert tokenizer([("the fox", "a dog")]).input_ids == [pair]
    assert tokenizer(["the fox"], ["a dog"]).input_ids == [pair]
    assert tokenizer(text_target="the fox") == one
    both = tokenizer(["the fox"], text_target=["a dog"], return_tensors="np")
    np.testing.assert_array_equal(both.labels, [tokenizer.encode("a dog")])
    with pytest.raises(AttributeError, match="no attribute 'token_type_ids'"):
        _ = one.token_type_ids
    assert tokenizer([]) == {"input_ids": [], "attention_mask": []}


def test_tensors(tokenizer):
    for kind, kind_class in (("np", np.ndarray), ("tf", tf.Tensor)):
        encoding = tokenizer("the fox", return_tensors=kind)
        assert isinstance(encoding.input_ids, kind_class)
        assert encoding.input_ids.shape == (1, len(tokenizer.encode("the fox")))
        assert np.asarray(encoding.input_ids).dtype == "int32"


def test_encoding_is_accepted_by_keras(tokenizer):
    from helpers.tiny import tiny_config

    model = TFPegasusForConditionalGeneration(tiny_config(vocab_size=len(tokenizer)))
    encoding = tokenizer(
        ["the fox", "a small dog"],
        text_target=["fox", "dog"],
        padding=True,
        return_tensors="np",
    )
    model.compile("adam")
    assert np.isfinite(model.fit(encoding, verbose=0).history["loss"]).all()
    dataset = tf.data.Dataset.from_tensor_slices(encoding).batch(2)
    assert np.isfinite(model.evaluate(dataset, verbose=0))
    assert np.isfinite(model(**encoding).loss)
    assert model.predict(encoding, verbose=0).logits.shape[0] == 2


def test_padding_of_encodings(tokenizer):
    rows = [tokenizer("the fox"), tokenizer("a small dog is here")]
    padded = tokenizer.pad(rows, return_tensors="np", pad_to_multiple_of=8)
    assert padded.input_ids.shape[1] % 8 == 0
    np.testing.assert_array_equal(padded.attention_mask.sum(1), [len(r.input_ids) for r in rows])
    again = tokenizer.pad({"input_ids": [[5, 1], [1]], "labels": [[7, 8], [9]]})
    assert again == {
        "input_ids": [[5, 1], [1, 0]],
        "labels": [[7, 8], [9, -100]],
        "attention_mask": [[1, 1], [1, 0]],
    }
    mask = tokenizer(["the", "the fox"], padding=True, return_special_tokens_mask=True)
    assert mask.special_tokens_mask[0][-1] == 1
    assert "attention_mask" not in tokenizer("the", return_attention_mask=False)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((), {}, "text is missing"),
        ((["a"],), {"padding": "left"}, "padding='left' must be one of"),
        ((["a"],), {"truncation": "yes"}, "truncation='yes' must be one of"),
        ((["a"],), {"max_length": 0}, "max_length=0 must be"),
        ((["a"],), {"max_length": 2.0}, "max_length=2.0 must be"),
        ((["a"],), {"return_tensors": "pt"}, "return_tensors='pt'"),
        ((["a", "b"], ["c"]), {}, "text has 2 texts and text_pair 1"),
        (
            ("a", "b c d"),
            {"truncation": "only_first", "max_length": 2},
            "not long enough to be truncated",
        ),
        (("a b c d", "b"), {"truncation": "only_second", "max_length": 2}, "not long enough"),
    ],
)
def test_invalid_tokenizer_calls(tokenizer, arguments, options, message):
    with pytest.raises(ValueError, match=message):
        tokenizer(*arguments, **options)


def test_text_of_a_wrong_type(tokenizer):
    for text in ([b"bytes"], [None], 3):
        with pytest.raises(TypeError):
            tokenizer(text)


# Vocabulary


def test_ids_and_tokens(tokenizer):
    assert tokenizer.convert_ids_to_tokens(2) == "<mask_1>"
    ids = tokenizer.encode("the fox")
    tokens = tokenizer.convert_ids_to_tokens(ids)
    assert tokens[-1] == "</s>"
    assert tokenizer.convert_tokens_to_ids(tokens) == ids
    assert tokenizer.tokenize("the fox") == tokens[:-1]
    assert tokenizer.convert_ids_to_tokens(ids, skip_special_tokens=True) == tokens[:-1]
    assert tokenizer.convert_tokens_to_ids("no such token") == tokenizer.unk_token_id == 105
    assert (tokenizer.mask_token_id, tokenizer.mask_token_sent_id) == (3, 2)
    assert tokenizer.special_tokens_map["additional_special_tokens"][0] == "<mask_1>"
    assert len(tokenizer.all_special_ids) == len(tokenizer.all_special_tokens) == 106
    for index in (-1, len(tokenizer)):
        with pytest.raises(ValueError, match=rf"ids contain {index}"):
            tokenizer.convert_ids_to_tokens([index])


def test_adding_tokens(vocab_file):
    tokenizer = PegasusTokenizer(vocab_file)
    size = len(tokenizer)
    assert tokenizer.add_tokens("alpha") == 1
    assert tokenizer.add_tokens(["alpha", "beta", "beta"]) == 1
    assert tokenizer.add_tokens(["<mask_1>"]) == 0  # it is one already
    assert tokenizer.add_special_tokens({"additional_special_tokens": ["<end>"]}) == 1
    assert (len(tokenizer), tokenizer.vocab_size) == (size + 3, size)
    assert tokenizer.get_added_vocab() == {"alpha": size, "beta": size + 1, "<end>": size + 2}
    ids = tokenizer.encode("alpha<end>")
    assert ids == [size, size + 2, 1]
    assert tokenizer.decode(ids, skip_special_tokens=True) == "alpha"
    assert tokenizer.get_special_tokens_mask(ids, already_has_special_tokens=True) == [0, 1, 1]
    # An existing piece keeps its id and is no longer split.
    piece = tokenizer.convert_ids_to_tokens(size - 1)
    assert tokenizer.add_tokens(piece) == 0
    assert tokenizer.encode(piece) == [size - 1, 1]
    for wrong in ("", [""], [3], [None]):
        with pytest.raises((ValueError, TypeError)):
            tokenizer.add_tokens(wrong)
    with pytest.raises(ValueError, match="'pad_token' cannot be changed"):
        tokenizer.add_special_tokens({"pad_token": "<p>"})
    with pytest.raises(TypeError, match="must be a list of str"):
        PegasusTokenizer(vocab_file, additional_special_tokens="<end>")


def test_added_tokens_with_a_resized_model(vocab_file):
    from helpers.tiny import tiny_config

    tokenizer = PegasusTokenizer(vocab_file)
    model = TFPegasusForConditionalGeneration(tiny_config(vocab_size=len(tokenizer)))
    tokenizer.add_tokens(["alpha"])
    inputs = tokenizer("the alpha fox", return_tensors="np")
    with pytest.raises(ValueError, match="input_ids holds ids outside"):
        model(inputs.input_ids, decoder_input_ids=inputs.input_ids)
    model.resize_token_embeddings(len(tokenizer))
    assert model(inputs.input_ids, decoder_input_ids=inputs.input_ids).logits.shape[-1] == 214
    # Biased towards it, the model writes the new word.
    bias = np.zeros((1, 214))
    bias[0, 213] = 100
    model.set_bias({"final_logits_bias": bias})
    ids = model.generate(**inputs, max_length=4, engine="eager")
    graph = TFPegasusTokenizer.from_tokenizer(tokenizer)
    assert graph.detokenize(ids).numpy()[0].decode().startswith("alpha alpha")


def test_subword_regularization(vocab_file):
    sampling = {"enable_sampling": True, "nbest_size": -1, "alpha": 0.1}
    sampled = PegasusTokenizer(vocab_file, sp_model_kwargs=sampling)
    text = "The quick brown fox jumps over the lazy dog."
    seen = {tuple(sampled.encode(text)) for _ in range(20)}
    assert len(seen) > 1
    assert {sampled.decode(ids, skip_special_tokens=True) for ids in seen} == {text}
    graph = TFPegasusTokenizer.from_tokenizer(sampled)
    assert len({tuple(graph.tokenize([text]).to_list()[0]) for _ in range(20)}) > 1
    with pytest.raises((TypeError, ValueError)):
        PegasusTokenizer(vocab_file, sp_model_kwargs={"no_such": 1})


# Files


@pytest.mark.parametrize("tokenizer_class", CLASSES)
def test_directories_round_trip(tokenizer_class, vocab_file, tmp_path):
    tokenizer = tokenizer_class(
        vocab_file,
        newline_token="<n>",
        model_max_length=33,
        additional_special_tokens=["<end>"],
        clean_up_tokenization_spaces=True,
    )
    tokenizer.add_tokens(ADDED)
    tokenizer.save_pretrained(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    expected = {"spiece.model", "tokenizer_config.json", "special_tokens_map.json"}
    expected |= {"added_tokens.json"}
    expected |= {"tokenizer.json"} if tokenizer_class is PegasusTokenizerFast else set()
    assert names == expected
    loaded = tokenizer_class.from_pretrained(tmp_path)
    assert loaded.get_config() == tokenizer.get_config()
    assert loaded.get_added_vocab() == tokenizer.get_added_vocab()
    assert loaded.all_special_tokens == tokenizer.all_special_tokens
    assert loaded.encode_batch(TEXTS) == tokenizer.encode_batch(TEXTS)
    # A second save with fewer tokens leaves no file of the first.
    tokenizer_class(vocab_file).save_pretrained(tmp_path)
    assert tokenizer_class.from_pretrained(tmp_path).get_added_vocab() == {}
    assert tokenizer_class.from_pretrained(tmp_path, model_max_length=9).model_max_length == 9


def test_files_of_older_versions_of_transformers(vocab_file, tmp_path):
    tokenizer = PegasusTokenizer(vocab_file)
    size = tokenizer.vocab_size
    tokenizer.save_pretrained(tmp_path)
    config = {
        "model_max_length": 1000000000000000019884624838656,
        "eos_token": {"content": "</s>", "lstrip": False},
        "offset": 103,
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    (tmp_path / "added_tokens.json").write_text(json.dumps({"beta": size + 1, "alpha": size}))
    loaded = PegasusTokenizer.from_pretrained(tmp_path)
    assert loaded.model_max_length is None
    assert loaded.get_added_vocab() == {"alpha": size, "beta": size + 1}
    for wrong, message in (
        ({"alpha": size + 5}, "but the next free id is 213"),
        ({"alpha": -1}, "the id -1 is not a number"),
        ({"alpha": None}, "is not a number"),
    ):
        (tmp_path / "added_tokens.json").write_text(json.dumps(wrong))
        with pytest.raises(ValueError, match=message):
            PegasusTokenizer.from_pretrained(tmp_path)


def test_graph_tokenizer_keeps_added_tokens(vocab_file, tmp_path):
    python = PegasusTokenizer(vocab_file)
    python.add_tokens(ADDED)
    python.add_tokens(["<end>"], special_tokens=True)
    graph = TFPegasusTokenizer.from_tokenizer(python)
    texts = ["a covfefe<end>", "plain"]
    expected = graph.tokenize(texts).to_list()
    again = TFPegasusTokenizer.from_config(graph.get_config())
    assert again.tokenize(texts).to_list() == expected
    inputs = keras.Input((), dtype="string")
    model = keras.Model(inputs, TFPegasusTokenizer.from_tokenizer(python)(inputs)["input_ids"])
    model.save(tmp_path / "tokenizer.keras")
    loaded = keras.models.load_model(tmp_path / "tokenizer.keras")
    np.testing.assert_array_equal(loaded(tf.constant(texts))[0, :2], expected[0][:2])
    texts = graph.detokenize(tf.ragged.constant([*expected, []], tf.int32)).numpy()
    assert [text.decode() for text in texts] == ["a covfefe", "plain", ""]


def test_invalid_files_of_the_fast_tokenizer(vocab_file, tmp_path):
    with pytest.raises(ValueError, match="vocab_file or tokenizer_file must be given"):
        PegasusTokenizerFast()
    with pytest.raises(FileNotFoundError, match="no such file"):
        PegasusTokenizerFast(tokenizer_file=tmp_path / "none.json")
    with pytest.raises(FileNotFoundError, match=r"no tokenizer\.json and no spiece\.model"):
        PegasusTokenizerFast.from_pretrained(tmp_path)


def test_writing_tokenizer_json_needs_an_extra_and_reading_does_not(
    vocab_file, tmp_path, monkeypatch
):
    fast = PegasusTokenizerFast(vocab_file)
    fast.save_pretrained(tmp_path / "written")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match=r"pip install 'tf-pegasus\[fast\]'"):
        fast.save_pretrained(tmp_path / "refused")
    assert not (tmp_path / "refused").exists()
    read = PegasusTokenizerFast.from_pretrained(tmp_path / "written")
    assert read.encode_batch(TEXTS) == fast.encode_batch(TEXTS)


def test_backend_tokenizer_agrees_on_plain_texts(vocab_file):
    fast = PegasusTokenizerFast(vocab_file)
    for text in TEXTS[:6]:
        assert fast.backend_tokenizer.encode(text).ids == fast.encode(text)


@pytest.mark.parametrize("tokenizer_class", [PegasusTokenizer])
def test_copies(tokenizer_class, vocab_file):
    tokenizer = tokenizer_class(vocab_file)
    tokenizer.add_tokens("alpha")
    for other in (copy.deepcopy(tokenizer), pickle.loads(pickle.dumps(tokenizer))):
        assert other.encode("the alpha fox") == tokenizer.encode("the alpha fox")
