"""The older methods that tokenize, from before tokenizers could be called."""

from collections.abc import Sequence
from typing import Any

from tf_pegasus.config.base import check_names
from tf_pegasus.tokenizers.batch_encoding import BatchEncoding
from tf_pegasus.tokenizers.call_options import CallOptions
from tf_pegasus.tokenizers.eos_template import EosTemplateMixin
from tf_pegasus.tokenizers.padding import as_lists
from tf_pegasus.tokenizers.row_builder import RowBuilder
from tf_pegasus.tokenizers.row_layouts import OneRow, Sample
from tf_pegasus.tokenizers.segmentation import SegmentationMixin


class OlderCallsMixin(EosTemplateMixin, SegmentationMixin):
    """`encode`, `encode_plus`, `batch_encode_plus` and `prepare_for_model`."""

    model_max_length: int | None
    padding_side: str
    truncation_side: str

    def __call__(self, *arguments: Any, **options: Any) -> BatchEncoding:
        """Tokenizes one or several texts."""
        raise NotImplementedError

    def encode(
        self, text: Any, text_pair: Any = None, add_special_tokens: bool = True, **options: Any
    ) -> Any:
        """Returns the `input_ids` of one text (or pair); see `encode_plus`."""
        return self.encode_plus(text, text_pair, add_special_tokens, **options)["input_ids"]

    def encode_plus(
        self, text: Any, text_pair: Any = None, add_special_tokens: bool = True, **options: Any
    ) -> BatchEncoding:
        """Tokenizes one text (or pair).

        Args:
            text: str, or a list of words with `is_split_into_words=True`; or a list of tokens,
                or of ids, see `prepare_for_model`.
            text_pair: None, or in the form of `text`.
            add_special_tokens: bool, whether to append eos.
            **options: see `__call__`.

        Raises:
            TypeError: if `text` is something else, or an option is unknown.
            ValueError: if options are invalid.
        """
        options = {**options, "add_special_tokens": add_special_tokens}
        if options.get("is_split_into_words") or isinstance(text, str):
            return self(text, text_pair, **options)
        return self.prepare_for_model(
            self._given_ids("text", text),
            None if text_pair is None else self._given_ids("text_pair", text_pair),
            prepend_batch_axis=True,
            **options,
        )

    def batch_encode_plus(
        self, batch_text_or_text_pairs: Any, add_special_tokens: bool = True, **options: Any
    ) -> BatchEncoding:
        """Tokenizes a list of texts, or of pairs; see `__call__` for the options.

        Raises:
            TypeError: if it is no list of texts, or an option is unknown.
            ValueError: if options are invalid.
        """
        if isinstance(batch_text_or_text_pairs, str):
            raise TypeError(
                "batch_text_or_text_pairs must be a list, got the str "
                f"{batch_text_or_text_pairs!r:.60}: call the tokenizer with one text"
            )
        return self(batch_text_or_text_pairs, add_special_tokens=add_special_tokens, **options)

    def prepare_for_model(
        self,
        ids: Sequence[int],
        pair_ids: Sequence[int] | None = None,
        add_special_tokens: bool = True,
        *,
        prepend_batch_axis: bool = False,
        **options: Any,
    ) -> BatchEncoding:
        """Truncates the ids of a text (or pair), appends eos, and pads them.

        Args:
            ids, pair_ids: lists of int without eos, as from `convert_tokens_to_ids`.
            add_special_tokens: bool, whether to append eos.
            prepend_batch_axis: bool, whether arrays and tensors are `(1, length)` instead of
                `(length,)`.
            **options: see `__call__`. What is cut off is in `overflowing_tokens`, also with
                `PegasusTokenizerFast`.

        Raises:
            TypeError: if ids are not int, or an option is unknown.
            ValueError: if options are invalid, or need a text.
        """
        names = [name for name in CallOptions.__dataclass_fields__ if name != "add_special_tokens"]
        check_names(options, names, "option of prepare_for_model")
        call = CallOptions(add_special_tokens=add_special_tokens, **options).resolved(self)
        for name in ("is_split_into_words", "return_offsets_mapping"):
            if getattr(call, name):
                raise ValueError(f"{name}=True needs a text, got ids")
        second = None if pair_ids is None else _checked_ids("pair_ids", pair_ids)
        samples = [Sample(_checked_ids("ids", ids), second)]
        layout = OneRow()
        builder = RowBuilder(self, layout, call)
        entries = builder.padded(builder.entries(builder.rows(samples), samples))
        return BatchEncoding(
            layout.single(entries, call),
            tensor_type=call.return_tensors,
            prepend_batch_axis=prepend_batch_axis,
        )

    def _given_ids(self, name, text):
        if isinstance(text, str):
            return self._plain_ids([text])[0]
        given = as_lists(text)
        if isinstance(given, list) and all(isinstance(token, str) for token in given):
            return self.convert_tokens_to_ids(given)
        return _checked_ids(name, given)


def _checked_ids(name, ids):
    listed = as_lists(ids)
    if not isinstance(listed, list) or not all(type(index) is int for index in listed):
        raise TypeError(f"{name} must be a list of int, got {ids!r:.60}")
    return listed
