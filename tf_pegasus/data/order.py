"""The order of examples: which of them are in which batch, as a function of seed and epoch."""

import itertools
from dataclasses import dataclass

import numpy as np

# Batches are cut from a shuffled chunk of this many batches, sorted by length: large enough for
# little padding, small enough for well mixed batches.
BATCHES_PER_CHUNK = 50


@dataclass(frozen=True)
class BatchOrder:
    """Cuts the examples of an epoch into batches, and gives each worker its part of each batch.

    A step of all workers together has the same examples for any number of workers with the same
    `batch_size * num_shards`. All workers have the same number of steps, and none an empty batch.

    Args:
        sizes: int `(examples,)`, a measure of each example's length.
        batch_size: int, examples of a step of one worker.
        seed: int.
        shuffle: bool; otherwise each epoch has the order of `sizes`, or that of their lengths with
            `bucket`.
        bucket: bool, whether the examples of a batch have similar lengths.
        num_shards: int, number of workers.
        shard_index: int, which of them this is, from 0.

    Raises:
        ValueError: if an argument is out of range, or the examples cannot be shared so that no
            worker is without one.
    """

    sizes: np.ndarray
    batch_size: int
    seed: int = 0
    shuffle: bool = True
    bucket: bool = True
    num_shards: int = 1
    shard_index: int = 0

    def __post_init__(self):
        for name in ("batch_size", "num_shards"):
            _check(name, getattr(self, name), 1)
        for name in ("seed", "shard_index"):
            _check(name, getattr(self, name), 0)
        if self.shard_index >= self.num_shards:
            raise ValueError(
                f"shard_index={self.shard_index} must be less than num_shards={self.num_shards}"
            )
        if np.diff(self._bounds()).min() < self.num_shards:
            raise ValueError(
                f"{len(self.sizes)} examples cannot be shared by num_shards={self.num_shards} "
                f"with batch_size={self.batch_size}, one would have none in a step: use a larger "
                f"batch_size, or max_samples={self._even()}"
            )

    @property
    def steps(self) -> int:
        """int, number of batches of an epoch."""
        return -(-len(self.sizes) // self._global_batch_size)

    @property
    def _global_batch_size(self):
        return self.batch_size * self.num_shards

    def _even(self):
        return len(self.sizes) // self.num_shards * self.num_shards or self.num_shards

    def _bounds(self):
        """Where the batches of all workers begin and end: `(steps + 1,)`."""
        count = len(self.sizes)
        bounds = np.append(np.arange(0, count, self._global_batch_size), count)
        missing = self.num_shards - (count - bounds[-2])
        if missing > 0 and len(bounds) > 2:
            bounds[-2] -= missing
        return bounds

    def epoch(self, number: int) -> list[np.ndarray]:
        """Returns the indices of each batch of an epoch."""
        order, bounds = self._order(number), self._bounds()
        return [
            order[start:end][self.shard_index :: self.num_shards]
            for start, end in itertools.pairwise(bounds.tolist())
        ]

    def _order(self, number):
        if not self.shuffle:
            if self.bucket:
                return np.argsort(self.sizes, kind="stable")
            return np.arange(len(self.sizes))
        random = np.random.default_rng((self.seed, number))
        order = random.permutation(len(self.sizes))
        if not self.bucket:
            return order
        # The last batch, if it is not full, stays as it is.
        size = self._global_batch_size
        whole = order[: len(order) // size * size]
        chunks = np.arange(len(whole)) // (size * BATCHES_PER_CHUNK)
        by_length = whole[np.lexsort((self.sizes[whole], chunks))].reshape(-1, size)
        shuffled = by_length[random.permutation(len(by_length))]
        return np.concatenate([shuffled.ravel(), order[len(whole) :]])


def _check(name, value, least):
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name}={value!r} must be an int of at least {least}")
