import numpy as np
import pytest
from helpers.data_files import RECORDS, Builder, write_csv, write_parquet, write_tfrecord
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus.data.jsonl import write_jsonl
from tf_pegasus.data.rows import Rows

PAIRS = [tuple(record.values()) for record in RECORDS]
GOOD = b'{"document": "x", "summary": "y"}\n'


def in_file(write, name, columns=("document", "summary")):
    def make(directory):
        records = [dict(zip(columns, pair, strict=True)) for pair in PAIRS]
        write(directory / name, records)
        return str(directory / name)

    return make


def as_tensors(_):
    return Builder().as_dataset("train")


SOURCES = {
    "jsonl": in_file(write_jsonl, "a.jsonl"),
    "csv": in_file(write_csv, "a.csv"),
    "parquet": in_file(write_parquet, "a.parquet"),
    "tfrecord": in_file(write_tfrecord, "a.tfrecord", ("inputs", "targets")),
    "tfrecord gz": in_file(
        lambda path, records: write_tfrecord(path, records, "GZIP"),
        "a.tfrecord.gz",
        ("inputs", "targets"),
    ),
    "list": lambda _: RECORDS,
    "generator": lambda _: iter(RECORDS),
    "tf.data": as_tensors,
}


@pytest.mark.parametrize("name", SOURCES)
def test_all_sources_have_the_same_rows(tmp_path, name):
    rows = Rows(SOURCES[name](tmp_path), temporary_directory=tmp_path)
    assert len(rows) == 2
    assert list(rows) == PAIRS
    assert rows.take(np.array([1, 0, 1])) == [PAIRS[1], PAIRS[0], PAIRS[1]]
    assert (rows[1], rows[-1], rows[:1]) == (PAIRS[1], PAIRS[1], PAIRS[:1])
    assert rows.sizes.tolist() == [len(document.encode()) for document, _ in PAIRS]


TEXTS = st.text(st.sampled_from("ab\"',\n\r\\ ü\u2028\x00{"), min_size=1).filter(str.strip)


@settings(max_examples=30, deadline=None)
@given(pairs=st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=20), data=st.data())
@pytest.mark.parametrize("name", ["jsonl", "csv", "generator"])
def test_rows_are_found_again(tmp_path_factory, name, pairs, data):
    """Whatever line breaks and quotation marks are in the texts."""
    records = [{"document": document, "summary": summary} for document, summary in pairs]
    source = iter(records)
    if name != "generator":
        source = tmp_path_factory.mktemp("rows") / f"a.{name}"
        {"jsonl": write_jsonl, "csv": write_csv}[name](source, records)
    rows = Rows(source)
    assert list(rows) == pairs
    indices = data.draw(st.lists(st.integers(0, len(pairs) - 1)))
    assert rows.take(np.array(indices, "int64")) == [pairs[i] for i in indices]


def test_temporary_files_are_removed(tmp_path):
    rows = Rows(iter(RECORDS), temporary_directory=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    del rows
    assert list(tmp_path.iterdir()) == []


def test_builders_have_splits():
    assert list(Rows(Builder(), split="test")) == PAIRS[:1]


@pytest.mark.parametrize("write", [write_jsonl, write_csv, write_parquet])
def test_columns_have_any_name(tmp_path, write):
    names = {"document": "dialogue", "summary": "TL;DR"}
    records = [{names[name]: text for name, text in record.items()} for record in RECORDS]
    path = tmp_path / {write_jsonl: "a.jsonl", write_csv: "a.csv"}.get(write, "a.parquet")
    write(path, records)
    assert list(Rows(path, document_column="dialogue", summary_column="TL;DR")) == PAIRS
    with pytest.raises(ValueError, match=r"field 'document' is missing.*'dialogue', 'TL;DR'"):
        Rows(path)


def test_several_files_and_patterns(tmp_path):
    for number in (2, 0, 1):
        records = [{"document": f"{number} {i}", "summary": "s"} for i in range(3)]
        write_jsonl(tmp_path / f"part-{number}.jsonl", records)
    write_csv(tmp_path / "b.csv", RECORDS)
    rows = Rows(str(tmp_path / "part-*.jsonl"))
    expected = [f"{number} {i}" for number in range(3) for i in range(3)]
    assert [document for document, _ in rows] == expected
    rows = Rows([tmp_path / "b.csv", tmp_path / "part-1.jsonl"])
    assert [document for document, _ in rows] == [PAIRS[0][0], PAIRS[1][0], "1 0", "1 1", "1 2"]
    assert rows.take(np.array([4, 0, 2]))[0] == ("1 2", "s")


@pytest.mark.parametrize("name", ["jsonl", "generator"])
def test_max_samples(tmp_path, name):
    data = SOURCES[name](tmp_path)
    assert list(Rows(data, max_samples=1)) == PAIRS[:1]


def test_samples():
    records = [{"document": "x" * (i % 10 + 1), "summary": str(i)} for i in range(1000)]
    rows = Rows(records)
    assert list(rows.sample(5500)) == list(rows)
    numbers = [int(summary) for _, summary in rows.sample(1000, seed=1)]
    assert numbers == sorted(set(numbers))
    assert 980 < rows.sizes[numbers].sum() <= 1000
    assert min(numbers) < 50 < 950 < max(numbers)
    assert list(rows.sample(1000, seed=1)) == [rows[number] for number in numbers]
    assert list(rows.sample(1000, seed=2)) != [rows[number] for number in numbers]
    assert len(list(rows.sample(0))) == 1


def test_max_samples_stops_reading(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(GOOD + b"{")
    assert len(Rows(tmp_path / "a.jsonl", max_samples=1)) == 1


def test_bad_rows_are_skipped_and_counted(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD + b"{\n" + GOOD + b'{"document": "\xff"}\n{"document": "z"}\n')
    with pytest.raises(ValueError, match=r"a.jsonl', line 2: not JSON"):
        Rows(path)
    with pytest.warns(UserWarning, match=r"3 bad rows skipped: .*line 2: not JSON"):
        rows = Rows(path, on_error="skip")
    assert list(rows) == [("x", "y")] * 2
    assert rows.skipped == 3
    for message, part in zip(rows.messages, ("line 2", "line 4: not UTF-8", "line 5"), strict=True):
        assert part in message


def test_damage_is_never_skipped(tmp_path):
    write_tfrecord(tmp_path / "a.tfrecord", [{"inputs": "a", "targets": "b"}] * 3)
    content = (tmp_path / "a.tfrecord").read_bytes()
    (tmp_path / "a.tfrecord").write_bytes(content[:-3])
    with pytest.raises(ValueError, match=r"a.tfrecord': record 3 is damaged"):
        Rows(tmp_path / "a.tfrecord", on_error="skip")


def test_a_file_that_changes_meanwhile(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD * 2)
    rows = Rows(path)
    path.write_bytes(GOOD * 3)
    with pytest.raises(ValueError, match=r"a.jsonl' has changed"):
        rows[0]


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ([], {}, "no examples"),
        ([3], {}, r"records, row 0: must be a mapping"),
        (RECORDS, {"max_samples": 0}, "max_samples=0"),
        (RECORDS, {"on_error": "ignore"}, "on_error='ignore' must be one of raise, skip"),
    ],
)
def test_invalid_arguments(data, options, message):
    with pytest.raises(ValueError, match=message):
        Rows(data, **options)


def test_columns_are_strings():
    with pytest.raises(TypeError, match="a column must be a non-empty str, got 3"):
        Rows(RECORDS, document_column=3)
