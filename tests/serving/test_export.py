"""Exports in a fresh process, in C++ and in TensorFlow's tools, and invalid options."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text
from helpers.serving import TEXTS, decoded
from helpers.tiny import SENTENCES

from tf_pegasus import Summarizer, export_saved_model
from tf_pegasus.serving import ServedModel
from tf_pegasus.serving.manifest import versions

HERE = Path(__file__).parent
FEW_TEXTS = [SENTENCES[0], SENTENCES[3], "", " ".join(SENTENCES)]


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
def expected(summarizer, escaping_tokenizer):
    summarizer = Summarizer(summarizer.model, escaping_tokenizer)
    return summarizer.summarize(TEXTS, batch_size=len(TEXTS), engine="graph", errors="keep")


@pytest.mark.slow
def test_fresh_process_returns_the_same_summaries(served_directory, expected):
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


def test_an_export_with_one_engine_and_fixed_options(summarizer, tmp_path):
    """One engine, fixed options, custom buckets, and no warm-up."""
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


def test_no_warmup_without_the_serving_extra(summarizer, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving", None)
    monkeypatch.setattr("tf_pegasus.serving.export.is_available", lambda: False)
    monkeypatch.setattr("tf_pegasus.serving.export._save", lambda *arguments: None)
    with pytest.raises(ImportError, match=r"pip install 'tf-pegasus\[serving\]'"):
        export_saved_model(summarizer, tmp_path, warmup=True)
    assert versions(tmp_path) == []
    with pytest.warns(UserWarning, match="no warm-up requests are written"):
        export_saved_model(summarizer, tmp_path)
    assert versions(tmp_path) == [1]


def test_versions_increase_and_are_never_overwritten(summarizer, tmp_path, monkeypatch):
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
        ({"length_buckets": (16, 99)}, ValueError, "must not exceed the model's 48 tokens"),
        ({"max_text_bytes": 0}, ValueError, "max_text_bytes=0"),
        ({"do_sample": True}, ValueError, "do_sample=True cannot be exported"),
        (
            {"adjustable": True, "num_beam_groups": 3},
            ValueError,
            "adjustable=True cannot be combined",
        ),
        (
            {"adjustable": True, "remove_invalid_values": True},
            ValueError,
            "adjustable=True cannot be combined",
        ),
        ({"max_time": 1.0, "engine": "both"}, ValueError, "max_time=1.0 needs a clock"),
    ],
)
def test_invalid_options_leave_no_files(summarizer, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        export_saved_model(summarizer, tmp_path / "new", warmup=False, **options)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert versions(tmp_path / "new") == []


@pytest.fixture(scope="module")
def loader(tmp_path_factory):
    """The C++ program, built against the wheel's headers and libraries."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("g++ is not installed")
    program = tmp_path_factory.mktemp("loader") / "loader"
    wheel = Path(tf.__file__).parent
    libraries = [wheel / f"libtensorflow_{name}.so.2" for name in ("cc", "framework")]
    subprocess.run(
        [
            *(compiler, "-std=c++20", "-w", f"-I{wheel / 'include'}"),
            *(HERE / "loader.cc", *libraries, f"-Wl,-rpath,{wheel}", "-o", program),
        ],
        check=True,
    )
    return program


def run_loader(loader, *arguments, **environment):
    library = Path(tensorflow_text.__file__).parent / "python/ops/_sentencepiece_tokenizer.so"
    return subprocess.run(
        [loader, library, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("signature", ["serving_default", "serving_default_xla"])
def test_cpp_program_returns_the_same_summaries(loader, served, signature):
    done = run_loader(loader, served.path, signature, *FEW_TEXTS)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    expected = served.call(text=FEW_TEXTS)
    assert [row[2] for row in rows] == [summary.decode() for summary in expected["summary"]]
    assert [row[0] == "1" for row in rows] == expected["truncated"].tolist()
    assert [float(row[1]) for row in rows] == pytest.approx(expected["score"].tolist(), rel=1e-4)


@pytest.mark.slow
def test_cpp_program_reports_what_is_missing(loader, served, tmp_path):
    path = tmp_path / "1"
    shutil.copytree(served.path, path)
    (path / "variables" / "variables.index").unlink()
    done = run_loader(loader, path, "serving_default", "x")
    assert done.returncode == 1
    assert "does not exist" in done.stderr
    done = run_loader(loader, served.path, "nothing", "x")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "no signature nothing")


@pytest.mark.slow
def test_the_graph_engine_needs_no_xla(loader, served):
    """As in TF Serving that is started without XLA."""
    done = run_loader(loader, served.path, "serving_default", *FEW_TEXTS, XLA_DISABLED="1")
    assert done.returncode == 0, done.stderr[-2000:]
    expected = [summary.decode() for summary in served.call(text=FEW_TEXTS)["summary"]]
    assert [line.split("\t")[2] for line in done.stdout.splitlines()] == expected
    done = run_loader(loader, served.path, "serving_default_xla", *FEW_TEXTS, XLA_DISABLED="1")
    assert done.returncode == 1
    assert "XLA compilation disabled" in done.stderr


def saved_model_cli(*arguments):
    """Runs TensorFlow's tool with tensorflow-text's ops."""
    code = (
        "import tensorflow_text\nfrom tensorflow.python.tools.saved_model_cli import main\nmain()"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_saved_model_cli_shows_runs_and_scans_an_export(served):
    done = saved_model_cli("show", "--dir", served.path, "--all")
    assert done.returncode == 0, done.stderr[-2000:]
    assert set(re.findall(r"signature_def\['([a-z]\w*)'\]", done.stdout)) == set(served.signatures)
    expression = f"text={json.dumps(FEW_TEXTS[:2])}"
    done = saved_model_cli(
        *("run", "--dir", served.path, "--tag_set", "serve", "--signature_def", "serving_default"),
        *("--input_exprs", expression),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for summary in served.call(text=FEW_TEXTS[:2])["summary"]:
        assert repr(summary) in done.stdout
    # No op reads or writes files.
    done = saved_model_cli("scan", "--dir", served.path)
    assert "does not contain the default denylisted ops" in done.stdout


@pytest.mark.slow
def test_soak_finds_no_wrong_row_and_no_late_compilation(served_directory):
    """Random requests from many threads; the script exits with 0 on success."""
    script = HERE.parent.parent / "benchmarks" / "serving_soak.py"
    arguments = ["--requests", "60", "--texts", "80", "--threads", "4"]
    arguments += ["--served", str(served_directory), "--signature", "serving_default_xla"]
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    counts = dict(re.findall(r"^\| (.+?) \| ([\d,]+) \|$", done.stdout, re.MULTILINE))
    assert counts["requests"] == "60"
    assert counts["wrong rows"] == "0"
    assert counts["programs compiled while warming up"] == counts["pairs of buckets"] == "4"
    assert counts["programs compiled later"] == "0"
