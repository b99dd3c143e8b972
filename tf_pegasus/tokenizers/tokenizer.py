"""The common part of the Python tokenizers: all but the conversion of text to pieces and back."""

from collections.abc import Iterable
from typing import Any, ClassVar

from tf_pegasus.tokenizers.batch_encoding import BatchEncoding
from tf_pegasus.tokenizers.call_options import CallOptions
from tf_pegasus.tokenizers.decoding import DecodingMixin
from tf_pegasus.tokenizers.encoding import Encoding
from tf_pegasus.tokenizers.moved_names import MovedNamesMixin
from tf_pegasus.tokenizers.named_tokens import tokens_without_reserved_ids
from tf_pegasus.tokenizers.older_calls import OlderCallsMixin
from tf_pegasus.tokenizers.options import TokenizerOptions
from tf_pegasus.tokenizers.padding import as_rows
from tf_pegasus.tokenizers.row_builder import RowBuilder
from tf_pegasus.tokenizers.row_layouts import OneRow, RowLayout, Sample
from tf_pegasus.tokenizers.samples import as_samples
from tf_pegasus.tokenizers.segmentation import Source
from tf_pegasus.tokenizers.special_tokens import special_tokens
from tf_pegasus.tokenizers.tokenizer_files import CONFIG_NAMES, TokenizerFilesMixin
from tf_pegasus.tokenizers.tokenizer_json import StoredToken
from tf_pegasus.tokenizers.truncation import truncated


class PegasusTokenizerBase(OlderCallsMixin, DecodingMixin, TokenizerFilesMixin, MovedNamesMixin):
    """Converts texts to ids and back, with the names of `transformers`.

    Subclasses handle the pieces: they implement `_text_ids`, `_text_pieces`, `_blank_characters`,
    `_ids_text`, `_piece_id`, `_piece` and `vocab_size`, and the class method `_from_directory`.

    Args:
        options: `TokenizerOptions`; each is an attribute of the tokenizer, except
            `additional_special_tokens`, which lists all current special tokens.
        added_tokens: the `StoredToken`s in the file of the vocabulary.

    Raises:
        ValueError: if two special tokens share a spelling.
    """

    model_input_names = ("input_ids", "attention_mask")
    is_fast: ClassVar[bool] = False

    offset: int
    newline_token: str | None
    special_tokens_in_text: str
    model_max_length: int | None
    padding_side: str
    truncation_side: str
    clean_up_tokenization_spaces: bool
    # How samples become rows.
    _layout: ClassVar[RowLayout] = OneRow()

    def __init__(self, options: TokenizerOptions, added_tokens: Iterable[StoredToken] = ()):
        for name in CONFIG_NAMES:
            setattr(self, name, getattr(options, name))
        self.special_tokens = special_tokens(options)
        self._start_table()
        self.restore_added_tokens(added_tokens)
        self.add_tokens(tokens_without_reserved_ids(options), special_tokens=True)
        self.add_tokens(list(options.additional_special_tokens or ()), special_tokens=True)

    @property
    def init_kwargs(self) -> dict[str, Any]:
        """dict, a copy of the constructor's arguments, except for the vocabulary."""
        return self.get_config()

    @property
    def max_len_single_sentence(self) -> int | None:
        """int, `model_max_length` without eos; None without a limit."""
        if self.model_max_length is None:
            return None
        return self.model_max_length - self.num_special_tokens_to_add()

    @property
    def max_len_sentences_pair(self) -> int | None:
        """int, `model_max_length` without the eos of a pair; None without a limit."""
        return self.max_len_single_sentence

    # Texts to ids

    def __call__(
        self,
        text: Any = None,
        text_pair: Any = None,
        text_target: Any = None,
        text_pair_target: Any = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        is_split_into_words: bool = False,
        pad_to_multiple_of: int | None = None,
        return_tensors: str | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool = False,
        return_length: bool = False,
        verbose: bool = True,
        *,
        padding_side: str | None = None,
        truncation_side: str | None = None,
    ) -> BatchEncoding:
        """Tokenizes one or several texts; each row ends with eos.

        Args:
            text: str; list of str; or list of pairs of str. With `is_split_into_words=True`,
                lists of words instead of str.
            text_pair: like `text`, texts that follow each text before eos. PEGASUS does not use
                it.
            text_target, text_pair_target: summaries: without `text` they are tokenized like
                `text` and `text_pair`; with `text`, their ids become `labels`.
            add_special_tokens: bool, whether to append eos.
            padding: False, True or `"longest"` (of the batch), or `"max_length"`.
            truncation: False, True or `"longest_first"`, `"only_first"`, `"only_second"`;
                by default True if `max_length` is given and `padding` is not.
            max_length: int, in tokens; by default `model_max_length`.
            stride: int, with `return_overflowing_tokens=True`, how many tokens before the cut are
                repeated in what overflows.
            is_split_into_words: bool, whether texts are lists of words, each of which is
                tokenized alone.
            pad_to_multiple_of: int, the padded length is rounded up to a multiple of it.
            return_tensors: `"np"`, `"tf"` (int32; needs equal lengths) or None (lists).
            return_token_type_ids: bool, whether to return `token_type_ids`, all 0.
            return_attention_mask: bool, by default True.
            return_overflowing_tokens: bool. With `PegasusTokenizer`, the ids that are cut off
                are in `overflowing_tokens`, their number (negative for shorter texts) in
                `num_truncated_tokens`. With `PegasusTokenizerFast`, they become further rows, and
                `overflow_to_sample_mapping` has the number of each row's text.
            return_special_tokens_mask: bool, whether to return 1 for special tokens and 0 for
                others in `special_tokens_mask`. Those that a text spells count with
                `PegasusTokenizer`, unless `add_special_tokens=False`, but not with
                `PegasusTokenizerFast`.
            return_offsets_mapping: bool, whether to return in `offset_mapping` where in its text
                (or word) each token begins and ends, in characters, without white space before
                it; (0, 0) for eos and padding.
            return_length: bool, whether to return the number of ids of each row in `length`, with
                `PegasusTokenizerFast` including padding.
            verbose: bool, whether to show warnings; there are none.
            padding_side, truncation_side: `"right"` or `"left"`; by default the tokenizer's.

        Returns:
            `BatchEncoding` with `input_ids` and the requested entries, `(batch, length)`; for one
            text without `return_tensors`, `(length,)`.

        Raises:
            TypeError: if a text is not a str, or a list of words.
            ValueError: if options are invalid or cannot be combined.
        """
        call = CallOptions(
            add_special_tokens=add_special_tokens,
            padding=padding,
            truncation=truncation,
            max_length=max_length,
            stride=stride,
            is_split_into_words=is_split_into_words,
            pad_to_multiple_of=pad_to_multiple_of,
            padding_side=padding_side,
            truncation_side=truncation_side,
            return_tensors=return_tensors,
            return_token_type_ids=bool(return_token_type_ids),
            return_attention_mask=return_attention_mask is not False,
            return_overflowing_tokens=return_overflowing_tokens,
            return_special_tokens_mask=return_special_tokens_mask,
            return_offsets_mapping=return_offsets_mapping,
            return_length=return_length,
            verbose=verbose,
        ).resolved(self)
        _check_given(text, text_pair, text_target, text_pair_target)
        if text is None:
            return self._encoded(text_target, text_pair_target, call)
        if text_target is not None and return_overflowing_tokens and self.is_fast:
            raise ValueError(
                "return_overflowing_tokens=True: the rows of text and of text_target would not "
                "correspond; tokenize them in two calls"
            )
        encoding = self._encoded(text, text_pair, call)
        if text_target is not None:
            encoding["labels"] = self._encoded(text_target, text_pair_target, call)["input_ids"]
        return encoding

    def _encoded(self, text: Any, text_pair: Any, call: CallOptions) -> BatchEncoding:
        samples = as_samples(text, text_pair, call.is_split_into_words)
        builder = RowBuilder(self, self._layout, call)
        sources = [Source(self, samples.firsts, call.is_split_into_words)]
        if samples.seconds is not None:
            sources.append(Source(self, samples.seconds, call.is_split_into_words))
        ids = [source.ids for source in sources]
        pairs = [Sample(*sample, *[None] * (2 - len(ids))) for sample in zip(*ids, strict=True)]
        rows = builder.rows(pairs)
        entries = builder.entries(rows, pairs)

        def encodings() -> list[Encoding]:
            return builder.encodings(rows, [source.pieces for source in sources])

        if call.return_offsets_mapping:
            entries["offset_mapping"] = [encoding.offsets for encoding in encodings()]
        entries = builder.padded(entries)
        widths = [len(row) for row in entries["input_ids"]]
        is_single = samples.is_one and call.return_tensors is None
        return BatchEncoding(
            self._layout.single(entries, call) if is_single else entries,
            lambda: builder.padded_encodings(encodings(), widths),
            call.return_tensors,
            is_fast=self.is_fast,
        )

    def pad(
        self,
        encoded_inputs: Any,
        padding: bool | str = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | None = None,
        verbose: bool = True,
        *,
        padding_side: str | None = None,
    ) -> BatchEncoding:
        """Pads encodings; see `__call__` for the arguments.

        Args:
            encoded_inputs: dict with `input_ids`, of one row or several; or a list of dicts
                of one row each. The entries in `PADDING_VALUES`, such as `labels`, are padded; a
                given `attention_mask` is kept.

        Returns:
            `BatchEncoding`.

        Raises:
            ValueError: if there are no `input_ids`, rows have different entries, or an
                `attention_mask` does not have the length of its ids.
        """
        call = CallOptions(
            padding=padding,
            truncation=False,
            max_length=max_length,
            pad_to_multiple_of=pad_to_multiple_of,
            padding_side=padding_side,
            return_tensors=return_tensors,
            return_attention_mask=return_attention_mask is not False,
            verbose=verbose,
        ).resolved(self)
        encoding = as_rows(encoded_inputs)
        ids = encoding["input_ids"]
        is_one = bool(ids) and not isinstance(ids[0], list)
        if is_one:
            encoding = {name: [rows] for name, rows in encoding.items()}
        if call.return_attention_mask:
            encoding.setdefault("attention_mask", [[1] * len(row) for row in encoding["input_ids"]])
        else:
            encoding.pop("attention_mask", None)
        padded = RowBuilder(self, self._layout, call).padded(encoding)
        if is_one and return_tensors is None:
            padded = {name: rows[0] for name, rows in padded.items()}
        return BatchEncoding(padded, tensor_type=return_tensors, is_fast=self.is_fast)

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """Returns the ids of each text as lists of int that end with eos."""
        return [[*ids, self.eos_token_id] for ids in self._plain_ids(list(texts))]

    def truncate(self, ids: list[int], max_length: int) -> list[int]:
        """Truncates ids to `max_length` at `truncation_side`, with eos as the last id."""
        if len(ids) <= max_length:
            return ids
        # Without the eos at the end.
        kept = truncated(len(ids) - 1, max_length - 1, self.truncation_side)
        return [*ids[kept], self.eos_token_id]

    def tokenize(
        self, text: str, pair: str | None = None, add_special_tokens: bool = False
    ) -> list[str]:
        """Returns the tokens of a text, or of a pair, without eos unless it is asked for."""
        rows = self._plain_ids([text] if pair is None else [text, pair])
        tokens = [self._token(index) for row in rows for index in row]
        return [*tokens, self.eos_token] if add_special_tokens else tokens


def _check_given(text, text_pair, text_target, text_pair_target):
    if text is None and text_target is None:
        raise ValueError("text is missing: give text, text_target, or both")
    if text is None and text_pair is not None:
        raise ValueError("text_pair needs text, which is missing")
    if text_target is None and text_pair_target is not None:
        raise ValueError("text_pair_target needs text_target, which is missing")
