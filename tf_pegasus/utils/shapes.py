"""Buckets: few shapes of batches and lengths, so that few programs are compiled."""

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

# Every pair of a batch and a length needs a compiled program and a warm-up request.
SERVING_BATCHES = (1, 2, 4, 8, 16)
SHORTEST = 16
_POWERS = tuple(2**n for n in range(24))


@dataclass(frozen=True)
class Buckets:
    """The sizes to which batches and sources are padded.

    Attributes:
        batch: tuple of int, ascending, in documents.
        length: tuple of int, ascending, in tokens.

    Raises:
        ValueError, TypeError: if the sizes are not ascending, or not positive ints.
    """

    batch: tuple[int, ...]
    length: tuple[int, ...]

    def __post_init__(self) -> None:
        for name in ("batch", "length"):
            sizes = getattr(self, name)
            if not isinstance(sizes, (tuple, list)) or not all(type(size) is int for size in sizes):
                raise TypeError(f"{name}_buckets={sizes!r} must be ints")
            if not sizes or sizes[0] < 1 or any(a >= b for a, b in zip(sizes, sizes[1:])):  # noqa: B905, RUF007
                raise ValueError(f"{name}_buckets={sizes!r} must ascend, from at least 1")
            object.__setattr__(self, name, tuple(sizes))

    @classmethod
    def many(cls, longest: int) -> "Buckets":
        """Returns closely spaced buckets, up to `longest`.

        Batches are powers of two; lengths are powers of two, or 1.5 times a power of two.
        """
        lengths = sorted({*_POWERS[4:], *(3 * power for power in _POWERS[3:])})
        return cls(_POWERS, (*(length for length in lengths if length < longest), longest))

    @classmethod
    def few(
        cls,
        longest: int,
        batch: Sequence[int] | None = None,
        length: Sequence[int] | None = None,
    ) -> "Buckets":
        """Returns the given buckets.

        They default to five batches, and to an eighth, a quarter, half and all of `longest` tokens.

        Raises:
            ValueError: if a length is above `longest`.
        """
        if length is None:
            parts = {max(min(SHORTEST, longest), longest // n) for n in (8, 4, 2, 1)}
            length = sorted(parts)
        buckets = cls(tuple(SERVING_BATCHES if batch is None else batch), tuple(length))
        if buckets.longest > longest:
            raise ValueError(
                f"length_buckets={buckets.length!r} must not exceed the model's {longest} tokens"
            )
        return buckets

    @property
    def most(self) -> int:
        """int, the largest batch."""
        return self.batch[-1]

    @property
    def longest(self) -> int:
        """int, the longest source in tokens."""
        return self.length[-1]

    def pad(
        self, input_ids: tf.Tensor, attention_mask: tf.Tensor, pad_token_id: int
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Pads ids and mask to the smallest bucket that holds them.

        Added rows have an all-zero mask, and the searches skip them.

        Args:
            input_ids, attention_mask: int32 `(batch, length)`, at most `most` and `longest`.
            pad_token_id: int.

        Returns:
            Both tensors, padded.
        """
        rows, columns = tf.unstack(tf.shape(input_ids))
        padding = [
            [0, _smallest(self.batch, rows) - rows],
            [0, _smallest(self.length, columns) - columns],
        ]
        return (
            tf.pad(input_ids, padding, constant_values=pad_token_id),
            tf.pad(attention_mask, padding),
        )


def _smallest(sizes: tuple[int, ...], size: tf.Tensor) -> tf.Tensor:
    sizes = tf.constant(sizes)
    return sizes[tf.searchsorted(sizes, size[None])[0]]
