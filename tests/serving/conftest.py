import pytest

from tf_pegasus import PegasusTokenizer
from tf_pegasus.serving import ServedModel


@pytest.fixture(scope="session")
def served(served_directory):
    """The exported tiny model, loaded once: calls do not change it."""
    return ServedModel(served_directory)


@pytest.fixture(scope="session")
def escaping_tokenizer(vocab_file):
    """The tokenizer as exports have it: special tokens spelled in a text are text."""
    return PegasusTokenizer(vocab_file, special_tokens_in_text="escape")
