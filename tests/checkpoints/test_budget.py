"""Loading takes no more than 500 MB and 4 times a file's size, 10 s and 5 s a gigabyte."""

import pytest
from costly_models import COSTLY
from fuzz_readers import worker


@pytest.fixture(scope="module")
def process():
    started = worker()
    yield started
    started.close()


@pytest.mark.slow
@pytest.mark.parametrize("way", ["load", "describe", "convert"])
@pytest.mark.parametrize("kind", COSTLY)
def test_a_costly_directory_is_in_the_budget(kind, way, process, tmp_path):
    directory = tmp_path / "model"
    COSTLY[kind](directory)
    assert process.outcome((way, str(directory))) in ("refused", "accepted")
