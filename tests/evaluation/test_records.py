import pytest

from tf_pegasus.evaluation.records import read_pairs


def test_pairs_of_files_and_of_dicts(tmp_path):
    (tmp_path / "a.csv").write_text("text,title\na,b\nc,d\n")
    pairs = read_pairs(tmp_path / "a.csv", "text", "title")
    assert list(pairs) == [("a", "b"), ("c", "d")]
    assert list(read_pairs([{"document": "a", "summary": "b"}])) == [("a", "b")]


def test_they_are_read_one_by_one():
    def records():
        yield {"document": "a", "summary": "b"}
        yield {"document": "a"}

    pairs = read_pairs(records())
    assert next(pairs) == ("a", "b")
    with pytest.raises(ValueError, match="row 1: field 'summary' is missing"):
        next(pairs)


def test_no_records(tmp_path):
    (tmp_path / "a.jsonl").write_text("\n")
    with pytest.raises(ValueError, match=r"a\.jsonl'?: there are no records"):
        next(read_pairs(tmp_path / "a.jsonl"))
