import csv

import pytest

from tf_pegasus.data.readers import read_records, write_jsonl


def test_jsonl_and_csv_read_alike(tmp_path):
    records = [
        {"document": 'a "b",\nc \u2028 d', "summary": "e"},
        {"document": "f", "summary": "g"},
    ]
    write_jsonl(tmp_path / "a.jsonl", records)
    with open(tmp_path / "a.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["document", "summary"])
        writer.writeheader()
        writer.writerows(records)
    assert list(read_records(tmp_path / "a.jsonl")) == records
    assert list(read_records(tmp_path / "a.csv")) == records


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"document": "x", "summary": "y"}\n{"document"', "line 2: not JSON"),
        ("a.jsonl", b"[1]\n", "line 1: not a JSON object"),
        ("a.jsonl", b'{"document": "x"}\n', "line 1: field 'summary'"),
        ("a.jsonl", b'{"document": "  ", "summary": "y"}\n', "line 1: field 'document'"),
        ("a.jsonl", b'{"document": "\xff"}\n', "not UTF-8"),
        ("a.csv", b"document,text\nx,y\n", "line 2: field 'summary'"),
        ("a.txt", b"x", "unknown suffix '.txt'"),
    ],
)
def test_invalid_files(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        list(read_records(tmp_path / name))
