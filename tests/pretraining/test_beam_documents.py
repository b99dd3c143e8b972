import gzip
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
from tf_pegasus.data.rows import Documents
from tf_pegasus.pretraining.beam_documents import COUNTS, DocumentRules, prepare_documents

LONG = " ".join(SENTENCES)
GERMAN = "Das Haus steht am Rand der Stadt, und niemand weiß, wem es heute gehört."


def other(number):
    """A document that is like no other one."""
    return " ".join(f"{word}{number}" for word in SENTENCES[number % 8].split())


DOCUMENTS = [
    *[other(number) for number in range(40)],
    *[other(3)] * 2,  # duplicates
    LONG,
    LONG.replace("The quick", "A quick"),  # nearly the same
    GERMAN,
    "too short",
    LONG * 4,
]


@pytest.fixture
def files(tmp_path):
    """Documents in files of each kind, with two bad rows."""
    (tmp_path / "in").mkdir()
    text = "\n\n".join(DOCUMENTS[:20]).encode() + b"\n\n\xff\n"
    (tmp_path / "in" / "a.txt.gz").write_bytes(gzip.compress(text))
    lines = [json.dumps({"text": document}) for document in DOCUMENTS[20:]]
    (tmp_path / "in" / "b.jsonl").write_text("\n".join([*lines, '{"body": "x"}']))
    return str(tmp_path / "in" / "*")


def written(tmp_path):
    return list(Documents(str(tmp_path / "out-0*.tfrecord")))


def test_documents_are_kept_once_or_counted(files, tmp_path):
    rules = DocumentRules(min_words=5, max_words=200, language="en", near_duplicates=0.7)
    counts = prepare_documents(files, tmp_path / "out", rules, num_shards=2)
    assert counts["documents"] == len(DOCUMENTS) + 2
    assert sum(counts[name] for name in COUNTS[1:]) == counts["documents"]
    assert (counts["short"], counts["long"], counts["duplicates"]) == (1, 1, 2)
    assert (counts["near_duplicates"], counts["rejected"]) == (1, 2)
    assert counts["other_language"] >= 1
    texts = written(tmp_path)
    assert len(texts) == len(set(texts)) == counts["written"]
    assert set(texts) < set(DOCUMENTS)
    assert len({LONG, DOCUMENTS[43]} & set(texts)) == 1
    assert GERMAN not in texts
    rejected = (tmp_path / "out-rejected-00000-of-00002.jsonl").read_text()
    rejected += (tmp_path / "out-rejected-00001-of-00002.jsonl").read_text()
    rows = sorted(map(json.loads, rejected.splitlines()), key=lambda row: row["file"])
    assert [row["place"] for row in rows] == ["line 41", "line 28"]
    assert "not UTF-8" in rows[0]["error"]
    assert "field 'text' is missing" in rows[1]["error"]
    # A second run writes the same documents.
    assert prepare_documents(files, tmp_path / "out", rules, num_shards=2) == counts
    assert sorted(written(tmp_path)) == sorted(texts)
    with pytest.raises(FileExistsError, match="a different num_shards than 3"):
        prepare_documents(files, tmp_path / "out", rules, num_shards=3)


def test_without_rules_only_equal_documents_are_dropped(files, tmp_path, capsys):
    output = ["--output", str(tmp_path / "out"), "--min-words", "0"]
    assert main(["pretrain-data", "--input", files, *output]) == 0
    assert capsys.readouterr().out.startswith("documents 49, written 45, short 0, long 0, ")
    assert Counter(written(tmp_path)) == Counter(set(DOCUMENTS))


def test_invalid_arguments(files, tmp_path, capsys):
    command = ["pretrain-data", "--input", files, "--output", str(tmp_path / "out")]
    (tmp_path / "a.csv").write_text("text\nx\n")
    for more, message in (
        (["--input", str(tmp_path / "none")], "no file matches"),
        (["--input", str(tmp_path / "a.csv")], "must have a suffix of .txt, .jsonl, .json"),
        (["--num-shards", "0"], "num_shards=0 must be"),
        (["--language", "klingon"], "language='klingon' must be one of"),
        (["--near-duplicates", "2"], "near_duplicates=2.0 must be"),
        (["--max-words", "3"], "max_words=3 must not be less than min_words=20"),
    ):
        assert main([*command, *more]) == 1
        assert message in capsys.readouterr().err
    assert list(tmp_path.glob("out*")) == []


@pytest.mark.slow
def test_killed_and_run_again(tmp_path):
    """A killed run leaves no output, and the next one has every document once."""
    texts = [other(number) for number in range(2000)]
    for part in range(2):
        (tmp_path / f"docs-{part}.txt").write_text("\n".join(texts[part::2]))
    command = [sys.executable, "-m", "tf_pegasus.cli.main", "pretrain-data", "--min-words", "5"]
    command += ["--input", str(tmp_path / "docs-*.txt"), "--output", str(tmp_path / "out")]
    command += ["--text-layout", "lines", "--num-shards", "2", "--near-duplicates", "0.9"]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("beam-temp-*")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    was_running = process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert was_running
    assert list(tmp_path.glob("out*")) == []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith("documents 2,000, written 2,000, ")
    assert Counter(written(tmp_path)) == Counter(texts)
