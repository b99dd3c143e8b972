"""Loading takes no more than 500 MB and 4 times a file's size, 10 s and 5 s a gigabyte."""

import pytest
from costly_models import COSTLY
from fuzz_readers import worker


@pytest.fixture(scope="module")
def process():
    started = worker()
    yield started
    started.close()


CASES = [(kind, "load") for kind in COSTLY]
# Where a configuration asks for too much, the other ways could get as far as building it.
CASES += [
    (kind, way)
    for kind in ("512 layers, in no file", "a width of 2^24", "10^7 positions", "10^9 pieces")
    for way in ("describe", "convert")
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "way"), CASES)
def test_a_costly_directory_is_in_the_budget(kind, way, process, tmp_path):
    directory = tmp_path / "model"
    COSTLY[kind](directory)
    assert process.outcome((way, str(directory))) in ("refused", "accepted")
