import bz2
import gzip
import lzma

import pytest
import tensorflow as tf
from helpers.data_files import (
    RECORDS,
    Builder,
    example,
    write_csv,
    write_parquet,
    write_tfrecord,
)

from tf_pegasus.data.jsonl import write_jsonl
from tf_pegasus.data.readers import open_sources, read_records


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("a.jsonl", write_jsonl),
        ("a.json", write_jsonl),
        ("a.csv", write_csv),
        ("a.parquet", write_parquet),
        ("a.tfrecord", write_tfrecord),
        ("a.tfrecord-00000-of-00010", write_tfrecord),
        ("a.tfrecords.gz", lambda path, records: write_tfrecord(path, records, "GZIP")),
    ],
)
def test_all_formats_read_alike(tmp_path, name, write):
    write(tmp_path / name, RECORDS)
    assert list(read_records(tmp_path / name)) == RECORDS


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_compressed_files(tmp_path, suffix, compress):
    write_jsonl(tmp_path / "plain.jsonl", RECORDS)
    content = compress((tmp_path / "plain.jsonl").read_bytes())
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(content)
    assert list(read_records(path)) == RECORDS
    path.write_bytes(content[:-10])
    with pytest.raises(ValueError, match=r"a.jsonl.*cannot be read to its end"):
        list(read_records(path))


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_byte_order_mark(tmp_path, name):
    content = {"a.jsonl": '{"document": "f", "summary": "g"}', "a.csv": "document,summary\nf,g\n"}
    (tmp_path / name).write_text(content[name], encoding="utf-8-sig")
    assert list(read_records(tmp_path / name)) == [{"document": "f", "summary": "g"}]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"document": "x", "summary": "y"}\n{"document"', "line 2: not JSON"),
        ("a.jsonl", b"[1]\n", "line 1: not a JSON object"),
        ("a.jsonl", b"\n" + b"[" * 100_000, "line 2: nested too deep"),
        ("a.jsonl", b'{"document": "x"}\n', "line 1: field 'summary' is missing.* 'document'$"),
        ("a.jsonl", b'{"document": "  ", "summary": "y"}\n', "line 1: field 'document'"),
        ("a.jsonl", b'{"document": 3, "summary": "y"}\n', "'document' must be a non-empty string"),
        ("a.jsonl", b'{"document": "\\ud800", "summary": "y"}\n', "line 1: .* not valid Unicode"),
        ("a.jsonl", b'\n{"document": "\xff"}\n', r"line 2: not UTF-8 \(byte 14\)"),
        (
            "a.csv",
            b"document,text\nx,y\n",
            "line 2: field 'summary' is missing.*, 'text'",
        ),
        ("a.csv", b"document,summary\n\nx\n", "line 3: field 'summary'"),
        ("a.csv", b"document,summary\nx,y,z\n", "line 2: 3 fields, but the header has 2"),
        ("a.csv", b'document,summary\n"\nx" y,z\n', "lines 2 to 3: not CSV"),
        ("a.csv", b'document,summary\n"x\ny,z\n', "lines 2 to 3: not CSV: unexpected end"),
        ("a.csv", b"document,summary\nx,\xff\n", "line 2: not UTF-8"),
        ("a.csv", b"document,document\nx,y\n", "a.csv': two columns are named 'document'"),
        ("a.doc", b"x", "unknown suffix '.doc'"),
        ("a.parquet", b"x" * 20, "a.parquet': damaged after row 0"),
        ("a.tfrecord", b"x" * 20, "a.tfrecord': record 1 is damaged"),
    ],
)
def test_invalid_files(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        list(read_records(tmp_path / name))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no Example", "record 1: not a tf.train.Example"),
        (example(document=b"x"), "record 1: field 'summary' is missing"),
        (example(document=b"\xff", summary=b"x"), r"record 1: not UTF-8 \(byte 0\)"),
    ],
    # Of themselves they would differ between processes, as the order in a serialized map does.
    ids=["no example", "a missing field", "not UTF-8"],
)
def test_invalid_records_of_tfrecord(tmp_path, content, message):
    with tf.io.TFRecordWriter(str(tmp_path / "a.tfrecord")) as writer:
        writer.write(content)
    with pytest.raises(ValueError, match=message):
        list(read_records(tmp_path / "a.tfrecord"))


def test_a_line_without_end_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("tf_pegasus.data.lines.MAX_ROW_BYTES", 50)
    monkeypatch.setattr("tf_pegasus.data.records.MAX_ROW_BYTES", 50)
    write_jsonl(tmp_path / "a.jsonl", [{"document": "x" * 100, "summary": "y"}])
    with pytest.raises(ValueError, match="line 1: longer than 50 bytes"):
        list(read_records(tmp_path / "a.jsonl"))


@pytest.mark.parametrize(
    ("data", "options", "error", "message"),
    [
        (3, {}, TypeError, "must be files, or have records, got int"),
        ("*.nothing", {}, FileNotFoundError, "no such file"),
        ({"train": RECORDS}, {}, TypeError, "has the splits train: choose one"),
        (RECORDS, {"split": "train"}, ValueError, "split='train' has an effect on builders"),
        (Builder(), {}, ValueError, "split is missing: give one of train, test"),
    ],
)
def test_invalid_sources(data, options, error, message):
    with pytest.raises(error, match=message):
        open_sources(data, **options)
