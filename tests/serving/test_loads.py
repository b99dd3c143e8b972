"""That an export loads and runs where this package is not: in C++, in TensorFlow's own tools, in a
server that replays its warm-up."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
import tensorflow_text
from helpers.tiny import SENTENCES

from tf_pegasus.serving import ServedModel
from tf_pegasus.serving.warmup import read_warmup_requests, text_of

HERE = Path(__file__).parent
TEXTS = [SENTENCES[0], SENTENCES[3], "", " ".join(SENTENCES)]


@pytest.fixture(scope="module")
def served(served_directory):
    return ServedModel(served_directory)


@pytest.fixture(scope="module")
def loader(tmp_path_factory):
    """The C++ program, built against the wheel's headers and libraries."""
    compiler = shutil.which("g++")
    if compiler is None:
        pytest.skip("there is no g++ on this machine")
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
def test_cpp_loads_it_and_writes_pythons_summaries(loader, served, signature):
    done = run_loader(loader, served.path, signature, *TEXTS)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    expected = served.call(text=TEXTS)
    assert [row[2] for row in rows] == [summary.decode() for summary in expected["summary"]]
    assert [row[0] == "1" for row in rows] == expected["truncated"].tolist()
    assert [float(row[1]) for row in rows] == pytest.approx(expected["score"].tolist(), rel=1e-4)


@pytest.mark.slow
def test_cpp_says_what_is_missing(loader, served, tmp_path):
    path = tmp_path / "1"
    shutil.copytree(served.path, path)
    (path / "variables" / "variables.index").unlink()
    done = run_loader(loader, path, "serving_default", "x")
    assert done.returncode == 1
    assert "does not exist" in done.stderr
    done = run_loader(loader, served.path, "nothing", "x")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "no signature nothing")


@pytest.mark.slow
def test_graph_needs_no_xla(loader, served):
    """As in TF Serving that is started without its flag for XLA."""
    done = run_loader(loader, served.path, "serving_default", *TEXTS, XLA_DISABLED="1")
    assert done.returncode == 0, done.stderr[-2000:]
    expected = [summary.decode() for summary in served.call(text=TEXTS)["summary"]]
    assert [line.split("\t")[2] for line in done.stdout.splitlines()] == expected
    done = run_loader(loader, served.path, "serving_default_xla", *TEXTS, XLA_DISABLED="1")
    assert done.returncode == 1
    assert "XLA compilation disabled" in done.stderr


def saved_model_cli(*arguments):
    """TensorFlow's tool, with tensorflow-text's ops."""
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
def test_saved_model_cli(served):
    done = saved_model_cli("show", "--dir", served.path, "--all")
    assert done.returncode == 0, done.stderr[-2000:]
    assert set(re.findall(r"signature_def\['([a-z]\w*)'\]", done.stdout)) == set(served.signatures)
    expression = f"text={json.dumps(TEXTS[:2])}"
    done = saved_model_cli(
        *("run", "--dir", served.path, "--tag_set", "serve", "--signature_def", "serving_default"),
        *("--input_exprs", expression),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for summary in served.call(text=TEXTS[:2])["summary"]:
        assert repr(summary) in done.stdout
    # No op that reads or writes files.
    done = saved_model_cli("scan", "--dir", served.path)
    assert "does not contain the default denylisted ops" in done.stdout


def test_warmup_covers_every_bucket(served, tokenizer):
    buckets = {name: served.manifest[f"{name}_buckets"] for name in ("batch", "length")}
    pairs = {(batch, length) for batch in buckets["batch"] for length in buckets["length"]}
    extra = served.path / "assets.extra"
    for suffix in ("", "_xla"):
        seen, others = set(), set()
        for signature, inputs in read_warmup_requests(
            extra / f"tf_serving_warmup_requests{suffix}"
        ):
            if signature != "serving_default" + suffix:
                others.add(signature)
                continue
            (text,) = set(inputs["text"].numpy())
            tokens = len(tokenizer.encode(text.decode()))
            length = min(bucket for bucket in buckets["length"] if bucket >= tokens)
            seen.add((len(inputs["text"]), length))
        assert seen == pairs
        if not suffix:
            assert others == {"summarize_n", "generate_ids", "score", "encode", "tokenize"}
    assert served.warm_up() == 2 * (len(pairs) + 2) + 3


@pytest.mark.parametrize("tokens", [1, 2, 3, 16, 47, 48])
def test_texts_of_a_length(tokenizer, tokens):
    length = len(tokenizer.encode(text_of(tokenizer, tokens)))
    assert length <= max(tokens, 2)
    assert length >= tokens - 1


def test_damaged_warmup(tmp_path):
    (tmp_path / "requests").write_bytes(b"\x05 nonsense of some length")
    with pytest.raises(ValueError, match="is no file of requests"):
        list(read_warmup_requests(tmp_path / "requests"))
    with pytest.raises(ValueError, match="is no file of requests"):
        list(read_warmup_requests(tmp_path / "none"))


@pytest.mark.slow
def test_soak(served_directory):
    """Random requests from many threads; the script ends with 0 if all was well."""
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
