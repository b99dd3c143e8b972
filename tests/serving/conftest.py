import pytest

from tf_pegasus.serving import ServedModel


@pytest.fixture(scope="session")
def served(served_directory):
    """The exported tiny model, loaded once: calling it changes nothing."""
    return ServedModel(served_directory)
