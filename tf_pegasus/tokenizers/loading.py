"""The tokenizer that a directory describes."""

from pathlib import Path
from typing import Any

from tf_pegasus.tokenizers.fast_tokenizer import PegasusTokenizerFast
from tf_pegasus.tokenizers.options import TOKENIZER_CONFIG_FILE
from tf_pegasus.tokenizers.sentencepiece_tokenizer import PegasusTokenizer
from tf_pegasus.tokenizers.tokenizer_files import VOCAB_FILE
from tf_pegasus.tokenizers.tokenizer_json import TOKENIZER_FILE
from tf_pegasus.utils.files import read_json_object


def has_tokenizer(directory: str | Path) -> bool:
    """Whether a directory has a vocabulary: `spiece.model` or `tokenizer.json`."""
    return any((Path(directory) / name).is_file() for name in (VOCAB_FILE, TOKENIZER_FILE))


def load_tokenizer(directory: str | Path, **options: Any) -> PegasusTokenizer:
    """Loads the tokenizer that a directory describes.

    Reads what any version of `transformers` writes: `spiece.model`, or `tokenizer.json`, or
    both (then the ids come from `spiece.model`, unless `tokenizer_config.json` asks for the
    fast tokenizer). Its ids are those of the released models, whichever version wrote it.

    Args:
        directory: a directory.
        **options: replace what the files say; see `TokenizerOptions`.

    Returns:
        `PegasusTokenizer`; `PegasusTokenizerFast` where `tokenizer_config.json` names that
        class.

    Raises:
        FileNotFoundError: the directory or its vocabulary is missing.
        ValueError: a damaged file; the message names it.
        TypeError: an unknown option.
    """
    config = Path(directory) / TOKENIZER_CONFIG_FILE
    stored = read_json_object(config) if config.is_file() else {}
    is_fast = stored.get("tokenizer_class") == PegasusTokenizerFast.__name__
    return (PegasusTokenizerFast if is_fast else PegasusTokenizer).from_pretrained(
        directory, **options
    )
