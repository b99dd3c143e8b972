import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus.data.order import BATCHES_PER_CHUNK, BatchOrder

SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=300).map(np.array)
OPTIONS = {
    "batch_size": st.integers(2, 7),
    "seed": st.integers(0, 3),
    "shuffle": st.booleans(),
    "bucket": st.booleans(),
}
EPOCH = st.integers(0, 3)


@settings(deadline=None)
@given(SIZES, st.fixed_dictionaries(OPTIONS), EPOCH)
def test_an_epoch_has_each_example_once(sizes, options, epoch):
    order = BatchOrder(sizes, **options)
    batches = order.epoch(epoch)
    assert len(batches) == order.steps
    assert sorted(np.concatenate(batches)) == list(range(len(sizes)))
    assert {len(batch) for batch in batches[:-1]} <= {options["batch_size"]}


@settings(deadline=None)
@given(SIZES, st.fixed_dictionaries(OPTIONS), EPOCH, st.integers(1, 5))
def test_workers_share_each_step(sizes, options, epoch, num_shards):
    size = options.pop("batch_size")
    one = BatchOrder(sizes, size * num_shards, **options)
    if len(sizes) < num_shards:
        with pytest.raises(ValueError, match="cannot be shared by num_shards"):
            BatchOrder(sizes, size, num_shards=num_shards, **options)
        return
    workers = [
        BatchOrder(sizes, size, num_shards=num_shards, shard_index=i, **options).epoch(epoch)
        for i in range(num_shards)
    ]
    together = [np.concatenate(step) for step in zip(*workers, strict=True)]
    assert all(0 < len(batch) <= size for worker in workers for batch in worker)
    assert sorted(np.concatenate(together)) == list(range(len(sizes)))
    assert len(together) == one.steps
    # The last two steps differ if otherwise a worker would have nothing to do.
    for alone, shared in list(zip(one.epoch(epoch), together, strict=True))[:-2]:
        assert sorted(alone) == sorted(shared)


def test_order_depends_on_seed_and_epoch_only():
    sizes = np.arange(100)
    batches = {
        (seed, epoch): np.concatenate(BatchOrder(sizes, 8, seed).epoch(epoch)).tolist()
        for seed in range(3)
        for epoch in range(3)
    }
    assert len({tuple(order) for order in batches.values()}) == 9
    assert np.concatenate(BatchOrder(sizes, 8, 2).epoch(1)).tolist() == batches[2, 1]


def test_batches_have_similar_lengths():
    """Padding to the longest of a batch costs little, and the order of lengths is random."""
    random = np.random.default_rng(0)
    sizes = random.integers(1, 1000, 8 * BATCHES_PER_CHUNK * 3)
    for bucket, low, high in ((True, 1.0, 1.05), (False, 1.5, 2.0)):
        batches = BatchOrder(sizes, 8, bucket=bucket).epoch(0)
        padded = sum(len(batch) * sizes[batch].max() for batch in batches)
        assert low < padded / sizes.sum() < high
        means = [sizes[batch].mean() for batch in batches]
        assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.2


def test_to_validate_the_shortest_come_first():
    sizes = np.array([3, 1, 2, 1])
    batches = BatchOrder(sizes, 3, shuffle=False).epoch(0)
    assert [batch.tolist() for batch in batches] == [[1, 3, 2], [0]]
    batches = BatchOrder(sizes, 3, shuffle=False, bucket=False).epoch(5)
    assert [batch.tolist() for batch in batches] == [[0, 1, 2], [3]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size=0 must be an int of at least 1"),
        ({"seed": -1}, "seed=-1 must be an int of at least 0"),
        ({"num_shards": 2, "shard_index": 2}, "shard_index=2 must be less than num_shards=2"),
        (
            {"batch_size": 1, "num_shards": 4},
            "10 examples cannot be shared by num_shards=4.*max_samples=8",
        ),
    ],
)
def test_invalid_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        BatchOrder(np.arange(10), **{"batch_size": 2, **options})
