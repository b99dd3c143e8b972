"""A tokenizer's files besides its vocabulary, in the form of `transformers`."""

from pathlib import Path

from tf_pegasus.utils.files import read_json_object, write_json_atomically
from tf_pegasus.utils.hub import local_directory

TOKENIZER_CONFIG_FILE = "tokenizer_config.json"
SPECIAL_TOKENS_FILE = "special_tokens_map.json"
ADDED_TOKENS_FILE = "added_tokens.json"

# `transformers` writes 10^30 where there is no limit.
_UNLIMITED = 10**9


class TokenizerFilesMixin:
    """Saving and loading of a tokenizer.

    Subclasses have the class methods `_argument_names` (of their constructor) and
    `_from_directory` (makes one of a directory's vocabulary and such arguments).
    """

    def get_config(self):
        """The arguments that make the tokenizer again, besides its vocabulary."""
        return {
            "pad_token": self.pad_token,
            "eos_token": self.eos_token,
            "unk_token": self.unk_token,
            "mask_token": self.mask_token,
            "mask_token_sent": self.mask_token_sent,
            "offset": self.offset,
            "newline_token": self.newline_token,
            "model_max_length": self.model_max_length,
            "clean_up_tokenization_spaces": self.clean_up_tokenization_spaces,
        }

    def _save_tables(self, directory):
        """Writes everything but the vocabulary, as `transformers` does."""
        config = {
            "tokenizer_class": type(self).__name__,
            **self.get_config(),
            "additional_special_tokens": self.additional_special_tokens,
            "added_tokens_decoder": {
                str(index): {
                    "content": token,
                    "lstrip": False,
                    "normalized": False,
                    "rstrip": False,
                    "single_word": False,
                    "special": token in self.special_tokens.ids or token in self._added_special,
                }
                for token, index in self._spelled.items()
            },
        }
        write_json_atomically(directory / TOKENIZER_CONFIG_FILE, config)
        write_json_atomically(directory / SPECIAL_TOKENS_FILE, self.special_tokens_map)
        if self._added:
            write_json_atomically(directory / ADDED_TOKENS_FILE, self._added)
        else:
            (directory / ADDED_TOKENS_FILE).unlink(missing_ok=True)

    @classmethod
    def from_pretrained(
        cls,
        path,
        revision=None,
        token=None,
        cache_dir=None,
        local_files_only=False,
        **overrides,
    ):
        """Reads a directory, or a repository of the hub.

        Args:
            path: directory with a vocabulary and, if it has them, `tokenizer_config.json`,
                `special_tokens_map.json` and `added_tokens.json`; or the repository's name.
            revision, token, cache_dir, local_files_only: of `huggingface_hub`.
            **overrides: arguments of the constructor.

        Raises:
            FileNotFoundError: the directory or its vocabulary is missing.
            ValueError: a damaged file.
        """
        directory = local_directory(path, revision, token, cache_dir, local_files_only)
        stored = _optional_json(directory / TOKENIZER_CONFIG_FILE)
        roles = _optional_json(directory / SPECIAL_TOKENS_FILE)
        known = cls._argument_names()
        config = {
            name: _spelling(values[name])
            for values in (roles, stored)
            for name in known
            if name in values and name != "additional_special_tokens"
        }
        if (config.get("model_max_length") or 0) > _UNLIMITED:
            config["model_max_length"] = None
        tokenizer = cls._from_directory(directory, {**config, **overrides})
        tokenizer._restore_added(directory, stored, roles)
        return tokenizer

    def _restore_added(self, directory, stored, roles):
        """Gives added tokens the ids that the files say."""
        by_index, special = {}, set()
        decoder = stored.get("added_tokens_decoder") or {}
        for values in (decoder, _optional_json(directory / ADDED_TOKENS_FILE)):
            for key, value in values.items():
                token, index = (key, value) if isinstance(value, int) else (value, key)
                if not str(index).isdigit():
                    raise ValueError(f"{str(directory)!r}: the id {index!r} is no number")
                if isinstance(token, dict) and token.get("special"):
                    special.add(_spelling(token))
                by_index[int(index)] = _spelling(token)
        for values in (roles, stored):
            special.update(map(_spelling, values.get("additional_special_tokens") or ()))
        new = {}
        for index, token in sorted(by_index.items()):
            if token not in self._spelled:
                new.setdefault(token, index)
        # All at once: each call makes the pattern anew that finds them in a text.
        self.add_tokens(list(new))
        for token, index in new.items():
            if self._spelled[token] != index:
                raise ValueError(
                    f"{str(directory)!r}: the added token {token!r} has the id {index}, but "
                    f"{self._spelled[token]} is what follows"
                )
        self.add_tokens([t for t in sorted(special) if t in self._added], special_tokens=True)


def _spelling(value):
    """A token's spelling, which `transformers` may write as an object with `content`."""
    return value["content"] if isinstance(value, dict) and "content" in value else value


def _optional_json(path):
    return read_json_object(path) if Path(path).is_file() else {}
