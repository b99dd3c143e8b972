import gzip

import pytest

from tf_pegasus.data.jsonl import write_jsonl
from tf_pegasus.data.text_sample import read_texts, sample_texts


def test_samples_are_bounded_and_even():
    texts = [f"text number {number:04}" for number in range(1000)]
    sample = sample_texts(iter(texts), 160 * 40, seed=1)
    assert len(sample) == 400
    assert sample == sorted(set(sample))
    first_half = sum(text < "text number 0500" for text in sample)
    assert 160 < first_half < 240
    assert sample_texts(texts, 160 * 40, seed=1) == sample
    assert sample_texts(texts, 160 * 40, seed=2) != sample
    assert sample_texts(texts, 10**6) == texts


def test_no_more_than_the_sample_is_kept():
    alive = set()

    class Text(str):
        def __init__(self, _):
            alive.add(id(self))

        def __del__(self):
            alive.discard(id(self))

    most = 0

    def texts():
        nonlocal most
        for number in range(2000):
            yield Text(f"{number:010}")
            most = max(most, len(alive))

    assert len(sample_texts(texts(), 200)) == 20
    assert most <= 25


def test_texts_that_are_too_long():
    # The UTF-8 bytes count.
    assert sample_texts(["é" * 6, "abc", "é" * 3], 10) == ["abc", "é" * 3]


def test_columns(tmp_path):
    pairs, bodies = tmp_path / "pairs.jsonl", tmp_path / "bodies.jsonl"
    write_jsonl(pairs, [{"document": "a", "summary": "b", "name": "c"}])
    write_jsonl(bodies, [{"name": "c", "text": "d"}])
    assert list(read_texts(pairs)) == ["a", "b"]
    assert list(read_texts(bodies)) == ["d"]
    assert list(read_texts(pairs, ["name"])) == ["c"]
    with pytest.raises(ValueError, match=r"pairs.jsonl', line 1: field 'text' is missing"):
        list(read_texts(pairs, ["text"]))
    write_jsonl(bodies, [{"name": "c"}])
    with pytest.raises(ValueError, match="none of the columns document, summary, text: name those"):
        list(read_texts(bodies))


def test_plain_text(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n\nthree\n"))
    assert "".join(read_texts(path)).split() == ["one", "twothree"]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"a\.txt\.gz"):
        list(read_texts(path))
