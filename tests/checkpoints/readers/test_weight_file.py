import pytest
from fuzz_readers import FILES, fuzz


@pytest.mark.slow
def test_damaged_files_of_every_format_are_refused_or_read():
    counts, failures = fuzz(40, seed=7)
    assert failures == []
    assert set(counts) == set(FILES)
    # The test can fail: most of the damage is detected.
    assert all(outcomes["refused"] > 10 for outcomes in counts.values())
