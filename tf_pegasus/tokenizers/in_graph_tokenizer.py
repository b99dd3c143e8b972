"""The in-graph tokenizer: a Keras layer that maps strings to ids and back, based on tf-text."""

import base64
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import keras
import tensorflow as tf

from tf_pegasus.tokenizers.loading import load_tokenizer
from tf_pegasus.tokenizers.options import SIDES, TokenizerOptions
from tf_pegasus.tokenizers.sentencepiece_tokenizer import PegasusTokenizer
from tf_pegasus.tokenizers.special_tokens import (
    found_in_text,
    special_tokens,
    splitting_pattern,
)
from tf_pegasus.tokenizers.unknown_runs import byte_fallback_twin
from tf_pegasus.tokenizers.vocabulary_check import check_vocabulary
from tf_pegasus.utils.compat import sentencepiece_tokenizer

# A byte that no UTF-8 text contains.
_MARK = b"\xff"
# The options that matter in a graph.
_OPTIONS = tuple(
    name
    for name in TokenizerOptions.option_names()
    if name not in ("additional_special_tokens", "clean_up_tokenization_spaces")
)
# Those that may be changed later, as attributes.
_CHANGEABLE = ("model_max_length", "padding_side", "truncation_side")


@keras.saving.register_keras_serializable(package="tf_pegasus")
class TFPegasusTokenizer(keras.layers.Layer):
    """Tokenizes in the graph, with the same ids as `PegasusTokenizer`.

    Args:
        model_proto: bytes of the sentencepiece model, or their base64 encoding as a str.
        added_tokens: dict from added token to id.
        special_added_tokens: list of str, the added tokens that `detokenize` leaves out.
        nbest_size, alpha: parameters of subword regularization (Kudo, 2018); 0 and 1.0 disable
            it.
        **kwargs: see `TokenizerOptions` (all but `additional_special_tokens` and
            `clean_up_tokenization_spaces`); and arguments of `keras.layers.Layer`.

    Raises:
        TypeError: `model_proto` is neither bytes nor str.
        ValueError: `model_proto` is no sentencepiece model, or an option is out of range.

    Example:
        >>> tokenizer = TFPegasusTokenizer.from_pretrained(path)
        >>> inputs = tokenizer(tf.constant(["A text.", "Another text."]))
        >>> tokenizer.detokenize(inputs["input_ids"])
    """

    def __init__(
        self,
        model_proto: bytes | str,
        *,
        added_tokens: dict[str, int] | None = None,
        special_added_tokens: Sequence[str] = (),
        nbest_size: int = 0,
        alpha: float = 1.0,
        **kwargs: Any,
    ):
        options = TokenizerOptions(**{n: kwargs.pop(n) for n in _OPTIONS if n in kwargs})
        super().__init__(**kwargs)
        self.model_proto = _decoded(model_proto) if isinstance(model_proto, str) else model_proto
        if not isinstance(self.model_proto, bytes):
            raise TypeError(
                "model_proto must be the bytes of a sentencepiece model, got "
                f"{type(model_proto).__name__}: TFPegasusTokenizer.from_tokenizer takes a tokenizer"
            )
        check_vocabulary(self.model_proto, "model_proto")
        self.token_config = {
            **{name: getattr(options, name) for name in _OPTIONS},
            "added_tokens": dict(added_tokens or {}),
            "special_added_tokens": list(special_added_tokens),
            "nbest_size": nbest_size,
            "alpha": alpha,
        }
        self.newline_token = options.newline_token
        for name in _CHANGEABLE:
            setattr(self, name, getattr(options, name))
        self.offset = options.offset
        self.special_tokens = special_tokens(options)
        self.added_tokens = self.token_config["added_tokens"]
        spelled = found_in_text(
            self.special_tokens,
            self.added_tokens,
            special_added_tokens,
            options.special_tokens_in_text,
        )
        # Like Python's engine, RE2 takes the first alternative that matches.
        self._splitting_pattern = splitting_pattern(spelled)
        self._twin = byte_fallback_twin(self.model_proto)
        used = self.model_proto if self._twin is None else self._twin.model_proto
        try:
            self._sentencepiece = sentencepiece_tokenizer(
                used, out_type=tf.int32, nbest_size=nbest_size, alpha=alpha
            )
        except tf.errors.OpError as error:
            message = f"model_proto is not a sentencepiece model: {error.message}"
            raise ValueError(message) from error
        if spelled:
            self._spelled_table = _table(list(spelled), list(spelled.values()), -1)
        shown = {
            token: index
            for token, index in self.added_tokens.items()
            if token not in self.token_config["special_added_tokens"]
        }
        # With an entry that never matches, because a table must not be empty.
        self._shown_table = _table([*shown.values(), -1], [*shown, ""], "")
        self._has_shown = bool(shown)
        self.built = True

    @classmethod
    def from_tokenizer(cls, tokenizer: PegasusTokenizer, **kwargs: Any) -> Self:
        """Creates the layer from a `PegasusTokenizer`, including its added tokens."""
        config = tokenizer.get_config()
        config.pop("clean_up_tokenization_spaces")
        sampling = config.pop("sp_model_kwargs", {})
        if sampling.get("enable_sampling"):
            config.update({n: sampling[n] for n in ("nbest_size", "alpha") if n in sampling})
        return cls(
            tokenizer.model_proto,
            **{
                **config,
                "added_tokens": tokenizer.get_added_vocab(),
                "special_added_tokens": tokenizer.special_added_tokens,
                **kwargs,
            },
        )

    @classmethod
    def from_pretrained(cls, path: str | Path, **kwargs: Any) -> Self:
        """Loads the tokenizer of a directory; see `load_tokenizer`."""
        return cls.from_tokenizer(load_tokenizer(path), **kwargs)

    @property
    def vocabulary_size(self) -> int:
        """int, number of ids, including reserved and added ones: `len(PegasusTokenizer)`."""
        added = [index + 1 for index in self.added_tokens.values()]
        return max([self._piece_count + self.offset, *added])

    @property
    def _piece_count(self):
        if self._twin is None:
            return int(self._sentencepiece.vocab_size())
        return self._twin.first_byte_id

    def tokenize(self, texts: Any) -> tf.RaggedTensor:
        """Maps strings `(batch,)` to ids; each row ends with eos.

        Returns:
            `tf.RaggedTensor` of int32 `(batch, None)`.
        """
        texts = tf.convert_to_tensor(texts, tf.string)
        if texts.shape.rank not in (1, None):
            raise ValueError(f"texts must have the shape (batch,), got {texts.shape}")
        if self.newline_token:
            texts = tf.strings.regex_replace(texts, "\n", re.escape(self.newline_token))
        if self._splitting_pattern is None:
            pieces = self._pieces(texts) + self.offset
            eos = tf.fill([pieces.nrows(), 1], self.special_tokens.eos_token_id)
            return tf.concat([pieces, eos], axis=1)
        # tf_text.regex_split would stop at a NUL byte.
        marked = tf.strings.regex_replace(texts, self._splitting_pattern, _MARK + rb"\1" + _MARK)
        # Alternating segments of text and special tokens: (batch, None)
        segments = tf.strings.split(marked, _MARK)
        special_ids = self._spelled_table.lookup(segments.values)
        is_special = special_ids >= 0
        pieces = self._pieces(tf.where(is_special, "", segments.values))
        special = tf.RaggedTensor.from_row_lengths(
            tf.boolean_mask(special_ids, is_special), tf.cast(is_special, tf.int64)
        )
        # Each segment has either pieces or one special id: (segments, None)
        ids = tf.concat([pieces + self.offset, special], axis=1)
        ids = segments.with_values(ids).merge_dims(1, 2)  # (batch, None)
        eos = tf.fill([ids.nrows(), 1], self.special_tokens.eos_token_id)
        return tf.concat([ids, eos], axis=1)

    def _pieces(self, texts):
        """sentencepiece ids of strings: ragged `(texts, None)`."""
        pieces = self._sentencepiece.tokenize(texts)
        if self._twin is None:
            return pieces
        # As `Twin.without_bytes`: of a run of bytes, the first becomes `<unk>`.
        ids, rows = pieces.values, pieces.value_rowids()
        is_byte = ids >= self._twin.first_byte_id
        continues = is_byte[1:] & is_byte[:-1] & (rows[1:] == rows[:-1])
        is_kept = tf.concat([tf.ones_like(is_byte[:1]), ~continues], axis=0)
        pieces = pieces.with_values(tf.where(is_byte, self._twin.unk_id, ids))
        return tf.ragged.boolean_mask(pieces, pieces.with_values(is_kept))

    def __call__(self, texts: Any, *arguments: Any, **options: Any) -> Any:
        """Tokenizes a list of str, or a tensor as `call` does."""
        if isinstance(texts, (str, bytes)):
            raise TypeError(f"texts must be a list of str or a tensor, got {texts!r:.60}")
        # Keras accepts only tensors.
        if isinstance(texts, (list, tuple)):
            texts = tf.convert_to_tensor(texts, tf.string)
        return super().__call__(texts, *arguments, **options)

    def call(self, texts: Any) -> dict[str, tf.Tensor]:
        """Tokenizes texts and pads the ids.

        Args:
            texts: string `(batch,)`.

        Returns:
            dict of int32 `(batch, length)`: `input_ids` and `attention_mask`, padded to the
            longest row at `padding_side`, and truncated to `model_max_length` at
            `truncation_side` if that is set, keeping eos.
        """
        ids = self.tokenize(texts)
        if self.model_max_length is not None:
            ids = self.truncate(ids, self.model_max_length)
        return {
            "input_ids": self._padded(ids, self.special_tokens.pad_token_id),
            "attention_mask": self._padded(tf.ones_like(ids), 0),
        }

    def _padded(self, rows, value):
        """Returns ragged rows `(batch, None)` as a tensor."""
        _check_side("padding_side", self.padding_side)
        if self.padding_side == "right":
            return rows.to_tensor(value)
        return rows[:, ::-1].to_tensor(value)[:, ::-1]

    def truncate(self, ids: tf.RaggedTensor, max_length: int) -> tf.RaggedTensor:
        """Truncates ragged ids to `max_length` at `truncation_side`, with eos as the last id."""
        _check_side("truncation_side", self.truncation_side)
        if self.truncation_side == "left":
            # Rows end with eos already.
            return ids[:, -max_length:]
        # Slices and masks of ragged tensors would make hundreds of ops of this.
        lengths, starts = ids.row_lengths(), ids.row_starts()
        kept = tf.minimum(lengths, max_length)
        positions = tf.ragged.range(starts, starts + kept)
        cut = positions.with_values(tf.gather(ids.values, positions.values))
        last = tf.boolean_mask(cut.row_limits() - 1, lengths > max_length)
        eos = tf.fill(tf.shape(last), self.special_tokens.eos_token_id)
        return cut.with_values(tf.tensor_scatter_nd_update(cut.values, last[:, None], eos))

    def detokenize(self, ids: Any) -> tf.Tensor:
        """Maps ids `(batch, length)`, dense or ragged, to strings `(batch,)`.

        Leaves out ids that are not text: special tokens, and ids beyond the vocabulary (a model's
        embedding may be larger).
        """
        if not isinstance(ids, tf.RaggedTensor):
            ids = tf.RaggedTensor.from_tensor(tf.convert_to_tensor(ids))
        ids = tf.cast(ids, tf.int32)
        vocab_size = self._piece_count + self.offset
        is_text = (ids >= self.special_tokens.first_text_id) & (ids < vocab_size)
        if not self._has_shown:
            return self._text(tf.ragged.boolean_mask(ids, is_text))
        spellings = ids.with_values(self._shown_table.lookup(ids.values))
        is_shown = spellings.with_values(spellings.values != "")
        kept = tf.ragged.boolean_mask(ids, is_text | is_shown)
        return self._text_around(kept, self._shown_table.lookup(kept.values))

    def _text(self, ids):
        """Returns strings `(rows,)` of ragged ids of pieces."""
        text = self._sentencepiece.detokenize(ids - self.offset)
        if self.newline_token:
            text = tf.strings.regex_replace(text, re.escape(self.newline_token), "\n")
        return tf.strings.regex_replace(text, "^ +| +$", "")

    def _text_around(self, ids, spellings):
        """Returns strings `(rows,)` of ragged ids with added tokens.

        `spellings` are those of the added tokens, and empty for other ids. Added tokens are
        separated by spaces from the text of the pieces between them.
        """
        rows = ids.value_rowids()
        is_added = spellings != ""
        # A segment begins at the start of a row, at an added token, and after one: (ids,)
        starts = tf.concat(
            [
                tf.ones_like(is_added[:1]),
                is_added[1:] | is_added[:-1] | (rows[1:] != rows[:-1]),
            ],
            axis=0,
        )
        segments = tf.RaggedTensor.from_value_rowids(
            ids.values, tf.cumsum(tf.cast(starts, tf.int64)) - 1
        )
        first = tf.where(starts)[:, 0]
        spellings = tf.gather(spellings, first)
        pieces = tf.ragged.boolean_mask(segments, segments.with_values(~is_added))
        text = tf.where(spellings != "", spellings, self._text(pieces))
        rows = tf.gather(rows, first)
        filled = text != ""
        parts = tf.RaggedTensor.from_value_rowids(
            tf.boolean_mask(text, filled), tf.boolean_mask(rows, filled), ids.nrows()
        )
        return tf.strings.reduce_join(parts, axis=1, separator=" ")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "model_proto": base64.b64encode(self.model_proto).decode("ascii"),
            **self.token_config,
            **{name: getattr(self, name) for name in _CHANGEABLE},
        }


def _check_side(name, side):
    if side not in SIDES:
        raise ValueError(f"{name}={side!r} must be one of {SIDES}")


def _decoded(model_proto):
    try:
        return base64.b64decode(model_proto, validate=True)
    except ValueError as error:
        raise ValueError(f"model_proto={model_proto!r:.40} must be bytes, or base64") from error


def _table(keys, values, default):
    keys = tf.constant(keys, tf.string if isinstance(keys[0], str) else tf.int32)
    values = tf.constant(values, tf.string if isinstance(default, str) else tf.int32)
    return tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(keys, values), default_value=default
    )
