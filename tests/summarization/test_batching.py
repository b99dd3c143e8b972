from hypothesis import given
from hypothesis import strategies as st

from tf_pegasus.summarization.batching import batches_by_length, windows


def test_windows_read_lazily():
    read = []

    def texts():
        for i in range(5):
            read.append(i)
            yield i

    stream = windows(texts(), 2)
    assert next(stream) == [0, 1]
    assert read == [0, 1]
    assert list(stream) == [[2, 3], [4]]
    assert list(windows([], 3)) == []


@given(st.dictionaries(st.integers(0, 50), st.integers(0, 9)), st.integers(1, 7))
def test_every_index_is_in_one_batch_and_lengths_ascend(lengths, batch_size):
    batches = list(batches_by_length(lengths, batch_size))
    order = [index for batch in batches for index in batch]
    assert sorted(order) == sorted(lengths)
    assert [lengths[i] for i in order] == sorted(lengths.values())
    assert all(len(batch) == batch_size for batch in batches[:-1])
