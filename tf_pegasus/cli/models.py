"""Loads the model that a command names."""

from tf_pegasus.bundled import BUNDLED, model_location
from tf_pegasus.utils.backend import load_backend


def load_summarizer(arguments):
    """Loads the `Summarizer` that `--model` and `--revision` name.

    It reads special tokens that a document spells as text.

    Raises:
        FileNotFoundError, ValueError, ImportError: see `Summarizer.from_pretrained`.
    """
    check_model(arguments)
    load_backend()
    from tf_pegasus.summarizer import Summarizer

    summarizer = Summarizer.from_pretrained(
        model_location(arguments.model), revision=arguments.revision
    )
    summarizer.tokenizer.escape_special_tokens()
    return summarizer


def check_model(arguments):
    """Raises ValueError if `--revision` is given without a name on the hub."""
    if arguments.revision and arguments.model == BUNDLED:
        raise ValueError("--revision requires a --model that is a name on the hub")
