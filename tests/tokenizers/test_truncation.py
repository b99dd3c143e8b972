import itertools

import pytest

from tf_pegasus.tokenizers.truncation import kept_lengths, overflow, pair_windows, windows


def shortened_step_by_step(first, second, limit):
    while first + second > limit:
        if first > second:
            first -= 1
        else:
            second -= 1
    return first, second


def test_longest_first_removes_one_id_after_the_other():
    for first, second, limit in itertools.product(range(8), range(8), range(17)):
        expected = shortened_step_by_step(first, second, limit)
        assert kept_lengths(first, second, limit, "longest_first") == expected
        kept = kept_lengths(first, second, limit, "longest_first", short_first=True)
        assert sum(kept) == sum(expected)
        assert abs(kept[0] - expected[0]) <= 1


def test_windows_are_those_of_the_tokenizers_library():
    library = pytest.importorskip("tokenizers")
    vocabulary = {str(number): number for number in range(20)}
    words = library.Tokenizer(library.models.WordLevel(vocabulary, unk_token="0"))
    words.pre_tokenizer = library.pre_tokenizers.Whitespace()
    sides = itertools.product(range(1, 14), range(1, 8), range(4), ("left", "right"))
    for length, width, stride, side in sides:
        if stride >= width:
            continue
        words.enable_truncation(width, stride=stride, direction=side)
        encoding = words.encode(" ".join(map(str, range(length))))
        expected = [row.ids for row in (encoding, *encoding.overflowing)]
        found = [list(range(length))[part] for part in windows(length, width, side, stride)]
        assert found == expected, (length, width, stride, side)


def test_overflow_is_what_is_cut_off_and_the_stride():
    ids = list(range(10))
    assert ids[overflow(10, 7, "right", 0)] == [7, 8, 9]
    assert ids[overflow(10, 7, "right", 2)] == [5, 6, 7, 8, 9]
    assert ids[overflow(10, 7, "left", 2)] == [0, 1, 2, 3, 4]
    assert ids[overflow(10, 7, "right", 99)] == ids
    assert ids[overflow(10, 10, "right", 2)] == ids[overflow(10, 10, "left", 2)] == []


def test_order_of_combined_windows():
    first, second = windows(4, 2, "right", 0), windows(3, 2, "right", 0)
    found = [(row.first.start, row.second.start) for row in pair_windows(first, second)]
    assert found == [(0, 0), (2, 0), (2, 2), (0, 2)]
