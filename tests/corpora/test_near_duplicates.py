import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus.corpora.near_duplicates import (
    NearDuplicateIndex,
    near_duplicate_pairs,
    shingles,
)

TEXTS = st.lists(st.sampled_from("abc"), max_size=9).map(" ".join)


def test_near_duplicates():
    texts = ["a b c d e f g h i j k", "a b c d e f g h i j x", "q r s t u v w x y z"]
    assert list(near_duplicate_pairs(texts)) == [(0, 1)]


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXTS, max_size=6), TEXTS, st.sampled_from([0.3, 0.5, 0.8]))
def test_the_index_finds_what_comparing_all_finds(texts, text, threshold):
    similarities = [
        len(shingles(text) & shingles(other)) / len(shingles(text) | shingles(other))
        for other in texts
    ]
    best = max(similarities, default=0.0)
    found = NearDuplicateIndex(texts, threshold).nearest(text)
    if best < threshold:
        assert found is None
    else:
        assert found == (similarities.index(best), pytest.approx(best))
