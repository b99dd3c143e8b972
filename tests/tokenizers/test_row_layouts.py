"""What is cut off: `return_overflowing_tokens` and `stride`."""

import pytest

from tf_pegasus import PegasusTokenizerFast

OVERFLOW = {"truncation": True, "return_overflowing_tokens": True}
TEXT = "The quick brown fox jumps over the lazy dog."


@pytest.fixture(scope="module")
def fast(vocab_file):
    return PegasusTokenizerFast(vocab_file)


@pytest.mark.parametrize("stride", [5, 6, 100])
def test_windows_must_advance(fast, stride):
    message = f"stride={stride} must be less than the 5 tokens of a text that fit in a row"
    with pytest.raises(ValueError, match=message):
        fast(TEXT, max_length=6, stride=stride, **OVERFLOW)
    # Where nothing is cut off, there are no windows.
    assert len(fast("the", max_length=60, stride=stride, **OVERFLOW).input_ids) == 1


def test_no_room_for_a_text(fast, tokenizer):
    with pytest.raises(ValueError, match="stride=0 must be less than the 0 tokens"):
        fast(TEXT, max_length=1, **OVERFLOW)
    with pytest.raises(ValueError, match="first text is not long enough"):
        fast("the", TEXT, max_length=5, truncation="only_first", return_overflowing_tokens=True)
    with pytest.raises(ValueError, match="there is no second text"):
        fast(TEXT, max_length=5, truncation="only_second")
    encoding = tokenizer(TEXT, max_length=1, **OVERFLOW)
    assert encoding.input_ids == [1]
    assert encoding.overflowing_tokens == tokenizer.encode(TEXT, add_special_tokens=False)


def test_overflow_without_truncation(fast, tokenizer):
    assert fast([TEXT, "a"], return_overflowing_tokens=True).overflow_to_sample_mapping == [0, 1]
    with pytest.raises(ValueError, match="return_overflowing_tokens=True needs truncation"):
        tokenizer(TEXT, return_overflowing_tokens=True)


def test_a_pair_that_overflows_on_both_sides(fast, tokenizer):
    with pytest.raises(ValueError, match="pass 'only_first' or 'only_second', or use Pegasus"):
        tokenizer(TEXT, TEXT, max_length=8, **OVERFLOW)
    rows = fast(TEXT, TEXT, max_length=8, **OVERFLOW).input_ids
    whole = fast.encode(TEXT, add_special_tokens=False)
    firsts = {tuple(row[:3]) for row in rows}
    assert tuple(whole[:3]) in firsts
    assert len(rows) == -(-len(whole) // 3) * -(-len(whole) // 4)


def test_a_stride_longer_than_the_text(tokenizer):
    whole = tokenizer.encode(TEXT, add_special_tokens=False)
    encoding = tokenizer(TEXT, max_length=6, stride=100, **OVERFLOW)
    assert encoding.overflowing_tokens == whole
