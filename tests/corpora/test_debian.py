import gzip
import json

import lz4.frame
import pytest

from tf_pegasus.corpora.debian import (
    group_into_families,
    read_descriptions,
    read_sources,
    split_by_family,
    unwrap,
    usable,
    write_corpus,
)
from tf_pegasus.corpora.near_duplicates import near_duplicate_pairs

TRANSLATION = """\
Package: fox
Description-md5: 1
Description-en: quick brown animal
 The fox is a quick brown animal that jumps
 over lazy dogs all day.
 .
 Features:
  * quick
  * brown,
    but not lazy
 .
 See also the dog.

Package: empty
Description-md5: 2
Description-en: nothing more than a synopsis

Package: dog
Description-en: lazy animal
 The dog sleeps all day and does not mind being jumped over.

"""
SECOND = """\
Package: dog
Description-en: another version
 This one is not read, because the first index has the package already, too bad.

Package: cat
Description-en: proud animal
 The cat walks alone and answers to nobody in particular, whatever they say.
"""
PACKAGES = """\
Package: fox
Source: animals (1.2-3)
Description: quick brown animal

Package: cat
Description: proud animal

Package: dog
Source: animals
"""


@pytest.fixture
def lists(tmp_path):
    directory = tmp_path / "lists"
    directory.mkdir()
    (directory / "a_i18n_Translation-en").write_text(TRANSLATION)
    with gzip.open(directory / "b_i18n_Translation-en.gz", "wt") as file:
        file.write(SECOND)
    with lz4.frame.open(directory / "a_binary-amd64_Packages.lz4", "wt") as file:
        file.write(PACKAGES)
    return directory


def test_unwrap():
    text = "One\ntwo.\n.\n * a\n   b\n * c\nThree\n\tfour"
    assert unwrap(text) == "One two.\n* a\nb\n* c\nThree\nfour"
    assert unwrap("") == ""


def test_descriptions(lists):
    records = read_descriptions(lists)
    assert [r["package"] for r in records] == ["cat", "dog", "empty", "fox"]
    fox = records[3]
    assert fox["summary"] == "quick brown animal"
    assert fox["document"].split("\n") == [
        "The fox is a quick brown animal that jumps over lazy dogs all day.",
        "Features:",
        "* quick",
        "* brown,",
        "but not lazy",
        "See also the dog.",
    ]
    assert records[1]["summary"] == "lazy animal"
    assert [usable(r) for r in records] == [True, True, False, True]
    assert read_sources(lists) == {"fox": "animals", "dog": "animals"}


def test_missing_lists(tmp_path):
    with pytest.raises(FileNotFoundError, match="apt-get"):
        read_descriptions(tmp_path)


def test_families_are_sources_versions_and_near_duplicates():
    template = "This package has the development files of {} and everything else one needs for it."
    records = [
        {"package": "liba-dev", "document": template.format("a")},
        {"package": "libb-dev", "document": template.format("b")},
        {"package": "tool", "document": "Something that has no likeness to any other text here."},
        {"package": "tool-1.2-doc", "document": "Pages to read about it when there is time."},
        {"package": "alone", "document": "A text of its own, which nothing else resembles at all."},
        {"package": "gcc-11", "document": "Eleven is the number of this one, oh yes it is."},
        {"package": "gcc-12", "document": "Here we have twelve of them, not one less."},
    ]
    families = group_into_families(records, {"tool-1.2-doc": "tool"})
    assert families[0] == families[1]
    assert families[2] == families[3]
    assert families[5] == families[6]
    assert len(set(families)) == 4


def test_near_duplicates():
    texts = ["a b c d e f g h i j k", "a b c d e f g h i j x", "q r s t u v w x y z"]
    assert list(near_duplicate_pairs(texts)) == [(0, 1)]


def test_splits_do_not_divide_families():
    records = [{"package": f"p{i}"} for i in range(300)]
    families = [0 if i < 40 else i // 3 for i in range(300)]
    splits = split_by_family(records, families, held_out=30, largest=20)
    family_of = {r["package"]: f for r, f in zip(records, families, strict=True)}
    seen = {name: {family_of[r["package"]] for r in split} for name, split in splits.items()}
    assert not seen["train"] & seen["test"]
    assert not seen["train"] & seen["validation"]
    assert not seen["test"] & seen["validation"]
    assert 0 in seen["train"]
    assert sum(map(len, splits.values())) == 300
    assert 30 <= len(splits["test"]) <= 33
    assert 15 <= len(splits["validation"]) <= 18
    assert split_by_family(records, families, held_out=30, largest=20) == splits


def test_corpus_is_written_atomically(lists, tmp_path, monkeypatch):
    counts = write_corpus(tmp_path / "corpus", lists, held_out=2)
    assert counts["read"] == 4
    assert counts["usable"] == 3
    assert counts["train"] + counts["validation"] + counts["test"] == 3
    names = sorted(p.name for p in (tmp_path / "corpus").iterdir())
    assert names == ["test.jsonl", "train.jsonl", "validation.jsonl"]
    for path in (tmp_path / "corpus").iterdir():
        for line in path.read_text().splitlines():
            assert set(json.loads(line)) == {"package", "document", "summary"}
    with pytest.raises(FileExistsError):
        write_corpus(tmp_path / "corpus", lists)

    def fail(*arguments):
        raise RuntimeError("disk full")

    monkeypatch.setattr("tf_pegasus.corpora.debian.write_jsonl", fail)
    with pytest.raises(RuntimeError):
        write_corpus(tmp_path / "other", lists)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["corpus", "lists"]


def test_training_families_are_reduced(tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    stanzas = [
        f"Package: lib{letter}-dev\nDescription-en: files for {letter} development\n"
        f" This package has the development files and headers of {letter}, all of them.\n"
        for letter in "abcdefghijklmnopqrstuvwxyz"
    ]
    (lists / "x_i18n_Translation-en").write_text("\n".join(stanzas))
    counts = write_corpus(tmp_path / "corpus", lists, max_per_family=5)
    assert (counts["usable"], counts["families"], counts["train"]) == (26, 1, 5)
