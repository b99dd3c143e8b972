import json

import pytest
from helpers.tiny import GOLDENS

from tf_pegasus.evaluation.abstractiveness import abstractiveness, fragments


def measure(document, summary):
    return abstractiveness(document.split(), summary.split())


def test_fragments_agree_with_the_authors():
    cases = json.loads((GOLDENS / "fragments.json").read_text())
    assert len(cases) == 36
    for case in cases:
        found = measure(case["document"], case["summary"])
        assert fragments(case["document"].split(), case["summary"].split()) == case["fragments"]
        for name in ("coverage", "density", "compression"):
            assert found[name] == pytest.approx(case[name], abs=1e-12)


def test_a_match_inside_another_one_is_not_tried():
    # "x x y" is in the document, but after "x x" the search goes on behind it.
    assert fragments(["x", "x", "x", "y"], ["x", "x", "y"]) == [2, 1]


def test_by_hand():
    found = measure("the cat sat on the mat today", "a cat sat on mat mat")
    # Fragments: "cat sat on", "mat", "mat".
    assert found["words"] == 6
    assert found["coverage"] == pytest.approx(5 / 6)
    assert found["density"] == pytest.approx((9 + 1 + 1) / 6)
    assert found["compression"] == pytest.approx(7 / 6)
    assert found["novel_1grams"] == pytest.approx(100 / 6)
    assert found["novel_2grams"] == pytest.approx(100 * 3 / 5)
    assert found["repeated_1grams"] == pytest.approx(100 / 6)
    assert found["repeated_2grams"] == 0


def test_nothing():
    assert set(measure("a b", "").values()) == {0.0}
    assert measure("", "a")["novel_1grams"] == 100.0
