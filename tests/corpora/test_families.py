from tf_pegasus.corpora.corpus import Text
from tf_pegasus.corpora.families import (
    join_near_duplicates,
    split_by_family,
    thin_out,
    without_near_duplicates,
)

TEMPLATE = "This package has the development files of {} and everything else one needs for it."
NEARLY_EQUAL = [
    Text("liba-dev", "a", TEMPLATE.format("a")),
    Text("libb-dev", "b", TEMPLATE.format("b")),
    Text("tool", "tool", "Something that has no likeness to any other text here."),
    Text("tool-doc", "tool", "Pages to read about it when there is time."),
    Text("alone", "alone", "A text of its own, which nothing else resembles at all."),
]


def test_near_duplicates_join_families():
    assert join_near_duplicates(NEARLY_EQUAL) == {
        "a": "liba-dev",
        "b": "liba-dev",
        "tool": "tool",
        "alone": "alone",
    }


def test_near_duplicates_can_be_dropped():
    kept = [text.name for text in without_near_duplicates(NEARLY_EQUAL)]
    assert kept == ["liba-dev", "tool", "tool-doc", "alone"]


def test_splits_do_not_divide_families():
    texts = [Text(f"p{i}", "large" if i < 40 else f"f{i // 3}") for i in range(300)]
    splits = split_by_family(texts, held_out=30, largest=20)
    seen = {name: {text.family for text in split} for name, split in splits.items()}
    assert not seen["train"] & seen["test"]
    assert not seen["train"] & seen["validation"]
    assert not seen["test"] & seen["validation"]
    assert "large" in seen["train"]
    assert sum(map(len, splits.values())) == 300
    assert 30 <= len(splits["test"]) <= 33
    assert 15 <= len(splits["validation"]) <= 18
    assert split_by_family(texts, held_out=30, largest=20) == splits


def test_families_are_thinned_out():
    texts = [Text(f"p{i:02}", "many") for i in range(26)] + [Text("q", "few")]
    kept = thin_out(texts, 5)
    assert len(kept) == 6
    assert kept == sorted(kept)
    assert thin_out(texts, None) == texts
