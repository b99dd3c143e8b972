import pytest

from tf_pegasus.serving import ServedModel


@pytest.fixture(scope="session")
def served(served_directory):
    """The exported tiny model, loaded once: calls do not change it."""
    return ServedModel(served_directory)
