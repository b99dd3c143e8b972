import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from helpers.tiny import SENTENCES

from tf_pegasus.cli.main import main
from tf_pegasus.serving import ServedModel
from tf_pegasus.serving.beam_summarize import summarize_files

BAD = [
    (b"not json", "not JSON"),
    (b'{"document": 5}', "a string 'document'"),
    (b'{"text": "x"}', "a string 'document'"),
    (b"[1]", "a JSON object"),
    (b'{"document": " \\n"}', "the document is blank"),
    (b'{"document": "\xff"}', "utf-8"),
    (b'{"document": "\\ud800"}', "surrogates not allowed"),
]


def read(directory, pattern):
    return [
        json.loads(line)
        for path in sorted(directory.glob(pattern))
        for line in path.read_text().split("\n")
        if line
    ]


def test_every_line_has_one_result(served_directory, tmp_path):
    texts = [*SENTENCES, "\x00 odd \u2028 日本", SENTENCES[0], " ".join(SENTENCES)] * 7
    lines = [json.dumps({"id": n, "document": text}).encode() for n, text in enumerate(texts)]
    lines += [line for line, _ in BAD]
    (tmp_path / "docs-1.jsonl").write_bytes(b"\n".join(lines[:30]) + b"\n\n")
    (tmp_path / "docs-2.jsonl").write_bytes(b"\r\n".join(lines[30:]))
    arguments = (str(tmp_path / "docs-*.jsonl"), str(tmp_path / "out"), served_directory)
    counts = summarize_files(*arguments, num_shards=3)
    assert counts == {"summarized": len(texts), "rejected": len(BAD)}
    records = sorted(read(tmp_path, "out-0*-of-00003.jsonl"), key=lambda record: record["id"])
    assert [record["id"] for record in records] == list(range(len(texts)))
    answer = ServedModel(served_directory).call(text=texts)
    assert [record["summary"] for record in records] == [s.decode() for s in answer["summary"]]
    assert [record["truncated"] for record in records] == answer["truncated"].tolist()
    assert [record["document"] for record in records] == texts
    rejected = read(tmp_path, "out-rejected-*.jsonl")
    for line, message in BAD:
        (one,) = [r for r in rejected if r["line"] == line.decode("utf-8", "replace")]
        assert message in one["error"]
    # A second run writes the same files and no others.
    before = {path.name for path in tmp_path.iterdir()}
    assert summarize_files(*arguments, num_shards=3) == counts
    assert {path.name for path in tmp_path.iterdir()} == before
    again = sorted(read(tmp_path, "out-0*-of-00003.jsonl"), key=lambda record: record["id"])
    assert again == records
    with pytest.raises(FileExistsError, match="a different num_shards than 2"):
        summarize_files(*arguments, num_shards=2)


@pytest.mark.slow
def test_killed_and_run_again(served_directory, tmp_path):
    records = [{"id": n, "document": f"{SENTENCES[n % 8]} {n}"} for n in range(3000)]
    for part in range(2):
        lines = [json.dumps(record) for record in records[part::2]]
        (tmp_path / f"docs-{part}.jsonl").write_text("\n".join(lines))
    command = [sys.executable, "-m", "tf_pegasus.cli.main", "beam-summarize"]
    command += ["--input", str(tmp_path / "docs-*.jsonl"), "--output", str(tmp_path / "out")]
    command += ["--saved-model", str(served_directory), "--num-shards", "2"]
    log = tmp_path / "log"
    with log.open("w") as stderr:
        process = subprocess.Popen(command, stderr=stderr, start_new_session=True)
        # Killed once the model runs, as Beam's temporary files show.
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("beam-temp-*")) and process.poll() is None:
            assert time.monotonic() < deadline, log.read_text()[-2000:]
            time.sleep(0.05)
        time.sleep(4)
        was_running = process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert was_running, log.read_text()[-2000:]
    assert list(tmp_path.glob("out*")) == []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "summarized 3,000, rejected 0"
    counts = Counter(record["id"] for record in read(tmp_path, "out-0*-of-00002.jsonl"))
    assert counts == Counter(range(3000))
    assert read(tmp_path, "out-rejected-*.jsonl") == []


@pytest.mark.parametrize("prefix", ["out/summaries", "out/", "out"])
def test_relative_paths(served_directory, tmp_path, monkeypatch, capsys, prefix):
    (tmp_path / "docs-1.jsonl").write_text('{"document": "x"}\n')
    (tmp_path / "served").symlink_to(served_directory)
    monkeypatch.chdir(tmp_path)
    command = ["beam-summarize", "--input", "docs-*.jsonl", "--output", prefix]
    assert main([*command, "--saved-model", "served"]) == 0
    assert capsys.readouterr().out == "summarized 1, rejected 0\n"
    assert len(read(tmp_path, f"{prefix}-0*-of-00001.jsonl")) == 1


def test_invalid_arguments(served_directory, tmp_path, capsys):
    (tmp_path / "docs.jsonl").write_text('{"document": "x"}\n')
    arguments = ["--input", str(tmp_path / "docs.jsonl"), "--output", str(tmp_path / "out")]
    command = ["beam-summarize", *arguments, "--saved-model", str(served_directory)]
    for more, message in (
        (["--input", str(tmp_path / "none")], "no file matches"),
        (["--num-shards", "0"], "num_shards=0 must be"),
        (["--saved-model", str(tmp_path)], "no SavedModel in"),
        (["--signature", "nothing"], "signature='nothing' must be one of"),
    ):
        assert main([*command, *more]) == 1
        assert message in capsys.readouterr().err
    assert list(tmp_path.glob("out*")) == []
    assert main([*command, "--", "--runner", "DirectRunner"]) == 0
    assert capsys.readouterr().out == "summarized 1, rejected 0\n"
