"""What the Python tokenizers share: all but the way from text to pieces and back."""

import re
from pathlib import Path

import numpy as np

from tf_pegasus.checkpoints.hub import local_directory
from tf_pegasus.files import read_json_object, write_json_atomically
from tf_pegasus.tokenizers.batch_encoding import BatchEncoding
from tf_pegasus.tokenizers.special_tokens import (
    check_spelling,
    special_tokens,
    splitting_pattern,
)

TOKENIZER_CONFIG_FILE = "tokenizer_config.json"
SPECIAL_TOKENS_FILE = "special_tokens_map.json"
ADDED_TOKENS_FILE = "added_tokens.json"

TRUNCATIONS = (True, False, None, "longest_first", "only_first", "only_second", "do_not_truncate")
PADDINGS = (True, False, "longest", "max_length", "do_not_pad")

# Spaces that word-level corpora have before these, as `transformers` cleans them up.
_CLEAN_UP = (".", "?", "!", ",", "n't", "'m", "'s", "'ve", "'re")

# `transformers` writes 10^30 where there is no limit.
_UNLIMITED = 10**9


class PegasusTokenizerBase:
    """Texts to ids and back, with `transformers`' names.

    Subclasses know the pieces: they implement `_text_ids`, `_ids_text`, `_piece_id`,
    `_piece` and `vocab_size`, and the class method `_from_directory`.

    Args:
        pad_token, eos_token, unk_token, mask_token, mask_token_sent: str, spellings of the
            special tokens. A text that contains one gets its id, as in `transformers`.
        additional_special_tokens: list of str, further special tokens; those that are none
            yet get ids behind the vocabulary.
        offset: int, how many ids are reserved; 103 in the released models, 0 for none.
        newline_token: str or None. With `"<n>"`, a line break goes in as that piece and
            comes out as a line break again, as in the authors' code; by default it is
            white space like any other, as in `transformers`.
        model_max_length: int or None, where truncation cuts (in tokens, eos included).
        clean_up_tokenization_spaces: bool, the default of `decode`.

    Raises:
        ValueError: the tokens collide, or `offset` is impossible.
        TypeError: `additional_special_tokens` is no list.
    """

    model_input_names = ("input_ids", "attention_mask")

    def __init__(
        self,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        mask_token="<mask_2>",
        mask_token_sent="<mask_1>",
        additional_special_tokens=None,
        offset=103,
        newline_token=None,
        model_max_length=None,
        clean_up_tokenization_spaces=False,
    ):
        if not isinstance(additional_special_tokens, (list, tuple, type(None))):
            raise TypeError(
                f"additional_special_tokens={additional_special_tokens!r} must be a list of str"
            )
        self.pad_token = pad_token
        self.eos_token = eos_token
        self.unk_token = unk_token
        self.mask_token = mask_token
        self.mask_token_sent = mask_token_sent
        self.offset = offset
        self.newline_token = newline_token
        self.model_max_length = model_max_length
        self.clean_up_tokenization_spaces = clean_up_tokenization_spaces
        self.special_tokens = special_tokens(
            pad_token, eos_token, unk_token, mask_token, mask_token_sent, offset
        )
        self._added, self._added_special = {}, set()
        self._update_tables()
        self.add_tokens(list(additional_special_tokens or ()), special_tokens=True)

    # The vocabulary

    @property
    def vocab_size(self):
        """int, how many ids there are, reserved ones included, added ones not."""
        raise NotImplementedError

    def __len__(self):
        """How many ids there are, added ones included: `resize_token_embeddings` takes it."""
        return self.vocab_size + sum(index >= self.vocab_size for index in self._added.values())

    @property
    def pad_token_id(self):
        """int, always 0."""
        return self.special_tokens.pad_token_id

    @property
    def eos_token_id(self):
        """int, always 1."""
        return self.special_tokens.eos_token_id

    @property
    def unk_token_id(self):
        """int, `offset` + 2."""
        return self.special_tokens.unk_token_id

    @property
    def mask_token_id(self):
        """int, of the word mask (3)."""
        return self.convert_tokens_to_ids(self.mask_token)

    @property
    def mask_token_sent_id(self):
        """int, of the sentence mask (2)."""
        return self.convert_tokens_to_ids(self.mask_token_sent)

    @property
    def additional_special_tokens(self):
        """list of str: the sentence mask, the reserved `<unk_…>`, and added special tokens."""
        named = {self.pad_token, self.eos_token, self.unk_token, self.mask_token}
        return [t for t in (*self.special_tokens.ids, *self.special_added_tokens) if t not in named]

    @property
    def all_special_tokens(self):
        """list of str."""
        return [*self.special_tokens.ids, *self.special_added_tokens]

    @property
    def all_special_ids(self):
        """list of int."""
        return [self._spelled[token] for token in self.all_special_tokens]

    @property
    def special_tokens_map(self):
        """dict from role to spelling, as in `special_tokens_map.json`."""
        return {
            "eos_token": self.eos_token,
            "unk_token": self.unk_token,
            "pad_token": self.pad_token,
            "mask_token": self.mask_token,
            "additional_special_tokens": self.additional_special_tokens,
        }

    def get_vocab(self):
        """dict from token to id, of all ids."""
        vocab = {self._piece(index): index for index in range(self.vocab_size)}
        return {**vocab, **self._spelled}

    def get_added_vocab(self):
        """dict from added token to id."""
        return dict(self._added)

    def add_tokens(self, new_tokens, special_tokens=False):
        """Adds whole words to the vocabulary: wherever a text has one, it becomes one id.

        Args:
            new_tokens: str or list of str.
            special_tokens: bool, whether `decode(skip_special_tokens=True)` leaves them out.

        Returns:
            int, how many ids are new. The model needs as many rows:
            `model.resize_token_embeddings(len(tokenizer))`.

        Raises:
            ValueError: an empty token, or one that is no str.
        """
        before = len(self)
        for token in [new_tokens] if isinstance(new_tokens, str) else new_tokens:
            check_spelling(token)
            if token not in self._spelled and token not in self._added:
                piece = self._piece_id(token)
                self._added[token] = len(self) if piece is None else piece
            if special_tokens and token in self._added:
                self._added_special.add(token)
        self._update_tables()
        return len(self) - before

    def add_special_tokens(self, special_tokens_dict):
        """Adds `{"additional_special_tokens": [...]}`; returns how many ids are new."""
        unknown = set(special_tokens_dict) - {"additional_special_tokens"}
        if unknown:
            raise ValueError(
                f"{sorted(unknown)[0]!r} cannot be changed: its id is part of every model; "
                "give additional_special_tokens"
            )
        tokens = special_tokens_dict.get("additional_special_tokens", [])
        return self.add_tokens(tokens, special_tokens=True)

    @property
    def special_added_tokens(self):
        """list of str: the added tokens that are special."""
        return [token for token in self._added if token in self._added_special]

    def _update_tables(self):
        self._spelled = {**self.special_tokens.ids, **self._added}
        self._spellings = {index: token for token, index in self._spelled.items()}
        self._splitting = re.compile(splitting_pattern(self._spelled))

    # Texts to ids

    def __call__(
        self,
        text=None,
        text_pair=None,
        text_target=None,
        add_special_tokens=True,
        padding=False,
        truncation=None,
        max_length=None,
        pad_to_multiple_of=None,
        return_tensors=None,
        return_attention_mask=True,
        return_special_tokens_mask=False,
    ):
        """Tokenizes one text or several, each ended by eos.

        Args:
            text: str; list of str; or list of pairs of str.
            text_pair: as `text`, what follows each before eos. PEGASUS does not use it.
            text_target: summaries: alone as `text`; beside it, their ids become `labels`.
            add_special_tokens: bool, end with eos.
            padding: False, True or `"longest"` (of the batch), or `"max_length"`.
            truncation: False, True or `"longest_first"`, `"only_first"`, `"only_second"`;
                by default True where `max_length` is given and `padding` is not.
            max_length: int, in tokens; by default `model_max_length`.
            pad_to_multiple_of: int, round the padded length up.
            return_tensors: `"np"`, `"tf"` (int32; needs equal lengths) or None (lists).
            return_attention_mask, return_special_tokens_mask: bool.

        Returns:
            `BatchEncoding` with `input_ids` and what was asked for, `(batch, length)`; for
            one str without `return_tensors`, `(length,)`.

        Raises:
            TypeError: a text is no str.
            ValueError: options that cannot work together.
        """
        options = {
            "add_special_tokens": add_special_tokens,
            "padding": padding,
            "truncation": truncation,
            "max_length": max_length,
            "pad_to_multiple_of": pad_to_multiple_of,
            "return_tensors": return_tensors,
            "return_attention_mask": return_attention_mask,
            "return_special_tokens_mask": return_special_tokens_mask,
        }
        if text is None and text_target is None:
            raise ValueError("text is missing: give text, text_target, or both")
        if text is None:
            return self._encoded(text_target, None, **options)
        encoding = self._encoded(text, text_pair, **options)
        if text_target is not None:
            encoding["labels"] = self._encoded(text_target, None, **options)["input_ids"]
        return encoding

    def _encoded(
        self,
        text,
        text_pair,
        add_special_tokens,
        padding,
        truncation,
        max_length,
        pad_to_multiple_of,
        return_tensors,
        return_attention_mask,
        return_special_tokens_mask,
    ):
        padding, truncation, max_length = self._lengths(padding, truncation, max_length)
        is_one = isinstance(text, str)
        firsts, seconds = _pairs([text] if is_one else text, [text_pair] if is_one else text_pair)
        rows = []
        for first, second in zip(
            self._plain_ids(firsts),
            [None] * len(firsts) if seconds is None else self._plain_ids(seconds),
            strict=True,
        ):
            if truncation:
                ends = self.num_special_tokens_to_add() if add_special_tokens else 0
                first, second = _truncated(first, second, max_length - ends, truncation)
            if add_special_tokens:
                rows.append(self.build_inputs_with_special_tokens(first, second))
            else:
                rows.append(first + (second or []))
        encoding = {"input_ids": rows}
        if return_special_tokens_mask:
            encoding["special_tokens_mask"] = [
                self.get_special_tokens_mask(row, already_has_special_tokens=True) for row in rows
            ]
        return self.pad(
            BatchEncoding({name: v[0] for name, v in encoding.items()} if is_one else encoding),
            padding,
            max_length,
            pad_to_multiple_of,
            return_attention_mask,
            return_tensors,
        )

    def _lengths(self, padding, truncation, max_length):
        if padding not in PADDINGS:
            raise ValueError(f"padding={padding!r} must be one of {PADDINGS}")
        if truncation not in TRUNCATIONS:
            raise ValueError(f"truncation={truncation!r} must be one of {TRUNCATIONS}")
        if max_length is not None and (not isinstance(max_length, int) or max_length < 1):
            raise ValueError(f"max_length={max_length!r} must be an int of at least 1")
        if truncation is None:
            truncation = max_length is not None and padding is False
        truncation = {True: "longest_first", "do_not_truncate": False}.get(truncation, truncation)
        padding = {True: "longest", "do_not_pad": False}.get(padding, padding)
        max_length = self.model_max_length if max_length is None else max_length
        if (truncation or padding == "max_length") and max_length is None:
            raise ValueError("max_length is needed: this tokenizer has no model_max_length")
        return padding, truncation, max_length

    def pad(
        self,
        encoded_inputs,
        padding=True,
        max_length=None,
        pad_to_multiple_of=None,
        return_attention_mask=True,
        return_tensors=None,
    ):
        """Pads what was tokenized before; see `__call__` for the arguments.

        Args:
            encoded_inputs: dict with `input_ids`, one row or several; or a list of dicts
                with one row each. `special_tokens_mask` and `labels` are padded too.

        Returns:
            `BatchEncoding`.
        """
        padding, _, max_length = self._lengths(padding, False, max_length)
        if return_tensors not in (None, "np", "tf"):
            raise ValueError(f"return_tensors={return_tensors!r} must be None, 'np' or 'tf'")
        if isinstance(encoded_inputs, (list, tuple)):
            encoded_inputs = {
                name: [row[name] for row in encoded_inputs] for name in encoded_inputs[0]
            }
        encoding = {
            name: rows.tolist() if hasattr(rows, "tolist") else [*rows]
            for name, rows in encoded_inputs.items()
            if name != "attention_mask"
        }
        ids = encoding["input_ids"]
        is_one = bool(ids) and not isinstance(ids[0], (list, tuple))
        if is_one:
            encoding = {name: [rows] for name, rows in encoding.items()}
        if return_attention_mask:
            encoding["attention_mask"] = [[1] * len(row) for row in encoding["input_ids"]]
        padded = {}
        for name, rows in encoding.items():
            width = max(map(len, rows), default=0)
            width = max_length if padding == "max_length" else width
            if pad_to_multiple_of:
                width = -(-width // pad_to_multiple_of) * pad_to_multiple_of
            value = _PADDING_VALUES.get(name, self.pad_token_id)
            padded[name] = [[*row, *[value] * (width - len(row) if padding else 0)] for row in rows]
        if return_tensors is None:
            if is_one:
                padded = {name: rows[0] for name, rows in padded.items()}
            return BatchEncoding(padded)
        return BatchEncoding(
            {name: _tensor(name, rows, return_tensors) for name, rows in padded.items()}
        )

    def encode(self, text, text_pair=None, add_special_tokens=True, **options):
        """Returns the ids of one text (or pair); see `__call__` for the options."""
        options = {"return_attention_mask": False, **options}
        return self(text, text_pair, None, add_special_tokens, **options)["input_ids"]

    def encode_batch(self, texts):
        """Returns the ids of each text, each ended by eos, as lists of int."""
        return [[*ids, self.eos_token_id] for ids in self._plain_ids(list(texts))]

    def truncate(self, ids, max_length):
        """Cuts ids to `max_length`, the last being eos."""
        if len(ids) <= max_length:
            return ids
        return [*ids[: max_length - 1], self.eos_token_id]

    def tokenize(self, text):
        """Returns the tokens of a text, without eos."""
        return self.convert_ids_to_tokens(self._plain_ids([text])[0])

    def _plain_ids(self, texts):
        """The ids of each text, without eos: those of special and added tokens where the
        text has one, those of pieces in between."""
        segments, owners = [], []
        for owner, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(f"a text must be a str, got {type(text).__name__}: {text!r:.80}")
            if self.newline_token:
                text = text.replace("\n", self.newline_token)
            for segment in self._splitting.split(text):
                segments.append(segment)
                owners.append(owner)
        # One call for all segments: the library then works on all cores.
        text_ids = iter(self._text_ids([s for s in segments if s not in self._spelled]))
        rows = [[] for _ in texts]
        for segment, owner in zip(segments, owners, strict=True):
            spelled = self._spelled.get(segment)
            rows[owner] += next(text_ids) if spelled is None else [spelled]
        return rows

    def build_inputs_with_special_tokens(self, token_ids_0, token_ids_1=None):
        """`X </s>`; of a pair, `A B </s>`."""
        return [*token_ids_0, *(token_ids_1 or ()), self.eos_token_id]

    def num_special_tokens_to_add(self, pair=False):
        """1: eos."""
        return 1

    def get_special_tokens_mask(
        self, token_ids_0, token_ids_1=None, already_has_special_tokens=False
    ):
        """1 where an id is special (but `<unk>`), else 0; eos is added to the ids unless
        they have it already."""
        special = set(self.all_special_ids) - {self.unk_token_id}
        mask = [int(index in special) for index in (*token_ids_0, *(token_ids_1 or ()))]
        return mask if already_has_special_tokens else [*mask, 1]

    # Tokens and ids

    def convert_tokens_to_ids(self, tokens):
        """Returns the id of a token, or those of a list; an unknown token has `<unk>`'s."""
        if isinstance(tokens, str):
            index = self._spelled.get(tokens)
            index = self._piece_id(tokens) if index is None else index
            return self.unk_token_id if index is None else index
        return [self.convert_tokens_to_ids(token) for token in tokens]

    def convert_ids_to_tokens(self, ids, skip_special_tokens=False):
        """Returns the token of an id, or those of a sequence.

        Raises:
            ValueError: an id is negative or past the vocabulary.
        """
        if np.ndim(ids) == 0:
            return self._token(int(ids))
        special = set(self.all_special_ids) if skip_special_tokens else ()
        return [self._token(int(index)) for index in ids if int(index) not in special]

    def _token(self, index):
        if not 0 <= index < len(self):
            raise ValueError(f"ids hold {index}, the vocabulary is 0 … {len(self) - 1}")
        spelling = self._spellings.get(index)
        return self._piece(index) if spelling is None else spelling

    def convert_tokens_to_string(self, tokens):
        """Joins tokens to text."""
        return self._joined(self.convert_tokens_to_ids(list(tokens)))

    # Ids to texts

    def decode(self, token_ids, skip_special_tokens=False, clean_up_tokenization_spaces=None):
        """Turns ids into text.

        Args:
            token_ids: int, sequence of int, or a 1-D array or tensor.
            skip_special_tokens: bool; True leaves out what is not text: special tokens,
                and ids past the vocabulary (a model's embedding may be larger).
            clean_up_tokenization_spaces: bool, remove spaces before `.?!,` and English
                contractions; by default as the tokenizer was made.

        Raises:
            ValueError: a negative id; or, with skip_special_tokens=False, one past the
                vocabulary.
        """
        ids = [int(index) for index in np.asarray(token_ids).reshape(-1)]
        if ids and min(ids) < 0:
            raise ValueError(f"ids hold {min(ids)}, an id is at least 0")
        if skip_special_tokens:
            special, end = set(self.all_special_ids), len(self)
            ids = [index for index in ids if index < end and index not in special]
        elif ids and max(ids) >= len(self):
            raise ValueError(f"ids hold {max(ids)}, the vocabulary ends at {len(self) - 1}")
        text = self._joined(ids)
        if clean_up_tokenization_spaces is None:
            clean_up_tokenization_spaces = self.clean_up_tokenization_spaces
        return _cleaned_up(text) if clean_up_tokenization_spaces else text

    def batch_decode(self, sequences, skip_special_tokens=False, clean_up_tokenization_spaces=None):
        """`decode` for each row of `sequences`."""
        return [
            self.decode(row, skip_special_tokens, clean_up_tokenization_spaces) for row in sequences
        ]

    def _joined(self, ids):
        """Text, in which added tokens stand apart and reserved ones do not."""
        parts, part, run = [], "", []
        for index in ids:
            spelling = self._spellings.get(index)
            if spelling is None:
                run.append(index)
                continue
            part += self._run_text(run)
            run = []
            if spelling in self._added:
                parts += [part.strip(" "), spelling]
                part = ""
            else:
                part += spelling
        parts.append((part + self._run_text(run)).strip(" "))
        return " ".join(filter(None, parts))

    def _run_text(self, ids):
        text = self._ids_text(ids)
        return text.replace(self.newline_token, "\n") if self.newline_token else text

    # Files

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
        for values in (decoder, *[_optional_json(directory / ADDED_TOKENS_FILE)]):
            for key, value in values.items():
                token, index = (key, value) if isinstance(value, int) else (value, key)
                if not str(index).isdigit():
                    raise ValueError(f"{str(directory)!r}: the id {index!r} is no number")
                if isinstance(token, dict) and token.get("special"):
                    special.add(_spelling(token))
                by_index[int(index)] = _spelling(token)
        for values in (roles, stored):
            special.update(map(_spelling, values.get("additional_special_tokens") or ()))
        for index, token in sorted(by_index.items()):
            if token in self._spelled:
                continue
            self.add_tokens(token, special_tokens=token in special)
            if self._spelled[token] != index:
                raise ValueError(
                    f"{str(directory)!r}: the added token {token!r} has the id {index}, but "
                    f"{self._spelled[token]} is what follows"
                )
        self.add_tokens([t for t in sorted(special) if t in self._added], special_tokens=True)


_PADDING_VALUES = {"attention_mask": 0, "special_tokens_mask": 1, "labels": -100}


def _pairs(texts, others):
    """Two lists of texts (the second may be None) from the ways in which pairs are given."""
    texts = list(texts)
    if others is not None and others != [None]:
        others = list(others)
        if len(others) != len(texts):
            raise ValueError(
                f"text has {len(texts)} texts and text_pair {len(others)}: they must be as many"
            )
        return texts, others
    if texts and all(isinstance(text, (tuple, list)) and len(text) == 2 for text in texts):
        return [text[0] for text in texts], [text[1] for text in texts]
    return texts, None


def _truncated(first, second, limit, truncation):
    """Cuts ids to `limit` together."""
    limit = max(limit, 0)
    excess = len(first) + len(second or ()) - limit
    if excess <= 0:
        return first, second
    if second is None or truncation == "only_first":
        if len(first) < excess:
            raise ValueError("truncation='only_first': the first text is not long enough to cut")
        return first[: len(first) - excess], second
    if truncation == "only_second":
        if len(second) < excess:
            raise ValueError("truncation='only_second': the second text is not long enough to cut")
        return first, second[: len(second) - excess]
    keep_first, keep_second = len(first), len(second)
    for _ in range(excess):
        if keep_first > keep_second:
            keep_first -= 1
        else:
            keep_second -= 1
    return first[:keep_first], second[:keep_second]


def _tensor(name, rows, kind):
    if len(set(map(len, rows))) > 1:
        raise ValueError(
            f"{name}: the texts have different lengths: give padding=True to make a tensor"
        )
    array = np.array(rows, "int32").reshape(len(rows), -1)
    if kind == "np":
        return array
    import tensorflow as tf

    return tf.constant(array)


def _cleaned_up(text):
    for ending in _CLEAN_UP[:4]:
        text = text.replace(f" {ending}", ending)
    text = text.replace(" ' ", "'")
    for ending in _CLEAN_UP[4:]:
        text = text.replace(f" {ending}", ending)
    return text


def _spelling(value):
    """A token's spelling, which `transformers` may write as an object with `content`."""
    return value["content"] if isinstance(value, dict) and "content" in value else value


def _optional_json(path):
    return read_json_object(path) if Path(path).is_file() else {}
