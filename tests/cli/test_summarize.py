import json
import os
import signal
import subprocess
import sys
import time

import pytest
from helpers.tiny import SENTENCES

from tf_pegasus import Summarizer, Summary
from tf_pegasus.cli import documents
from tf_pegasus.data.jsonl import write_jsonl


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


def test_a_long_text_warns_with_a_count(run, expected, tmp_path):
    (tmp_path / "long").write_text(" ".join(SENTENCES))
    dropped = expected([" ".join(SENTENCES)])[0].tokens_dropped
    code, out, err = run("summarize", tmp_path / "long")
    assert (code, len(out.splitlines())) == (0, 1)
    assert err == (
        f"tf-pegasus: warning: {tmp_path / 'long'}: the model reads 48 tokens, the last "
        f"{dropped} were dropped\n"
    )


def test_many_long_texts_warn_once(run, tmp_path):
    long = " ".join(SENTENCES)
    (tmp_path / "texts").write_text("\n".join([SENTENCES[0], long, long, long]))
    code, out, err = run("summarize", "--lines", tmp_path / "texts", "--batch-size", 1)
    assert (code, len(out.splitlines()), err.count("\n")) == (0, 4, 1)
    assert err.startswith(
        "tf-pegasus: warning: 3 documents were too long and were truncated; the first is "
        f"{tmp_path / 'texts'}, line 2: the model reads 48 tokens, the last "
    )


@pytest.mark.parametrize(
    ("arguments", "content", "message"),
    [
        (["none"], None, "none: No such file or directory"),
        (["."], None, ".: Is a directory"),
        (["file"], b"\xff\xfe", "file: not UTF-8 text (byte 0)"),
        (["file"], b"", "file: the text is empty"),
        (["file"], b" \n\t", "file: the text is empty"),
        (["--lines", "file"], b"\n", "file, line 1: the text is empty"),
        (["--jsonl", "file"], b'{"text": "y"}\n', "file, line 1: must be"),
        (["--jsonl", "file"], b"{\n", "file, line 1: not JSON"),
        (["--jsonl", "file"], b'{"document": "x", "a": NaN}', "file, line 1: contains NaN"),
        (["--jsonl", "file"], b'{"document": "x\\ud800"}', "a lone surrogate"),
    ],
)
def test_invalid_document_gets_an_error_line_and_an_empty_result(
    run, tmp_path, monkeypatch, arguments, content, message
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Summarizer, "from_pretrained", None)  # no model is loaded
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    code, out, err = run("summarize", *arguments)
    assert (code, out.count("\n")) == (1, 1)
    assert err.startswith("tf-pegasus: error: ")
    assert message in err
    assert err.count("\n") == 1
    if "--jsonl" in arguments:
        (result,) = map(json.loads, out.splitlines())
        assert (result["summary"], result["score"]) == ("", None)
        assert result["error"] in err
    else:
        assert out == "\n"
    code, out, again = run("summarize", *arguments, "--skip-errors")
    assert (code, out, again) == (1, "", err)


@pytest.mark.parametrize(
    ("arguments", "content", "message"),
    [
        (["--jsonl", "file"], b"\n", "there is no document"),
        (["--lines", "file"], b"", "there is no document"),
        (["file", "--model", "nowhere"], b"text", "no model directory at 'nowhere'"),
        (["file", "--num-beams", "0"], b"text", "num_beams=0 must be at least 1"),
        (["file", "--max-length", "99"], b"text", "max_length=99 must not be above"),
        (["file", "--batch-size", "0"], b"text", "batch_size=0"),
    ],
)
def test_invalid_arguments_are_reported_in_one_line(
    run, tmp_path, monkeypatch, arguments, content, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_bytes(content)
    code, out, err = run("summarize", *arguments)
    assert (code, out) == (1, "")
    assert err.startswith("tf-pegasus: error: ")
    assert message in err
    assert err.count("\n") == 1


def test_invalid_documents_do_not_affect_others(run, expected, tmp_path):
    lines = [SENTENCES[0].encode(), b"", b"\xff", SENTENCES[1].encode()]
    (tmp_path / "texts").write_bytes(b"\n".join(lines))
    texts = [summary.text for summary in expected(SENTENCES[:2])]
    code, out, err = run("summarize", "--lines", tmp_path / "texts")
    assert (code, out.split("\n")) == (1, [texts[0], "", "", texts[1], ""])
    assert [line.split(": ", 2)[2] for line in err.splitlines()] == [
        f"{tmp_path / 'texts'}, line 2: the text is empty",
        f"{tmp_path / 'texts'}, line 3: not UTF-8 text (byte 0)",
    ]
    code, out, again = run("summarize", "--lines", tmp_path / "texts", "--skip-errors")
    assert (code, out.split("\n"), again) == (1, [*texts, ""], err)
    code, out, _ = run("summarize", tmp_path / "none", tmp_path / "texts", "-", stdin=b"A fox.")
    assert (code, out.split("\n")[:2]) == (1, ["", ""])
    assert len(out.split("\n")[2]) > 0


def test_nan_scores_are_null(run, tmp_path, monkeypatch):
    def stream(self, texts, **options):
        for text in texts:
            yield Summary(text, float("nan"), 0)

    monkeypatch.setattr(Summarizer, "stream", stream)
    (tmp_path / "in.jsonl").write_text('{"document": "A fox."}')
    code, out, _ = run("summarize", "--jsonl", tmp_path / "in.jsonl")
    assert (code, json.loads(out)) == (
        0,
        {"document": "A fox.", "summary": "A fox.", "score": None},
    )


def test_the_bundled_model_by_name(monkeypatch, tmp_path, run):
    from tf_pegasus import bundled_model

    asked = []

    def from_pretrained(path, revision):
        asked.append((path, revision))
        raise ValueError("enough")

    monkeypatch.setattr(Summarizer, "from_pretrained", from_pretrained)
    (tmp_path / "text").write_text("A fox.")
    for model in (["--model", "bundled"], ["--model", "owner/name", "--revision", "0123abc"]):
        assert run("summarize", tmp_path / "text", *model)[0] == 1
    assert asked == [(bundled_model(), None), ("owner/name", "0123abc")]
    code, _, err = run("summarize", "text", "--model", "bundled", "--revision", "0123abc")
    assert (code, len(asked)) == (1, 2)
    assert "--revision requires a --model that is a name on the hub" in err


def test_documents_are_read_lazily(tmp_path):
    """Only the documents that are requested are read."""
    (tmp_path / "a").write_text("one\ntwo\n")

    class Arguments:
        files = (str(tmp_path / "a"), str(tmp_path / "b"))
        lines, jsonl = True, False

    read = documents.read_documents(Arguments)
    assert next(read).text == "one"
    (tmp_path / "b").write_text("three\n")
    assert [document.text for document in read] == ["two", "three"]


def test_results_are_streamed_and_survive_an_interrupt(model_directory):
    """The first window's summaries are printed while standard input is still open."""
    command = [sys.executable, "-m", "tf_pegasus", "summarize", "--lines", "-"]
    command += ["--model", str(model_directory), "--batch-size", "1", "--max-length", "4"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdin.write("".join(f"{text}\n" for text in SENTENCES[:4]).encode())
        process.stdin.flush()
        lines = [process.stdout.readline() for _ in range(4)]
        assert all(line.strip() for line in lines)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert err == b"tf-pegasus: interrupted\n"


def test_closed_pipe_ends_the_command(process, model_directory, tmp_path):
    (tmp_path / "texts").write_text("A fox.\n" * 100_000)
    started = time.monotonic()
    done = process(
        *("summarize", "--lines", tmp_path / "texts", "--model", model_directory),
        *("--max-length", "3", "--num-beams", "1", "--batch-size", "2"),
        shell='set -o pipefail; "$@" | head -1',
    )
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (1, 1, "")
    assert time.monotonic() - started < 60


def test_a_full_device(process, model_directory, tmp_path):
    (tmp_path / "text").write_text("A fox.")
    command = ("summarize", tmp_path / "text", "--model", model_directory, "--max-length", "3")
    done = process(*command, shell='exec "$@" > /dev/full')
    assert (done.returncode, done.stderr) == (
        1,
        "tf-pegasus: error: No space left on device\n",
    )


@pytest.mark.slow
def test_bundled_model_in_a_fresh_process(process):
    """The README's first command, from standard input, in a separate process."""
    text = (
        "This package contains a small tool that converts pictures between many formats. "
        "It is controlled from the command line and works on whole directories of files."
    )
    started = time.monotonic()
    done = process("summarize", "-", input=text, check=True)
    assert done.stderr == ""
    words = done.stdout.split()
    assert 2 <= len(words) <= 15
    print(f"{time.monotonic() - started:.1f} s on {os.cpu_count()} cores")


def test_special_tokens_in_a_document_are_text(run, model_directory):
    text = "The quick </s> fox <mask_1> jumps."
    summarizer = Summarizer.from_pretrained(model_directory)
    summarizer.tokenizer.escape_special_tokens()
    (expected,) = summarizer.summarize([text], engine="graph")
    code, out, err = run("summarize", "--jsonl", "-", stdin=json.dumps({"document": text}).encode())
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert (answer["summary"], answer["score"]) == (expected.text, round(expected.score, 6))
    # Not that of the ids that a text may bring in from Python.
    (kept,) = Summarizer.from_pretrained(model_directory).summarize([text], engine="graph")
    assert round(kept.score, 6) != answer["score"]


def test_a_document_that_normalizes_to_nothing(run):
    code, out, err = run("summarize", "--jsonl", "-", stdin=b'{"document": "\xe2\x80\x8b"}')
    assert code == 1
    assert "has no character that is text" in err
    assert (json.loads(out)["summary"], json.loads(out)["score"]) == ("", None)


def test_check_marks_what_the_document_does_not_contain(run, tmp_path, monkeypatch):
    def stream(self, texts, **options):
        return (Summary("Ada Lovelace wrote it in 1843.", -1.0, 0) for _ in texts)

    monkeypatch.setattr(Summarizer, "stream", stream)
    texts = ["Written by Ada Lovelace in 1843.", "Ada wrote it in 1842."]
    (tmp_path / "texts").write_text("\n".join(texts))
    code, out, err = run("summarize", "--lines", "--check", tmp_path / "texts")
    assert code == 0
    assert out.splitlines() == [
        "Ada Lovelace wrote it in 1843.",
        "Ada [Lovelace?] wrote it in [1843?].",
    ]
    assert err == (
        "tf-pegasus: warning: summaries with numbers or names that their document does not "
        "contain: 1\n"
    )
    write_jsonl(tmp_path / "texts", [{"document": text} for text in texts])
    code, out, _ = run("summarize", "--jsonl", "--check", tmp_path / "texts")
    first, second = map(json.loads, out.splitlines())
    assert (first["summary"], first["unsupported"]) == ("Ada Lovelace wrote it in 1843.", [])
    assert second["summary"] == first["summary"]
    assert second["unsupported"] == [
        {"kind": "name", "text": "Lovelace", "start": 4, "end": 12},
        {"kind": "number", "text": "1843", "start": 25, "end": 29},
    ]
    _, out, err = run("summarize", "--jsonl", tmp_path / "texts")
    assert ("unsupported" in out, err) == (False, "")
