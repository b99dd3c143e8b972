"""The common part of the Python tokenizers: all but the conversion of text to pieces and back."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tf_pegasus.tokenizers.batch_encoding import BatchEncoding
from tf_pegasus.tokenizers.options import TokenizerOptions
from tf_pegasus.tokenizers.padding import PADDING_VALUES, as_tensor, widen_rows
from tf_pegasus.tokenizers.special_tokens import special_tokens
from tf_pegasus.tokenizers.tokenizer_files import CONFIG_NAMES, TokenizerFilesMixin
from tf_pegasus.tokenizers.tokenizer_json import AddedToken
from tf_pegasus.tokenizers.truncation import as_pairs, truncate_pair

TRUNCATIONS = (True, False, None, "longest_first", "only_first", "only_second", "do_not_truncate")
PADDINGS = (True, False, "longest", "max_length", "do_not_pad")

# Word-level corpora separate these by spaces, which `transformers` removes.
_CLEAN_UP = (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're")


class PegasusTokenizerBase(TokenizerFilesMixin):
    """Converts texts to ids and back, with the names of `transformers`.

    Subclasses handle the pieces: they implement `_text_ids`, `_ids_text`, `_piece_id`,
    `_piece` and `vocab_size`, and the class method `_from_directory`.

    Args:
        options: `TokenizerOptions`; each is an attribute of the tokenizer, except
            `additional_special_tokens`, which lists all current special tokens.
        added_tokens: the `AddedToken`s in the file of the vocabulary.

    Raises:
        ValueError: if two special tokens share a spelling.
    """

    model_input_names = ("input_ids", "attention_mask")

    offset: int
    newline_token: str | None
    special_tokens_in_text: str
    model_max_length: int | None
    clean_up_tokenization_spaces: bool

    def __init__(self, options: TokenizerOptions, added_tokens: Iterable[AddedToken] = ()):
        for name in CONFIG_NAMES:
            setattr(self, name, getattr(options, name))
        self.special_tokens = special_tokens(options)
        self._start_table()
        self.restore_added_tokens(added_tokens)
        self.add_tokens(list(options.additional_special_tokens or ()), special_tokens=True)

    # Texts to ids

    def __call__(
        self,
        text: Any = None,
        text_pair: Any = None,
        text_target: Any = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        return_tensors: str | None = None,
        return_attention_mask: bool = True,
        return_special_tokens_mask: bool = False,
    ) -> BatchEncoding:
        """Tokenizes one or several texts; each row ends with eos.

        Args:
            text: str; list of str; or list of pairs of str.
            text_pair: like `text`, texts that follow each text before eos. PEGASUS does not use
                it.
            text_target: summaries: without `text` they are tokenized like `text`; with `text`,
                their ids become `labels`.
            add_special_tokens: bool, whether to append eos.
            padding: False, True or `"longest"` (of the batch), or `"max_length"`.
            truncation: False, True or `"longest_first"`, `"only_first"`, `"only_second"`;
                by default True if `max_length` is given and `padding` is not.
            max_length: int, in tokens; by default `model_max_length`.
            pad_to_multiple_of: int, the padded length is rounded up to a multiple of it.
            return_tensors: `"np"`, `"tf"` (int32; needs equal lengths) or None (lists).
            return_attention_mask, return_special_tokens_mask: bool.

        Returns:
            `BatchEncoding` with `input_ids` and the requested masks and labels, `(batch,
            length)`; for one str without `return_tensors`, `(length,)`.

        Raises:
            TypeError: if a text is not a str.
            ValueError: if options are invalid or cannot be combined.
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
        firsts, seconds = as_pairs([text] if is_one else text, [text_pair] if is_one else text_pair)
        rows = []
        for first, second in zip(
            self._plain_ids(firsts),
            [None] * len(firsts) if seconds is None else self._plain_ids(seconds),
            strict=True,
        ):
            if truncation:
                ends = self.num_special_tokens_to_add() if add_special_tokens else 0
                first, second = truncate_pair(first, second, max_length - ends, truncation)
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
            raise ValueError("max_length must be given: this tokenizer has no model_max_length")
        return padding, truncation, max_length

    def pad(
        self,
        encoded_inputs: Any,
        padding: bool | str = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        return_attention_mask: bool = True,
        return_tensors: str | None = None,
    ) -> BatchEncoding:
        """Pads encodings; see `__call__` for the arguments.

        Args:
            encoded_inputs: dict with `input_ids`, of one row or several; or a list of dicts
                of one row each. `special_tokens_mask` and `labels` are padded too.

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
            value = PADDING_VALUES.get(name, self.pad_token_id)
            padded[name] = widen_rows(rows, value, width) if padding else rows
        if return_tensors is None:
            if is_one:
                padded = {name: rows[0] for name, rows in padded.items()}
            return BatchEncoding(padded)
        return BatchEncoding(
            {name: as_tensor(name, rows, return_tensors) for name, rows in padded.items()}
        )

    def encode(
        self,
        text: str,
        text_pair: str | None = None,
        add_special_tokens: bool = True,
        **options: Any,
    ) -> list[int]:
        """Returns the ids of one text (or pair); see `__call__` for the options."""
        options = {"return_attention_mask": False, **options}
        return self(text, text_pair, None, add_special_tokens, **options)["input_ids"]

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """Returns the ids of each text as lists of int that end with eos."""
        return [[*ids, self.eos_token_id] for ids in self._plain_ids(list(texts))]

    def truncate(self, ids: list[int], max_length: int) -> list[int]:
        """Truncates ids to `max_length`, with eos as the last id."""
        if len(ids) <= max_length:
            return ids
        return [*ids[: max_length - 1], self.eos_token_id]

    def tokenize(self, text: str) -> list[str]:
        """Returns the tokens of a text, without eos."""
        return [self._token(index) for index in self._plain_ids([text])[0]]

    def _plain_ids(self, texts):
        """Returns the ids of each text, without eos.

        Special and added tokens in a text get their ids; the text between them is split into
        pieces.
        """
        segments, owners = [], []
        for owner, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(f"a text must be a str, got {type(text).__name__}: {text!r:.80}")
            if self.newline_token:
                text = text.replace("\n", self.newline_token)
            for segment in [text] if self._splitting is None else self._splitting.split(text):
                segments.append(segment)
                owners.append(owner)
        # One call for all segments, so that the library uses all cores.
        text_ids = iter(self._text_ids([s for s in segments if s not in self._found]))
        rows = [[] for _ in texts]
        for segment, owner in zip(segments, owners, strict=True):
            spelled = self._found.get(segment)
            rows[owner] += next(text_ids) if spelled is None else [spelled]
        return rows

    def build_inputs_with_special_tokens(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """Returns `X </s>`, or `A B </s>` for a pair."""
        return [*token_ids_0, *(token_ids_1 or ()), self.eos_token_id]

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """Returns 1, for eos."""
        return 1

    def get_special_tokens_mask(
        self,
        token_ids_0: Sequence[int],
        token_ids_1: Sequence[int] | None = None,
        already_has_special_tokens: bool = False,
    ) -> list[int]:
        """Returns 1 for each special id (except `<unk>`), 0 for others.

        Eos is appended to the ids first, unless they have it already.
        """
        special = self._special_ids - {self.unk_token_id}
        mask = [int(index in special) for index in (*token_ids_0, *(token_ids_1 or ()))]
        return mask if already_has_special_tokens else [*mask, 1]

    # Tokens and ids

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Joins tokens to text."""
        return self._joined(self.convert_tokens_to_ids(list(tokens)))

    # Ids to texts

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> str:
        """Converts ids to text.

        Args:
            token_ids: int, sequence of int, or a 1-D array or tensor.
            skip_special_tokens: bool, whether to leave out ids that are not text: special
                tokens, and ids beyond the vocabulary (a model's embedding may be larger).
            clean_up_tokenization_spaces: bool, whether to remove spaces before `.?!,` and
                English contractions; defaults to the tokenizer's option.

        Raises:
            ValueError: if an id is negative or, with skip_special_tokens=False, beyond the
                vocabulary.
        """
        ids = [int(index) for index in np.asarray(token_ids).reshape(-1)]
        if ids and min(ids) < 0:
            raise ValueError(f"ids contain {min(ids)}, an id is at least 0")
        if skip_special_tokens:
            end = len(self)
            ids = [index for index in ids if index < end and index not in self._special_ids]
        elif ids and max(ids) >= len(self):
            raise ValueError(f"ids contain {max(ids)}, the vocabulary ends at {len(self) - 1}")
        text = self._joined(ids)
        if clean_up_tokenization_spaces is None:
            clean_up_tokenization_spaces = self.clean_up_tokenization_spaces
        return _cleaned_up(text) if clean_up_tokenization_spaces else text

    def batch_decode(
        self,
        sequences: Iterable[Any],
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> list[str]:
        """Returns the result of `decode` for each row of `sequences`."""
        return [
            self.decode(row, skip_special_tokens, clean_up_tokenization_spaces) for row in sequences
        ]

    def _joined(self, ids):
        """Returns the text, with added tokens separated by spaces, but not reserved ones."""
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


def _cleaned_up(text):
    for apart in _CLEAN_UP:
        text = text.replace(apart, apart.strip())
    return text
