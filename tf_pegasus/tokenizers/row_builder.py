"""Builds the rows of a tokenizer's output."""

from collections.abc import Sequence

from tf_pegasus.tokenizers.alignment import Piece
from tf_pegasus.tokenizers.call_options import CallOptions
from tf_pegasus.tokenizers.encoding import Encoding
from tf_pegasus.tokenizers.eos_template import EosTemplateMixin
from tf_pegasus.tokenizers.padding import pad_encoding
from tf_pegasus.tokenizers.row_layouts import Row, RowLayout, Sample


class RowBuilder:
    """Makes rows of the ids of samples.

    Args:
        tokenizer: has the special tokens.
        layout: how samples become rows.
        call: resolved options.
    """

    def __init__(self, tokenizer: EosTemplateMixin, layout: RowLayout, call: CallOptions):
        self._tokenizer = tokenizer
        self._layout = layout
        self._call = call
        self._added = tokenizer.num_special_tokens_to_add() if call.add_special_tokens else 0
        # The ids that fit in a row, None for all.
        self._limit = None
        if call.truncation and call.max_length is not None:
            self._limit = call.max_length - self._added

    def rows(self, samples: list[Sample]) -> list[Row]:
        """Returns what each row holds of the samples."""
        return [
            Row(number, window)
            for number, sample in enumerate(samples)
            for window in self._layout.windows(sample, self._limit, self._call)
        ]

    def entries(self, rows: list[Row], samples: list[Sample]) -> dict[str, list]:
        """Returns the requested entries of rows, before padding."""
        ids = [self._ids(row, samples[row.sample]) for row in rows]
        entries = {"input_ids": ids}
        entries |= self._layout.further_entries(samples, rows, self._limit, self._call)
        if self._call.return_token_type_ids:
            entries["token_type_ids"] = [[0] * len(row) for row in ids]
        if self._call.return_special_tokens_mask:
            entries["special_tokens_mask"] = [self._special_mask(row) for row in ids]
        if self._call.return_length and not self._layout.length_has_padding:
            entries["length"] = [len(row) for row in ids]
        if self._call.return_attention_mask:
            entries["attention_mask"] = [[1] * len(row) for row in ids]
        return entries

    def _ids(self, row, sample):
        first, second = row.window.take(*sample)
        if not self._call.add_special_tokens:
            return first + (second or [])
        return self._tokenizer.build_inputs_with_special_tokens(first, second)

    def _special_mask(self, ids):
        if self._added and not self._layout.only_added_is_special:
            return self._tokenizer.get_special_tokens_mask(ids, already_has_special_tokens=True)
        return [0] * (len(ids) - self._added) + [1] * self._added

    def padded(self, entries: dict[str, list]) -> dict[str, list]:
        """Returns the entries of rows, padded if the call asks for it."""
        call = self._call
        entries = pad_encoding(
            entries, call.padding, call.max_length, call.pad_to_multiple_of, str(call.padding_side)
        )
        if call.return_length and self._layout.length_has_padding:
            entries["length"] = [len(row) for row in entries["input_ids"]]
        return entries

    def encodings(self, rows: list[Row], pieces: list[Sequence[list[Piece]]]) -> list[Encoding]:
        """Returns the `Encoding` of each row, before padding.

        Args:
            rows: what `rows` returned.
            pieces: the pieces of the first texts of all samples and, for pairs, those of the
                second texts.
        """
        return [self._encoding(row, [side[row.sample] for side in pieces]) for row in rows]

    def _encoding(self, row, sides):
        whole = Encoding()
        for sequence, (pieces, part) in enumerate(zip(sides, row.window, strict=False)):
            tokens = [self._tokenizer._token(piece.token_id) for piece in pieces[part]]
            whole += Encoding.of_pieces(pieces[part], tokens, sequence)
        if self._call.add_special_tokens:
            whole += Encoding.of_token(self._tokenizer.eos_token_id, self._tokenizer.eos_token)
        return whole

    def padded_encodings(self, encodings: list[Encoding], widths: list[int]) -> list[Encoding]:
        """Returns encodings that are padded to the widths of their rows."""
        padded = []
        for encoding, width in zip(encodings, widths, strict=True):
            padding = Encoding.of_token(
                self._tokenizer.pad_token_id,
                self._tokenizer.pad_token,
                width - len(encoding),
                attention=0,
            )
            is_left = self._call.padding_side == "left"
            padded.append(padding + encoding if is_left else encoding + padding)
        return padded
