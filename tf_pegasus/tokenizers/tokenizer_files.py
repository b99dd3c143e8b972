"""A tokenizer's files besides its vocabulary, as `transformers` writes them."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

from tf_pegasus.config.base import check_names
from tf_pegasus.tokenizers.added_token import AddedToken, is_special, spelling
from tf_pegasus.tokenizers.options import TOKENIZER_CONFIG_FILE, TokenizerOptions
from tf_pegasus.tokenizers.special_tokens import special_tokens
from tf_pegasus.tokenizers.token_table import TokenTableMixin
from tf_pegasus.tokenizers.tokenizer_json import TOKENIZER_FILE, StoredToken, read_tokenizer_json
from tf_pegasus.utils.files import read_json_object, write_json_atomically
from tf_pegasus.utils.hub import HubOptions, local_directory

VOCAB_FILE = "spiece.model"
SPECIAL_TOKENS_FILE = "special_tokens_map.json"
ADDED_TOKENS_FILE = "added_tokens.json"
# All files that a tokenizer may have.
TOKENIZER_FILES = (
    VOCAB_FILE,
    TOKENIZER_FILE,
    TOKENIZER_CONFIG_FILE,
    SPECIAL_TOKENS_FILE,
    ADDED_TOKENS_FILE,
)

# The options that are stored in files and returned by `get_config`, where additional special
# tokens are a separate list.
CONFIG_NAMES = tuple(
    name for name in TokenizerOptions.option_names() if name != "additional_special_tokens"
)


class TokenizerFilesMixin(TokenTableMixin):
    """Saves and loads tokenizers.

    Subclasses list the files of their vocabulary in `vocabulary_files`, and take the path of such
    a file as the first argument of their constructor.
    """

    vocabulary_files: ClassVar[tuple[str, ...]]

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, except for the vocabulary."""
        return {name: getattr(self, name) for name in CONFIG_NAMES}

    def _save_tables(self, directory):
        """Writes all files but the vocabulary, as `transformers` does."""
        config = {
            "tokenizer_class": type(self).__name__,
            **self.get_config(),
            "additional_special_tokens": self.additional_special_tokens,
            "added_tokens_decoder": {
                str(index): dataclasses.asdict(token)
                for index, token in self.added_tokens_decoder.items()
            },
        }
        if config["special_tokens_in_text"] == "keep":
            # `transformers` has no other way, and no such key.
            del config["special_tokens_in_text"]
        write_json_atomically(directory / TOKENIZER_CONFIG_FILE, config)
        write_json_atomically(directory / SPECIAL_TOKENS_FILE, self.special_tokens_map)
        if self._added:
            write_json_atomically(directory / ADDED_TOKENS_FILE, self._added)
        else:
            (directory / ADDED_TOKENS_FILE).unlink(missing_ok=True)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **keywords: Any) -> Self:
        """Loads a tokenizer from a directory or a hub repository.

        Args:
            pretrained_model_name_or_path: path of a directory with `spiece.model` or
                `tokenizer.json` and, optionally, `tokenizer_config.json`,
                `special_tokens_map.json` and `added_tokens.json`; or the name of a repository.
            **keywords: arguments of the constructor, which override the values in the files; and
                `HubOptions`, such as `revision` and `subfolder`.

        Raises:
            FileNotFoundError: if the directory or its vocabulary is missing.
            ValueError: if a file is damaged.
            TypeError: if a keyword is unknown; the message names it and the nearest known one.
        """
        hub, overrides = HubOptions.split(keywords)
        own = (*TokenizerOptions.option_names(), "sp_model_kwargs")
        known = (*own, *HubOptions.names())
        check_names(overrides, known, f"keyword of {cls.__name__}.from_pretrained")
        directory = local_directory(pretrained_model_name_or_path, TOKENIZER_FILES, options=hub)
        vocabulary = find_vocabulary(directory, cls.vocabulary_files)
        stored = _optional_json(directory / TOKENIZER_CONFIG_FILE)
        roles = _optional_json(directory / SPECIAL_TOKENS_FILE)
        config = TokenizerOptions.known_values(roles) | TokenizerOptions.known_values(stored)
        if stored.get("sp_model_kwargs"):
            config["sp_model_kwargs"] = stored["sp_model_kwargs"]
        values = {**config, **overrides}
        make: Callable[..., Self] = cls
        try:
            additional = _additional_special_tokens(stored, roles)
            tokens = _added_tokens(directory, stored, additional)
            if vocabulary.name == VOCAB_FILE and "added_tokens_decoder" not in stored:
                tokens += _tokens_of_json(directory / TOKENIZER_FILE, values)
            # Those of the keyword follow the tokens of the files, which keep their ids.
            values["additional_special_tokens"] = [
                *additional,
                *(overrides.get("additional_special_tokens") or ()),
            ]
            return make(vocabulary, added_tokens_decoder=_as_decoder(tokens), **values)
        except ValueError as error:
            if str(directory) in str(error):
                raise
            raise ValueError(f"{str(directory)!r}: {error}") from error


def find_vocabulary(directory: Path, names: tuple[str, ...] = (VOCAB_FILE, TOKENIZER_FILE)) -> Path:
    """Returns the path of the first of these files that a directory has.

    Raises:
        FileNotFoundError: if it has none of them.
    """
    for name in names:
        if (directory / name).is_file():
            return directory / name
    raise FileNotFoundError(
        f"no {' and no '.join(names)} in {str(directory)!r}: the vocabulary is missing"
    )


def _additional_special_tokens(stored, roles):
    """Returns the spellings of the special tokens that have no other role."""
    additional = {}
    for values in (roles, stored):
        for key in ("additional_special_tokens", "extra_special_tokens"):
            tokens = values.get(key) or ()
            tokens = tokens.values() if isinstance(tokens, dict) else tokens
            additional.update(dict.fromkeys(map(spelling, tokens)))
    return list(additional)


def _added_tokens(directory, stored, additional):
    """Returns the `StoredToken`s of `tokenizer_config.json` and `added_tokens.json`."""
    special = {*additional}
    by_index: dict[int, Any] = {}
    decoder = stored.get("added_tokens_decoder") or {}
    for values in (decoder, _optional_json(directory / ADDED_TOKENS_FILE)):
        for key, value in values.items():
            token, index = (key, value) if isinstance(value, int) else (value, key)
            if not str(index).isdigit():
                raise ValueError(f"the id {index!r} is not a number")
            content = spelling(token)
            if is_special(token):
                special.add(content)
            by_index[int(index)] = content
    return [StoredToken(token, index, token in special) for index, token in by_index.items()]


def _tokens_of_json(path, values):
    """Returns the added tokens of `tokenizer.json`; `transformers` 5 writes them nowhere else."""
    if not path.is_file():
        return []
    names = TokenizerOptions.option_names()
    options = TokenizerOptions.from_keywords({n: v for n, v in values.items() if n in names})
    return list(read_tokenizer_json(path, special_tokens(options)).added_tokens)


def _as_decoder(tokens):
    decoder: dict[int, AddedToken] = {}
    for token in tokens:
        known = decoder.setdefault(token.token_id, AddedToken(token.content, special=token.special))
        if known.content != token.content:
            raise ValueError(
                f"the added tokens {known.content!r} and {token.content!r} have the same id, "
                f"{token.token_id}"
            )
    return decoder


def _optional_json(path):
    return read_json_object(path) if Path(path).is_file() else {}
