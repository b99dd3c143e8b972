"""How samples become rows: one row each, or several if a long text overflows into further ones.

The first is what `transformers`' slow tokenizers do, the second its fast ones; so do ours.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from tf_pegasus.tokenizers.call_options import CallOptions
from tf_pegasus.tokenizers.truncation import (
    Window,
    kept_lengths,
    overflow,
    pair_windows,
    truncated,
    windows,
)


class Sample(NamedTuple):
    """The ids of one text or of two, without eos."""

    first: list[int]
    second: list[int] | None

    @property
    def lengths(self) -> tuple[int, int | None]:
        """The numbers of ids."""
        return len(self.first), None if self.second is None else len(self.second)


class Row(NamedTuple):
    """A row: the number of its sample, and what it holds of it."""

    sample: int
    window: Window


class RowLayout(Protocol):
    """How samples become rows."""

    # Whether `length` counts padding, too.
    length_has_padding: bool
    # Whether `special_tokens_mask` has only what the tokenizer added, and not what texts spell.
    only_added_is_special: bool

    def windows(self, sample: Sample, limit: int | None, call: CallOptions) -> list[Window]:
        """Returns what of a sample its rows hold; `limit` ids, or all if it is None."""

    def further_entries(
        self, samples: Sequence[Sample], rows: Sequence[Row], limit: int | None, call: CallOptions
    ) -> dict[str, list]:
        """Returns the entries about what is cut off."""

    def single(self, entries: dict[str, list], call: CallOptions) -> dict[str, Any]:
        """Returns the entries of the only sample."""


def _whole(sample):
    return Window(slice(0, len(sample.first)), slice(0, len(sample.second or ())))


class OneRow:
    """One row for each sample; what is cut off is in `overflowing_tokens`."""

    length_has_padding = False
    only_added_is_special = False

    def windows(self, sample: Sample, limit: int | None, call: CallOptions) -> list[Window]:
        if limit is None:
            return [_whole(sample)]
        first, second = kept_lengths(*sample.lengths, limit, str(call.truncation))
        side = str(call.truncation_side)
        return [
            Window(
                truncated(len(sample.first), first, side),
                truncated(len(sample.second or ()), second, side),
            )
        ]

    def further_entries(
        self, samples: Sequence[Sample], rows: Sequence[Row], limit: int | None, call: CallOptions
    ) -> dict[str, list]:
        if not call.return_overflowing_tokens:
            return {}
        if limit is None:
            raise ValueError(
                "return_overflowing_tokens=True needs truncation, such as truncation=True"
            )
        cut = []
        for sample, row in zip(samples, rows, strict=True):
            if sample.second is not None and call.truncation == "longest_first":
                raise ValueError(
                    "return_overflowing_tokens=True: which of two texts overflows is not known "
                    "with truncation='longest_first'; pass 'only_first' or 'only_second', or use "
                    "PegasusTokenizerFast"
                )
            is_second = call.truncation == "only_second"
            ids = sample.second if is_second else sample.first
            kept = row.window.second if is_second else row.window.first
            part = overflow(
                len(ids or ()), kept.stop - kept.start, str(call.truncation_side), call.stride
            )
            cut.append(list(ids or ())[part])
        lengths = [len(sample.first) + len(sample.second or ()) for sample in samples]
        return {
            "overflowing_tokens": cut,
            "num_truncated_tokens": [length - limit for length in lengths],
        }

    def single(self, entries: dict[str, list], call: CallOptions) -> dict[str, Any]:
        return {name: rows[0] for name, rows in entries.items()}


class OverflowRows:
    """With `return_overflowing_tokens`, further rows for what is cut off, in windows.

    `overflow_to_sample_mapping` has the sample of each row.
    """

    length_has_padding = True
    only_added_is_special = True

    def windows(self, sample: Sample, limit: int | None, call: CallOptions) -> list[Window]:
        if limit is None:
            return [_whole(sample)]
        lengths = len(sample.first), len(sample.second or ())
        kept = kept_lengths(*sample.lengths, limit, str(call.truncation), short_first=True)
        side = str(call.truncation_side)
        if not call.return_overflowing_tokens:
            return [Window(*(truncated(n, k, side) for n, k in zip(lengths, kept, strict=True)))]
        parts = []
        for length, width in zip(lengths, kept, strict=True):
            if width < length and call.stride >= width:
                raise ValueError(
                    f"stride={call.stride} must be less than the {width} tokens of a text that "
                    f"fit in a row with max_length={call.max_length}"
                )
            parts.append(windows(length, width, side, call.stride))
        return pair_windows(*parts)

    def further_entries(
        self, samples: Sequence[Sample], rows: Sequence[Row], limit: int | None, call: CallOptions
    ) -> dict[str, list]:
        if not call.return_overflowing_tokens:
            return {}
        return {"overflow_to_sample_mapping": [row.sample for row in rows]}

    def single(self, entries: dict[str, list], call: CallOptions) -> dict[str, Any]:
        if call.return_overflowing_tokens:
            return entries
        # The length of a row stays in a list, as in `transformers`.
        return {name: rows if name == "length" else rows[0] for name, rows in entries.items()}
