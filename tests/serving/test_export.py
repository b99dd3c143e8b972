import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny import SENTENCES
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus import Summarizer, export_saved_model
from tf_pegasus.serving.manifest import MANIFEST_FILE, versions
from tf_pegasus.serving.served_model import ServedModel

# Bytes no text has, a NUL, a long text, added tokens' spellings, nothing at all.
TEXTS = [*SENTENCES[:5], "Fox.", " ".join(SENTENCES), "\x00 odd \ud7ff 日本 <mask_1>", "", " \n"]

SERVE = """
import json, sys
import tensorflow as tf
import tensorflow_text

texts = json.load(sys.stdin)
signatures = tf.saved_model.load(sys.argv[1]).signatures
answers = {}
for name in sys.argv[2:]:
    serve = signatures[name]
    specs = serve.structured_input_signature[1]
    given = {"num_beams": tf.constant(3), "max_length": tf.constant(12),
             "length_penalty": tf.constant(0.8)}
    outputs = serve(text=tf.constant([text.encode() for text in texts], tf.string),
                    **{name: value for name, value in given.items() if name in specs})
    answers[name] = {
        "summary": [s.decode() for s in outputs["summary"].numpy()],
        "score": outputs["score"].numpy().tolist(),
        "truncated": outputs["truncated"].numpy().tolist(),
        "dtypes": sorted((k, v.dtype.name, v.shape.rank) for k, v in outputs.items()),
    }
others = [m for m in sys.modules if m.split(".")[0] in ("tf_pegasus", "sentencepiece")]
print(json.dumps({"answers": answers, "others": others}))
"""


@pytest.fixture(scope="module")
def served(served_directory):
    return ServedModel(served_directory)


@pytest.fixture(scope="module")
def expected(summarizer):
    return summarizer.summarize(TEXTS, batch_size=len(TEXTS), engine="graph", errors="keep")


def decoded(strings):
    return [string.decode() for string in strings]


@pytest.mark.slow
def test_served_summaries_are_pythons_in_a_fresh_process(served_directory, expected):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            SERVE,
            str(served_directory / "1"),
            "serving_default",
            "serving_default_xla",
        ],
        input=json.dumps(TEXTS),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["others"] == []
    for answer in result["answers"].values():
        assert answer["dtypes"] == [
            ["score", "float32", 1],
            ["summary", "string", 1],
            ["truncated", "bool", 1],
        ]
        assert answer["summary"] == [summary.text for summary in expected]
        assert answer["truncated"] == [summary.tokens_dropped > 0 for summary in expected]
        np.testing.assert_allclose(
            answer["score"], [s.score for s in expected], rtol=1e-5, atol=1e-5
        )
        assert sum(answer["truncated"]) == 1
        assert len(set(answer["summary"])) > 3


def test_n_best_are_generates(served, summarizer, tokenizer):
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
def test_adjusted_options_are_generates(served, summarizer, options):
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


def test_adjusted_options_out_of_range(served):
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


def test_parts_and_order(served, summarizer):
    """More rows than the largest bucket, long and short ones mixed."""
    texts = [TEXTS[i % len(TEXTS)] for i in range(11)]
    parts = served.call(text=texts)
    one_by_one = [served.call(text=[text]) for text in texts]
    for name in ("summary", "truncated"):
        assert parts[name].tolist() == [answer[name][0] for answer in one_by_one]
    np.testing.assert_allclose(
        parts["score"], [a["score"][0] for a in one_by_one], rtol=1e-5, atol=1e-5
    )


def test_nothing_in_nothing_out(served):
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


def test_scores_are_the_losses(served, summarizer, tokenizer):
    documents, summaries = TEXTS[:6], ["fox", "the lazy dog.", "", "a table", "x y z", "22"]
    answer = served.call("score", document=documents, summary=summaries)
    inputs = tokenizer(documents, padding=True, return_tensors="np")
    for row in range(6):
        labels = np.array([tokenizer.encode(summaries[row])])
        source = {name: value[row : row + 1] for name, value in inputs.items()}
        loss = float(summarizer.model(**source, labels=labels).loss)
        assert answer["tokens"][row] == labels.shape[1]
        assert answer["log_probability"][row] == pytest.approx(-loss * labels.shape[1], abs=1e-4)
    blanks = served.call("score", document=["", TEXTS[0]], summary=["x", ""])
    assert blanks["tokens"].tolist() == [0, 1]  # eos alone
    assert blanks["log_probability"][0] == 0
    assert blanks["log_probability"][1] < 0
    long = served.call("score", document=[TEXTS[0]] * 2, summary=[" ".join(SENTENCES), "x"])
    assert long["truncated"].tolist() == [True, False]
    with pytest.raises(ValueError, match="equally many"):
        served.call("score", document=["a", "b"], summary=["c"])


def test_encoder_states_are_the_mean(served, summarizer, tokenizer):
    inputs = tokenizer(TEXTS[:6], padding=True, return_tensors="np")
    states = summarizer.model.get_encoder()(**inputs).last_hidden_state.numpy()
    mask = inputs["attention_mask"][:, :, None]
    answer = served.call("encode", text=[*TEXTS[:6], ""])
    np.testing.assert_allclose(
        answer["states"][:6], (states * mask).sum(1) / mask.sum(1), atol=1e-5
    )
    assert (answer["states"][6] == 0).all()


def test_ids_are_the_tokenizers(served, tokenizer):
    answer = served.call("tokenize", text=TEXTS)
    for text, ids, mask in zip(TEXTS, answer["input_ids"], answer["attention_mask"], strict=True):
        expected = tokenizer.truncate(tokenizer.encode(text), 48) if text.strip() else []
        assert ids[: mask.sum()].tolist() == expected
        assert not ids[mask.sum() :].any()
    assert answer["truncated"].tolist() == [text == TEXTS[6] for text in TEXTS]


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(max_size=80), min_size=1, max_size=9))
def test_any_text_gets_the_tokenizers_ids(served, tokenizer, texts):
    answer = served.call("tokenize", text=texts)
    for text, ids, mask in zip(texts, answer["input_ids"], answer["attention_mask"], strict=True):
        expected = tokenizer.truncate(tokenizer.encode(text), 48)
        # Eos alone is nothing to read.
        assert ids[: mask.sum()].tolist() == (expected if len(expected) > 1 else [])


def test_bad_rows_do_not_sink_others(served):
    # Not UTF-8, the tokenizer's own mark, one much too long, one of a megabyte of blanks.
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


def test_plain_export(summarizer, tmp_path):
    """One engine, fixed options, given buckets, and no warm-up."""
    path = export_saved_model(
        summarizer,
        tmp_path / "served",
        engine="graph",
        version=7,
        batch_buckets=(2,),
        length_buckets=(16, 40),
        warmup=False,
        max_text_bytes=20,
        num_beams=1,
        max_length=5,
    )
    assert path == tmp_path / "served" / "7"
    served = ServedModel(tmp_path / "served")
    assert served.signatures == [
        "encode",
        "generate_ids",
        "score",
        "serving_default",
        "summarize_n",
        "tokenize",
    ]
    answer = served.call(text=TEXTS)
    graph = summarizer.summarize(
        [text[:20] for text in TEXTS[:6]], engine="graph", num_beams=1, max_length=5
    )
    assert decoded(answer["summary"])[:6] == [summary.text for summary in graph]
    assert served.call("summarize_n", text=TEXTS)["summaries"].shape == (len(TEXTS), 1)
    ids = served.call("tokenize", text=["7" * 19, "1" * 21])
    assert ids["truncated"].tolist() == [False, True]
    assert answer["truncated"].tolist() == [len(text.encode()) > 20 for text in TEXTS]
    (spec,) = served._loaded.signatures["serving_default"].structured_input_signature[1].values()
    assert (spec.name, spec.dtype, spec.shape.as_list()) == ("text", tf.string, [None])
    assert not (path / "assets.extra" / "tf_serving_warmup_requests").exists()


def test_vocabulary_and_added_tokens_are_assets(served_directory, tokenizer):
    assets = served_directory / "1" / "assets"
    assert (assets / "spiece.model").read_bytes() == tokenizer.model_proto
    assert json.loads((assets / "added_tokens.json").read_text()) == tokenizer.get_added_vocab()


@pytest.mark.parametrize("weights", ["bfloat16", "int8"])
def test_smaller_weights(summarizer, tmp_path, weights):
    before = [np.array(variable) for variable in summarizer.model.variables]
    path = export_saved_model(
        summarizer, tmp_path, engine="graph", weights=weights, warmup=False, num_beams=1
    )
    full = sum(value.nbytes for value in before)
    stored = tf.train.load_checkpoint(str(path / "variables" / "variables"))
    dtypes = stored.get_variable_to_dtype_map()
    small = sum(
        int(np.prod(shape)) * dtypes[name].size
        for name, shape in stored.get_variable_to_shape_map().items()
        if name.startswith("weights/")
    )
    # Biases, layer norms and scales are a good part of a model this small.
    assert small < {"bfloat16": 0.67, "int8": 0.6}[weights] * full
    served = ServedModel(path)
    assert served.manifest["weights"] == weights
    states = served.call("encode", text=TEXTS[:3])["states"]
    exact = Summarizer(summarizer.model, summarizer.tokenizer)
    inputs = exact.tokenizer(TEXTS[:3], padding=True, return_tensors="np")
    mask = inputs["attention_mask"][:, :, None]
    expected = summarizer.model.get_encoder()(**inputs).last_hidden_state.numpy() * mask
    np.testing.assert_allclose(states, expected.sum(1) / mask.sum(1), atol=0.05)
    assert len(served.call(text=TEXTS)["summary"]) == len(TEXTS)
    # The model that was exported is as it was.
    for value, variable in zip(before, summarizer.model.variables, strict=True):
        np.testing.assert_array_equal(value, np.array(variable))


def test_without_the_extra(summarizer, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving", None)
    monkeypatch.setattr("tf_pegasus.serving.export.is_available", lambda: False)
    monkeypatch.setattr("tf_pegasus.serving.export._save", lambda *arguments: None)
    with pytest.raises(ImportError, match=r"pip install 'tf-pegasus\[serving\]'"):
        export_saved_model(summarizer, tmp_path, warmup=True)
    assert versions(tmp_path) == []
    with pytest.warns(UserWarning, match="no warm-up requests are written"):
        export_saved_model(summarizer, tmp_path)
    assert versions(tmp_path) == [1]


def test_versions_count_up_and_are_never_written_over(summarizer, tmp_path, monkeypatch):
    monkeypatch.setattr("tf_pegasus.serving.export._save", lambda *arguments: None)
    for expected in ("1", "2", "3"):
        assert export_saved_model(summarizer, tmp_path, warmup=False).name == expected
    assert export_saved_model(summarizer, tmp_path, version=10, warmup=False).name == "10"
    (tmp_path / "notes").mkdir()
    assert export_saved_model(summarizer, tmp_path, warmup=False).name == "11"
    with pytest.raises(FileExistsError, match="exists already"):
        export_saved_model(summarizer, tmp_path, version=2, warmup=False)
    assert versions(tmp_path) == [1, 2, 3, 10, 11]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[0] == ".") == []


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"engine": "onnx"}, ValueError, "engine='onnx' must be one of"),
        ({"num_beems": 2}, TypeError, "unknown generation option 'num_beems'"),
        ({"max_length": 999}, ValueError, "max_length=999"),
        ({"version": 0}, ValueError, "version=0"),
        ({"weights": "int4"}, ValueError, "weights='int4' must be one of"),
        ({"batch_buckets": (4, 2)}, ValueError, "batch_buckets=.4, 2. must ascend"),
        ({"batch_buckets": ()}, ValueError, "batch_buckets=.. must ascend"),
        ({"batch_buckets": (1.5,)}, TypeError, "batch_buckets=.1.5,. must be ints"),
        ({"length_buckets": (16, 99)}, ValueError, "must not go above the model's 48 tokens"),
        ({"max_text_bytes": 0}, ValueError, "max_text_bytes=0"),
        ({"do_sample": True}, ValueError, "do_sample=True cannot be exported"),
        ({"adjustable": True, "num_beam_groups": 3}, ValueError, "adjustable=True excludes"),
    ],
)
def test_bad_options_leave_nothing_behind(summarizer, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        export_saved_model(summarizer, tmp_path / "new", warmup=False, **options)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert versions(tmp_path / "new") == []


def test_damaged_exports(served_directory, tmp_path):
    def damaged(name, change):
        path = tmp_path / name
        shutil.copytree(served_directory / "1", path)
        change(path)
        return path

    def cut(file):
        return lambda path: (path / file).write_bytes((path / file).read_bytes()[:-7])

    def remove(file):
        return lambda path: (path / file).unlink()

    def manifest(**changes):
        def change(path):
            values = json.loads((path / MANIFEST_FILE).read_text())
            (path / MANIFEST_FILE).write_text(json.dumps({**values, **changes}))

        return change

    data = "variables/variables.data-00000-of-00001"
    for change, error, message in (
        (cut("assets/spiece.model"), ValueError, "assets/spiece.model in .* was damaged"),
        (cut("saved_model.pb"), ValueError, "saved_model.pb in .* was damaged"),
        (cut(data), ValueError, "was damaged"),
        (remove(data), FileNotFoundError, "variables.data.* is missing"),
        (remove("saved_model.pb"), FileNotFoundError, "saved_model.pb is missing"),
        (remove(MANIFEST_FILE), FileNotFoundError, "no tf_pegasus.json"),
        (manifest(tensorflow="99.1.0"), ValueError, "exported with tensorflow 99.1.0"),
        (manifest(tensorflow="new"), ValueError, "tensorflow='new'"),
        (manifest(files={"../x": "00"}), ValueError, "outside the version"),
        (manifest(files=[]), ValueError, "names no files"),
        (lambda path: shutil.rmtree(path), FileNotFoundError, "no SavedModel in"),
    ):
        path = damaged("damaged", change)
        with pytest.raises(error, match=message):
            ServedModel(path)
        shutil.rmtree(path, ignore_errors=True)
