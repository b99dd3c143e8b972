"""Tokenizing runs of unknown characters in linear time.

sentencepiece joins consecutive unknown characters into one piece by copying that piece at each of
them, which takes time quadratic in the length of the run. With byte fallback it does not join
them. Texts are therefore tokenized with a copy of the vocabulary that has byte fallback. Byte
pieces take no part in the segmentation, which stays the same; each run of byte pieces is then
replaced by one `<unk>`.
"""

import itertools
from typing import NamedTuple

from sentencepiece import sentencepiece_model_pb2

from tf_pegasus.tokenizers.vocabulary_check import BYTE_PIECES

_Kind = sentencepiece_model_pb2.ModelProto.SentencePiece
_RESERVED = (_Kind.CONTROL, _Kind.UNKNOWN, _Kind.BYTE)


class Twin(NamedTuple):
    """A copy of a vocabulary with byte fallback.

    Fields:
        model_proto: bytes, the serialized sentencepiece model; the byte pieces come last.
        first_byte_id: int, id of the first byte piece, the number of pieces of the vocabulary.
        unk_id: int, the id of `<unk>`.
    """

    model_proto: bytes
    first_byte_id: int
    unk_id: int

    def without_bytes(self, ids: list[int]) -> list[int]:
        """Returns the ids of the original vocabulary."""
        if not ids or max(ids) < self.first_byte_id:
            return ids
        return [index for index, _, _ in self.without_byte_spans([(i, 0, 0) for i in ids])]

    def without_byte_spans(self, spans: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
        """Does the same for tuples of an id, and the start and end of its text."""
        kept: list[tuple[int, int, int]] = []
        for is_byte, group in itertools.groupby(spans, lambda span: span[0] >= self.first_byte_id):
            run = list(group)
            kept += [(self.unk_id, run[0][1], run[-1][2])] if is_byte else run
        return kept


def byte_fallback_twin(model_proto: bytes) -> Twin | None:
    """Returns the copy of a vocabulary with byte fallback.

    Returns None if the vocabulary has byte fallback already, or cannot have it because its control
    pieces are spelled like byte pieces.
    """
    model = sentencepiece_model_pb2.ModelProto.FromString(model_proto)
    kinds = [piece.type for piece in model.pieces]
    reserved = {piece.piece for piece in model.pieces if piece.type in _RESERVED}
    if model.trainer_spec.byte_fallback or not reserved.isdisjoint(BYTE_PIECES):
        return None
    twin = Twin(b"", len(kinds), kinds.index(_Kind.UNKNOWN))
    model.trainer_spec.byte_fallback = True
    # It says what the vocabulary's own ids are.
    model.ClearField("self_test_data")
    for spelling in sorted(BYTE_PIECES):
        model.pieces.add(piece=spelling, type=_Kind.BYTE)
    return twin._replace(model_proto=model.SerializeToString())
