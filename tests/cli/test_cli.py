import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
import tensorflow as tf
from helpers.tiny import SENTENCES

from tf_pegasus.bundled import bundled_model
from tf_pegasus.cli.main import main
from tf_pegasus.data.readers import write_jsonl


@pytest.fixture
def run(model_directory, capsys, monkeypatch):
    """Runs `tf-pegasus` with the tiny model and the quick engine; standard input may be given."""

    def run_command(*arguments, stdin=None):
        if stdin is not None:
            read_end, write_end = os.pipe()
            os.write(write_end, stdin)
            os.close(write_end)
            monkeypatch.setattr("sys.stdin", os.fdopen(read_end))
        arguments = list(map(str, arguments))
        if arguments[0] in ("summarize", "evaluate") and "--model" not in arguments:
            arguments += ["--model", str(model_directory), "--engine", "graph"]
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_command


@pytest.fixture
def expected(summarizer):
    return lambda texts, **options: summarizer.summarize(texts, engine="graph", **options)


def test_files_standard_input_and_lines(run, expected, tmp_path):
    for name, text in zip("ab", SENTENCES, strict=False):
        (tmp_path / name).write_text(text + "\n")
    texts = [summary.text for summary in expected(SENTENCES[:3])]
    code, out, err = run(
        "summarize", tmp_path / "a", "-", tmp_path / "b", stdin=SENTENCES[2].encode()
    )
    assert (code, err) == (0, "")
    assert out.splitlines() == [texts[0], texts[2], texts[1]]
    code, out, _ = run("summarize", "--lines", "-", stdin="\n".join(SENTENCES[:3]).encode())
    assert (code, out.splitlines()) == (0, texts)


def test_jsonl_keeps_fields_and_adds_summary_and_score(run, expected, tmp_path):
    records = [{"id": n, "document": text + "\u2028"} for n, text in enumerate(SENTENCES[:2])]
    write_jsonl(tmp_path / "in.jsonl", records)
    code, out, _ = run("summarize", "--jsonl", tmp_path / "in.jsonl", "--num-beams", 2)
    assert code == 0
    results = [json.loads(line) for line in out.split("\n") if line]
    summaries = expected([r["document"] for r in records], num_beams=2)
    for record, result, summary in zip(records, results, summaries, strict=True):
        assert {name: result[name] for name in record} == record
        assert result["summary"] == summary.text
        assert result["score"] == pytest.approx(summary.score, abs=1e-4)


def test_long_text_warns_with_a_count(run, expected, tmp_path):
    (tmp_path / "long").write_text(" ".join(SENTENCES))
    dropped = expected([" ".join(SENTENCES)])[0].tokens_dropped
    code, out, err = run("summarize", tmp_path / "long")
    assert (code, len(out.splitlines())) == (0, 1)
    assert err == (
        f"tf-pegasus: warning: {tmp_path / 'long'}: the model reads 48 tokens, the last "
        f"{dropped} were dropped\n"
    )


@pytest.mark.parametrize(
    ("arguments", "content", "message"),
    [
        (["none"], None, "none: No such file or directory"),
        (["."], None, ".: Is a directory"),
        (["file"], b"\xff\xfe", "file: not UTF-8 text (byte 0)"),
        (["file"], b"", "file: the text is empty"),
        (["file"], b" \n\t", "file: the text is empty"),
        (["--lines", "file"], b"one\n\ntwo\n", "file, line 2: the text is empty"),
        (["--jsonl", "file"], b'{"document": "x"}\n{"text": "y"}\n', "file, line 2: must be"),
        (["--jsonl", "file"], b"{\n", "file, line 1: not JSON"),
        (["--jsonl", "file"], b"\n", "there is no document"),
        (["file", "--model", "nowhere"], b"text", "no model directory at 'nowhere'"),
        (["file", "--num-beams", "0"], b"text", "num_beams=0 must be at least 1"),
        (["file", "--max-length", "99"], b"text", "max_length=99 must not be above"),
        (["file", "--batch-size", "0"], b"text", "batch_size=0"),
    ],
)
def test_bad_input_is_one_line_and_a_code(run, tmp_path, monkeypatch, arguments, content, message):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    code, out, err = run("summarize", *arguments)
    assert (code, out) == (1, "")
    assert err.startswith("tf-pegasus: error: ")
    assert message in err
    assert err.count("\n") == 1


def test_wrong_usage(run):
    for arguments in (["summarize"], ["summarise", "x"], ["summarize", "x", "--lines", "--jsonl"]):
        with pytest.raises(SystemExit) as stop:
            run(*arguments)
        assert stop.value.code == 2


def test_evaluate_prints_the_table(run, tmp_path):
    records = [{"document": text + " More.", "summary": text} for text in SENTENCES]
    write_jsonl(tmp_path / "test.jsonl", records)
    code, out, _ = run("evaluate", tmp_path / "test.jsonl")
    rows = [line.split("|")[1].strip() for line in out.splitlines() if line.startswith("|")]
    assert (code, rows) == (0, ["", "---", "first sentence", "first 10 words", "model"])
    assert out.startswith("8 documents")


def test_export_command(run, model_directory, tmp_path, expected):
    target = tmp_path / "served"
    records = [{"document": text, "summary": text} for text in SENTENCES[:3]]
    write_jsonl(tmp_path / "test.jsonl", records)
    command = ["export", target, "--model", model_directory, "--engine", "graph", "--weights"]
    buckets = ["--batch-buckets", 1, 4, "--length-buckets", 48, "--no-warmup"]
    code, out, _ = run(*command, "float32", *buckets, "--evaluate", tmp_path / "test.jsonl")
    lines = out.splitlines()
    assert (code, lines[0]) == (0, str(target / "1"))
    assert re.match(r"weights 0\.\d MB \(\d\.\d\d of float32's\), graph \d", lines[1])
    assert lines[2] == "| | ROUGE-1 | ROUGE-2 | ROUGE-L |"
    assert lines[4].removeprefix("| in Python") == lines[5].removeprefix("| exported")
    assert lines[6] == "3 of 3 summaries are equal"
    serve = tf.saved_model.load(str(target / "1")).signatures["serving_default"]
    summary = serve(text=tf.constant(SENTENCES[:1]))["summary"].numpy()[0].decode()
    assert summary == expected(SENTENCES[:1])[0].text
    code, _, err = run(*command, "float32", "--version", 1)
    assert code == 1
    assert "exists already" in err
    code, _, err = run(*command, "float32", "--length-buckets", 99)
    assert code == 1
    assert "length_buckets=(99,) must not go above the model's 48 tokens" in err


def test_corpus_command(run, tmp_path):
    (tmp_path / "a_i18n_Translation-en").write_text(
        "Package: a\nDescription-en: one two\n A text of at least eight words stands in this.\n"
    )
    code, out, _ = run("corpus", "debian", tmp_path / "out", "--lists", tmp_path)
    assert code == 0
    assert "read 1, usable 1" in out
    code, _, err = run("corpus", "debian", tmp_path / "other", "--lists", tmp_path / "out")
    assert code == 1
    assert "apt-get" in err


def command(*arguments):
    launcher = "import sys, tf_pegasus_launcher as l; sys.exit(l.main())"
    return [sys.executable, "-c", launcher, *map(str, arguments)]


def test_reader_that_stops_early(model_directory):
    done = subprocess.run(
        [
            *("bash", "-c", 'set -o pipefail; "$@" | true', "-"),
            *command("summarize", "-", "--model", model_directory, "--engine", "graph"),
        ],
        input=SENTENCES[0],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.slow
def test_train_command_survives_a_kill(tmp_path):
    records = [
        {"document": f"{text} Number {n}.", "summary": text}
        for n in range(10)
        for text in SENTENCES
    ]
    write_jsonl(tmp_path / "train.jsonl", records)
    write_jsonl(tmp_path / "validation.jsonl", records[:8])
    arguments = command("train", "--train-file", tmp_path / "train.jsonl")
    arguments += ["--validation-file", str(tmp_path / "validation.jsonl")]
    arguments += ["--output-dir", str(tmp_path / "run"), "--vocab-size", "105", "--epochs", "40"]
    arguments += ["--d-model", "16", "--layers", "1", "--heads", "2", "--ffn-dim", "16"]
    arguments += ["--eval-steps", "10", "--batch-size", "8"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("Epoch 4/"):
                process.send_signal(signal.SIGKILL)
    done = subprocess.run([*arguments], capture_output=True, text=True, timeout=300, check=True)
    assert "resuming after" in done.stdout
    assert "val_loss" in done.stdout
    log = (tmp_path / "run" / "training" / "log.csv").read_text().splitlines()[1:]
    assert [int(line.split(",")[0]) for line in log] == list(range(40))
    done = subprocess.run(
        command("summarize", "-", "--model", tmp_path / "run", "--engine", "graph"),
        input=SENTENCES[0],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stderr, done.stdout.count("\n")) == ("", 1)


@pytest.mark.slow
def test_summarize_from_a_cold_start_with_the_bundled_model():
    """The README's first command, from standard input, in a process of its own."""
    text = (
        "This package contains a small tool that converts pictures between many formats. "
        "It is controlled from the command line and works on whole directories of files."
    )
    started = time.monotonic()
    done = subprocess.run(
        command("summarize", "-"), input=text, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    words = done.stdout.split()
    assert 2 <= len(words) <= 15
    print(f"{time.monotonic() - started:.1f} s")


def test_bundled_model_is_whole_and_small():
    directory = bundled_model()
    names = {path.name for path in directory.iterdir()}
    assert {"config.json", "generation_config.json", "model.safetensors"} <= names
    assert {"spiece.model", "tokenizer_config.json", "MODEL_CARD.md"} <= names
    assert sum(path.stat().st_size for path in directory.iterdir()) < 25e6


def test_other_keras_backends_are_refused():
    code = (
        "import sys, types; k = types.ModuleType('keras'); k.backend = types.SimpleNamespace("
        "backend=lambda: 'jax'); sys.modules['keras'] = k; import tf_pegasus"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "KERAS_BACKEND=tensorflow" in done.stderr
    assert "'jax'" in done.stderr
