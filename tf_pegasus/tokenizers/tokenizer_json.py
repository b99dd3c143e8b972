"""Reads `tokenizer.json`, the file of the `tokenizers` library, without the library."""

import base64
from pathlib import Path
from typing import NamedTuple

from sentencepiece import sentencepiece_model_pb2

from tf_pegasus.tokenizers.special_tokens import (
    SENTENCEPIECE_EOS,
    SENTENCEPIECE_PAD,
    SENTENCEPIECE_UNK,
    SpecialTokens,
)
from tf_pegasus.utils.files import read_json_object

TOKENIZER_FILE = "tokenizer.json"

_KINDS = sentencepiece_model_pb2.ModelProto.SentencePiece


class StoredToken(NamedTuple):
    """A token of a file that was added to a vocabulary.

    Fields:
        content: str, its spelling.
        token_id: int, its id.
        special: bool, whether decoding may leave it out.
    """

    content: str
    token_id: int
    special: bool


class TokenizerJson(NamedTuple):
    """The contents of a `tokenizer.json`.

    Fields:
        model_proto: bytes of the sentencepiece model with its pieces and rules.
        added_tokens: tuple of `StoredToken`, without reserved tokens and user-defined pieces of
            the vocabulary.
    """

    model_proto: bytes
    added_tokens: tuple[StoredToken, ...]


def read_tokenizer_json(path: str | Path, table: SpecialTokens) -> TokenizerJson:
    """Reads a PEGASUS tokenizer from a `tokenizer.json`.

    The two mask tokens may be swapped in the file: `transformers` 5 writes them so when it
    converts the file of an older version. No text of a released model contains them.

    Args:
        path: path of the file.
        table: the special tokens that the file must have, with their ids.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if it is damaged, of another kind, or has other special tokens than `table`;
            the message names file and field.
    """
    path = Path(path)
    reader = _FieldReader(path)
    state = read_json_object(path)
    model = reader.get(state, "model", dict)
    kind = reader.get(model, "model.type", str)
    if kind != "Unigram":
        raise ValueError(f"{str(path)!r} is a {kind} tokenizer, but PEGASUS needs Unigram")
    vocab = [
        reader.scored_piece(entry, f"model.vocab[{index}]")
        for index, entry in enumerate(reader.get(model, "model.vocab", list))
    ]
    _check_special_tokens(path, [piece for piece, _ in vocab], table)
    has_bytes = reader.get(model, "model.byte_fallback", bool, False)
    # The same entries as in the file: id, spelling, whether it is special.
    stored = [
        reader.added_token(entry, f"added_tokens[{index}]")
        for index, entry in enumerate(reader.get(state, "added_tokens", list, []))
    ]
    control = {token.content for token in stored if token.special}
    proto = sentencepiece_model_pb2.ModelProto()
    own = [*vocab[:SENTENCEPIECE_UNK], *vocab[table.unk_token_id :]]
    for index, (piece, score) in enumerate(own):
        kind = _piece_kind(index, piece, score, has_bytes, control)
        proto.pieces.add(piece=piece, score=score, type=kind)
    _set_trainer(proto, has_bytes)
    charsmap = reader.charsmap(state)
    if charsmap:
        proto.normalizer_spec.precompiled_charsmap = charsmap
    # An added token that is also a piece has the piece's score, which is never 0.
    made = {piece for piece, score in own if score == 0.0} | table.ids.keys()
    added = tuple(token for token in stored if token.content not in made)
    return TokenizerJson(proto.SerializeToString(), added)


def _check_special_tokens(path, pieces, table):
    places = dict(table.ids)
    if table.offset and pieces[2:4] == [table.mask_token, table.mask_token_sent]:
        places |= {table.mask_token: 2, table.mask_token_sent: 3}
    for token, index in places.items():
        found = pieces[index] if index < len(pieces) else None
        if found != token:
            raise ValueError(
                f"{str(path)!r} has {found!r} at model.vocab[{index}] instead of {token!r}: "
                f"its special tokens differ, or its offset is not {table.offset}"
            )


def _piece_kind(index, piece, score, has_bytes, control):
    """Returns a piece's type: user-defined pieces have the score 0, learned ones never do."""
    if index <= SENTENCEPIECE_UNK:
        return _KINDS.UNKNOWN if index == SENTENCEPIECE_UNK else _KINDS.CONTROL
    if has_bytes and piece.startswith("<0x") and len(piece) == 6:
        return _KINDS.BYTE
    if score != 0.0:
        return _KINDS.NORMAL
    return _KINDS.CONTROL if piece in control else _KINDS.USER_DEFINED


def _set_trainer(proto, has_bytes):
    trainer = proto.trainer_spec
    trainer.byte_fallback = has_bytes
    trainer.vocab_size = len(proto.pieces)
    trainer.bos_id, trainer.pad_id = -1, SENTENCEPIECE_PAD
    trainer.eos_id, trainer.unk_id = SENTENCEPIECE_EOS, SENTENCEPIECE_UNK
    trainer.pad_piece, trainer.eos_piece = proto.pieces[0].piece, proto.pieces[1].piece
    trainer.unk_piece = proto.pieces[2].piece


_REQUIRED = object()


class _FieldReader:
    """Reads fields of a JSON file, with errors that name the damaged field."""

    def __init__(self, path):
        self._path = path

    def damaged(self, field, expected, found):
        return ValueError(
            f"{str(self._path)!r} is damaged or not a tokenizer: {field} must be {expected}, "
            f"got {found!r:.60}"
        )

    def get(self, values, field, kind, default=_REQUIRED):
        """Returns the value at the last part of `field`; its default if it is None or missing."""
        value = values.get(field.rpartition(".")[2])
        if value is None and default is not _REQUIRED:
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.damaged(field, f"of the type {kind.__name__}", value)
        return value

    def scored_piece(self, entry, field):
        if (
            not isinstance(entry, list)
            or len(entry) != 2
            or not isinstance(entry[0], str)
            or not isinstance(entry[1], (int, float))
            or isinstance(entry[1], bool)
        ):
            raise self.damaged(field, "a piece and its score", entry)
        # The numbers and texts of JSON that a proto has no form for.
        try:
            entry[0].encode("utf-8")
            return entry[0], float(entry[1])
        except (UnicodeEncodeError, OverflowError) as error:
            raise self.damaged(field, "a text of Unicode and a float", entry) from error

    def added_token(self, entry, field):
        if not isinstance(entry, dict):
            raise self.damaged(field, "of the type dict", entry)
        if self.get(entry, f"{field}.single_word", bool, False):
            raise self.damaged(f"{field}.single_word", "false, others are not supported", True)
        return StoredToken(
            self.get(entry, f"{field}.content", str),
            self.get(entry, f"{field}.id", int),
            self.get(entry, f"{field}.special", bool, False),
        )

    def charsmap(self, state):
        """Returns sentencepiece's normalization rules from the step that has them, or None."""
        normalizer = self.get(state, "normalizer", dict, {})
        steps = self.get(normalizer, "normalizer.normalizers", list, [normalizer])
        for index, step in enumerate(steps):
            field = f"normalizer.normalizers[{index}]"
            if not isinstance(step, dict):
                raise self.damaged(field, "of the type dict", step)
            encoded = self.get(step, f"{field}.precompiled_charsmap", str, "")
            if not encoded:
                continue
            try:
                return base64.b64decode(encoded, validate=True)
            except ValueError as error:
                name = f"{field}.precompiled_charsmap"
                raise self.damaged(name, "base64", encoded) from error
        return None
