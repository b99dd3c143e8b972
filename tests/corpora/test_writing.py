import json
from dataclasses import dataclass

import pytest

from tf_pegasus.corpora.corpus import Corpus, Text
from tf_pegasus.corpora.writing import write_corpus

WORDS = [f"{letter}{letter}" for letter in "abcdefghijklmn"]


def different(number):
    """Returns a text that has no three words in common with that of another number."""
    return " ".join(f"{word}{number}" for word in WORDS)


class SampleCorpus(Corpus):
    name = "sample"
    description = "Texts of a test"
    licence = "Anything may be done with them."
    largest_held_out = 3
    near_duplicates = "drop"

    def texts(self, reading):
        reading.sources["here"] = "1.0, no licence"
        reading.skipped["damaged files"] += 2
        for number in range(40):
            # Families of two.
            yield Text(
                f"t{number:02}",
                f"f{number // 2}",
                different(number),
                f"summary of {number}",
                body=f"{different(number)}. More of {number}.",
            )
        for number in range(40, 50):
            yield Text(f"t{number}", "large", different(number), f"summary of {number}")
        yield Text("copy", "f1", different(2), "summary of 2")
        for number in range(60, 65):
            yield Text(f"t{number}", "large", different(number), "something in general")
        # The end of another document is no near-duplicate of it, the same with a new end is one.
        yield Text("nearly", "large", different(3) + " and more", "summary of it")
        yield Text("body only", "f2", body="A text without a summary.")
        yield Text("leak", "large", body=f"{different(44)}.")


@dataclass(frozen=True, kw_only=True)
class AllTestCorpus(SampleCorpus):
    name = "all test"
    evaluation_only = True


def read(directory, name):
    return [json.loads(line) for line in (directory / f"{name}.jsonl").read_text().splitlines()]


def test_what_is_written(tmp_path):
    directory = tmp_path / "corpus"
    counts = write_corpus(SampleCorpus(held_out=4, bodies=True), directory)
    assert sorted(path.name for path in directory.iterdir()) == [
        "NOTICE",
        "bodies.jsonl",
        "counts.json",
        "near_duplicates.jsonl",
        "test.jsonl",
        "train.jsonl",
        "validation.jsonl",
    ]
    assert counts["read"] == 59
    assert counts["usable"] == 56
    assert counts["families"] == 21
    assert (counts["train"], counts["validation"], counts["test"]) == (44, 2, 4)
    assert counts["left_out"]["damaged files"] == 2
    assert counts["left_out"]["exact copies"] == 1
    assert counts["left_out"]["near-duplicates"] == 1
    assert counts["left_out"]["summaries that many share"] == 5
    assert counts["words"]["test"] == {"documents": 4 * len(WORDS), "summaries": 4 * 3}
    assert json.loads((directory / "counts.json").read_text()) == counts
    notice = (directory / "NOTICE").read_text()
    assert "Anything may be done with them." in notice
    assert "here: 1.0, no licence" in notice
    for name in ("train", "validation", "test"):
        records = read(directory, name)
        assert len(records) == counts[name]
        assert all(set(r) == {"name", "family", "document", "summary"} for r in records)


def test_bodies_are_those_of_training_families(tmp_path):
    counts = write_corpus(SampleCorpus(held_out=4, bodies=True), tmp_path / "corpus")
    bodies = read(tmp_path / "corpus", "bodies")
    assert len(bodies) == counts["bodies"]
    held_out = read(tmp_path / "corpus", "test") + read(tmp_path / "corpus", "validation")
    assert not {r["family"] for r in bodies} & {r["family"] for r in held_out}
    by_name = {r["name"]: r["text"] for r in bodies}
    assert by_name["t41"] == different(41)
    texts = read(tmp_path / "corpus", "train")
    assert {r["name"] for r in texts} <= set(by_name)
    assert all(r["document"] in by_name[r["name"]] for r in texts)
    assert ("body only" in by_name) == ("f2" not in {r["family"] for r in held_out})


class LeakingCorpus(SampleCorpus):
    """Has a training text that nearly repeats a test document, which near-duplicates join."""

    def texts(self, reading):
        texts = list(super().texts(reading))
        yield from texts
        yield Text("leak 1", "large", body=" ".join(different(n) for n in range(1)))
        for number in range(40):
            yield Text(f"leak {number}", "large", body=different(number) + " again")


def test_bodies_do_not_repeat_held_out_texts(tmp_path):
    counts = write_corpus(LeakingCorpus(held_out=4, bodies=True), tmp_path / "corpus")
    assert counts["left_out"]["bodies that nearly repeat a held-out text"] >= 6
    bodies = "\n".join(r["text"] for r in read(tmp_path / "corpus", "bodies"))
    for name in ("test", "validation"):
        for record in read(tmp_path / "corpus", name):
            assert record["document"] not in bodies


def test_near_duplicates_across_splits_leave_the_earlier_one(tmp_path, monkeypatch):
    # As if locality-sensitive hashing had missed them all.
    monkeypatch.setattr("tf_pegasus.corpora.families.near_duplicate_pairs", lambda texts: [])

    class Corpus(SampleCorpus):
        def texts(self, reading):
            for number in range(12):
                yield Text(f"a{number}", f"a{number}", different(number), f"summary {number}")
                yield Text(
                    f"b{number}", f"b{number}", different(number) + " too", f"summary {number}"
                )

    counts = write_corpus(Corpus(held_out=6), tmp_path / "corpus")
    report = read(tmp_path / "corpus", "near_duplicates")
    assert len(report) == counts["left_out"]["near-duplicates of held-out documents"] > 0
    assert counts["test"] == 6
    splits = {n: {r["name"] for r in read(tmp_path / "corpus", n)} for n in ("train", "test")}
    for row in report:
        assert row["name"][1:] == row["repeats"][1:]
        assert row["name"] not in splits["train"]
        assert row["similarity"] == pytest.approx(12 / 13, abs=1e-3)
    twins = {name[1:] for name in splits["test"]}
    assert not {name for name in splits["train"] if name[1:] in twins}


def test_options(tmp_path):
    write_corpus(SampleCorpus(held_out=4), tmp_path / "first")
    excluded = tmp_path / "first" / "test.jsonl"
    counts = write_corpus(
        SampleCorpus(max_words=9, max_per_family=3, exclude=(str(excluded),)), tmp_path / "second"
    )
    # Cut documents are nearly equal to whole ones: nine of fourteen words.
    assert counts["left_out"]["near-duplicates of excluded texts"] == 4
    assert counts["left_out"]["more than max_per_family"] == 7
    # By default a tenth is held out for testing.
    assert counts["test"] == 4
    assert {len(r["document"].split()) for r in read(tmp_path / "second", "train")} == {9}


def test_everything_can_be_for_testing(tmp_path):
    counts = write_corpus(AllTestCorpus(), tmp_path / "corpus")
    assert counts["test"] == 50
    assert not (tmp_path / "corpus" / "train.jsonl").exists()
    with pytest.raises(ValueError, match="held_out has no effect: all of all test"):
        AllTestCorpus(held_out=3)


@pytest.mark.parametrize("name", ["held_out", "max_per_family", "max_words"])
def test_options_out_of_range(name):
    with pytest.raises(ValueError, match=f"{name}=0 must be an int of at least 1"):
        SampleCorpus(**{name: 0})


def test_corpus_is_written_atomically(tmp_path, monkeypatch):
    write_corpus(SampleCorpus(), tmp_path / "corpus")
    with pytest.raises(FileExistsError):
        write_corpus(SampleCorpus(), tmp_path / "corpus")

    def fail(*arguments):
        raise RuntimeError("disk full")

    monkeypatch.setattr("tf_pegasus.corpora.writing.write_jsonl", fail)
    with pytest.raises(RuntimeError):
        write_corpus(SampleCorpus(), tmp_path / "other")
    assert [p.name for p in tmp_path.iterdir()] == ["corpus"]


def test_nothing_usable(tmp_path):
    class Empty(SampleCorpus):
        def texts(self, reading):
            yield Text("short", "short", "A few words.", "few words")

    with pytest.raises(ValueError, match="nothing can be used of 1 texts: 1 without a document"):
        write_corpus(Empty(), tmp_path / "corpus")
