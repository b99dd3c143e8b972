"""A little of what .ci/fuzz does."""

import pytest
from fuzz_readers import FILES, STRUCTURES, fuzz


@pytest.mark.slow
def test_damaged_files_of_every_format_are_refused_or_read():
    counts, failures = fuzz(16 * len(FILES), seed=7, labels=tuple(FILES))
    assert failures == []
    # Not a test that cannot fail: most of the damage is found.
    assert all(outcomes["refused"] > 4 for outcomes in counts.values())


def test_hostile_files_of_every_format_are_refused_or_read():
    counts, failures = fuzz(5 * len(STRUCTURES), seed=7, labels=tuple(STRUCTURES))
    assert failures == []
    assert all(outcomes["refused"] >= 2 for outcomes in counts.values())
