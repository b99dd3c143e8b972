"""Tokenizing runs of unknown characters in linear time.

sentencepiece joins consecutive unknown characters to one piece by copying what it has at each of
them, which takes time in proportion to the run's square. With byte fallback it joins nothing. So
texts are tokenized by a twin of the vocabulary that has byte fallback: the segmentation is the
same to the last bit, since byte pieces take no part in it, and each run of bytes then becomes the
one `<unk>` that it would have been.
"""

import itertools
from typing import NamedTuple

from sentencepiece import sentencepiece_model_pb2

from tf_pegasus.tokenizers.vocabulary_check import BYTE_PIECES

_Kind = sentencepiece_model_pb2.ModelProto.SentencePiece
_RESERVED = (_Kind.CONTROL, _Kind.UNKNOWN, _Kind.BYTE)


class Twin(NamedTuple):
    """A vocabulary's twin with byte fallback.

    Fields:
        model_proto: bytes of its sentencepiece model, whose further ids are bytes.
        first_byte_id: int, the first of those; as many pieces as the vocabulary has.
        unk_id: int, the id of `<unk>`.
    """

    model_proto: bytes
    first_byte_id: int
    unk_id: int

    def without_bytes(self, ids: list[int]) -> list[int]:
        """The ids that the vocabulary itself would have given."""
        if not ids or max(ids) < self.first_byte_id:
            return ids
        return [index for index, _, _ in self.without_byte_spans([(i, 0, 0) for i in ids])]

    def without_byte_spans(self, spans: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
        """The same of ids with the start and the end of what each stands for."""
        kept: list[tuple[int, int, int]] = []
        for is_byte, group in itertools.groupby(spans, lambda span: span[0] >= self.first_byte_id):
            run = list(group)
            kept += [(self.unk_id, run[0][1], run[-1][2])] if is_byte else run
        return kept


def byte_fallback_twin(model_proto: bytes) -> Twin | None:
    """Makes the twin of a vocabulary.

    None where that has byte fallback, and so needs none; or cannot have it, because pieces that
    are no text are spelled like bytes.
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
