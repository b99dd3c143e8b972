"""Loads the tokenizer of a directory."""

from pathlib import Path
from typing import Any

from tf_pegasus.tokenizers.fast_tokenizer import PegasusTokenizerFast
from tf_pegasus.tokenizers.options import TOKENIZER_CONFIG_FILE
from tf_pegasus.tokenizers.sentencepiece_tokenizer import PegasusTokenizer
from tf_pegasus.tokenizers.tokenizer_files import VOCAB_FILE
from tf_pegasus.tokenizers.tokenizer_json import TOKENIZER_FILE
from tf_pegasus.utils.files import read_json_object


def has_tokenizer(directory: str | Path) -> bool:
    """Returns whether a directory has a vocabulary: `spiece.model` or `tokenizer.json`."""
    return any((Path(directory) / name).is_file() for name in (VOCAB_FILE, TOKENIZER_FILE))


def load_tokenizer(directory: str | Path, **options: Any) -> PegasusTokenizer:
    """Loads the tokenizer of a directory.

    Reads the files of any version of `transformers`: `spiece.model`, `tokenizer.json`, or both. If
    both exist, the ids come from `spiece.model`, unless `tokenizer_config.json` names the fast
    tokenizer. The ids are those of the released models, whichever version wrote the files. This
    takes the place of `transformers`' `AutoTokenizer`, which returns `transformers`' own classes.

    Args:
        directory: path of the directory.
        **options: override the options in the files; see `TokenizerOptions`.

    Returns:
        `PegasusTokenizer`, or `PegasusTokenizerFast` if `tokenizer_config.json` names that
        class.

    Raises:
        FileNotFoundError: if the directory or its vocabulary is missing.
        ValueError: if a file is damaged; the message names it.
        TypeError: if an option is unknown.
    """
    config = Path(directory) / TOKENIZER_CONFIG_FILE
    stored = read_json_object(config) if config.is_file() else {}
    is_fast = stored.get("tokenizer_class") == PegasusTokenizerFast.__name__
    return (PegasusTokenizerFast if is_fast else PegasusTokenizer).from_pretrained(
        directory, **options
    )
