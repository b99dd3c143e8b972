"""Checks a sentencepiece model in Python, before any native library sees it.

sentencepiece, tensorflow-text and the `tokenizers` library trust a vocabulary: a piece with a NUL
or of a megabyte, or a character map that leads astray, ends the process. They only see what has
been checked here, so that they need not be right about the rest.
"""

import hashlib
import itertools
from collections import Counter, deque
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError
from sentencepiece import sentencepiece_model_pb2

from tf_pegasus.tokenizers.character_map import check_character_map

# PEGASUS' has 1.9 MB and 96,000 pieces. A parsed piece takes 50 bytes, even if it is empty.
_MAX_BYTES = 16 * 2**20
_MAX_PIECES = 1_000_000
# The search takes time in proportion to the longest piece, the trie's builder stack.
_MAX_PIECE_BYTES = 1_024
# sentencepiece looks for those of the type USER_DEFINED in a text, and has room for 64 of them that
# begin at the same place.
_MAX_USER_DEFINED_PREFIXES = 32
# Sums of scores of a long text must be finite. BPE has ranks as scores, to -_MAX_PIECES.
_MAX_SCORE = 1e9
# They are tokenized whenever the model is loaded.
_MAX_SELF_TEST_BYTES = 100_000

_Model = sentencepiece_model_pb2.ModelProto
_Kind = _Model.SentencePiece
_USER_DEFINED = _Kind.USER_DEFINED
_UNIGRAM = sentencepiece_model_pb2.TrainerSpec.UNIGRAM
_BPE = sentencepiece_model_pb2.TrainerSpec.BPE
_SPACE = "▁"
BYTE_PIECES = {f"<0x{byte:02X}>" for byte in range(256)}
# Digests of models that have passed: the layer of a tokenizer has the tokenizer's.
_passed: deque[bytes] = deque(maxlen=16)
_RESERVED = (_Kind.UNKNOWN, _Kind.CONTROL, _Kind.BYTE)


def check_vocabulary(model_proto: bytes, name: str) -> None:
    """Checks that a sentencepiece model is safe to load and to use.

    Args:
        model_proto: bytes of the model.
        name: str, where they are from, for messages.

    Raises:
        ValueError: they are no sentencepiece model, or one that could harm; the message has
            `name` and what is wrong.
    """
    digest = hashlib.sha256(model_proto).digest()
    if digest in _passed:
        return
    try:
        _check(model_proto)
    except ValueError as error:
        raise ValueError(f"{name!r} is not a sentencepiece model: {error}") from error
    _passed.append(digest)


def _check(model_proto):
    if not model_proto:
        raise ValueError("it is empty")
    if len(model_proto) > _MAX_BYTES:
        raise ValueError(f"it has {len(model_proto)} bytes, a vocabulary at most {_MAX_BYTES}")
    try:
        model = _Model.FromString(model_proto)
    except DecodeError as error:
        raise ValueError("it is damaged, or another kind of file") from error
    _check_pieces(model)
    trainer = model.trainer_spec
    for field in ("unk_surface", "unk_piece", "bos_piece", "eos_piece", "pad_piece"):
        _check_text(getattr(trainer, field), f"trainer_spec.{field}")
    for field in ("normalizer_spec", "denormalizer_spec"):
        blob = getattr(model, field).precompiled_charsmap
        if blob:
            try:
                check_character_map(blob)
            except ValueError as error:
                raise ValueError(f"{field}.precompiled_charsmap is damaged: {error}") from error
    tested = model.self_test_data.ByteSize()
    if tested > _MAX_SELF_TEST_BYTES:
        raise ValueError(
            f"self_test_data has {tested} bytes, at most {_MAX_SELF_TEST_BYTES} are read"
        )


def read_vocabulary(path: Path) -> bytes:
    """Reads a file that should be a sentencepiece model, but not one that is far too large.

    Raises:
        ValueError: it is larger than any vocabulary.
    """
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError(
            f"{str(path)!r} is not a sentencepiece model: it has {path.stat().st_size} bytes, "
            f"a vocabulary at most {_MAX_BYTES}"
        )
    return content


def _check_pieces(model):
    if len(model.pieces) > _MAX_PIECES:
        raise ValueError(f"it has {len(model.pieces)} pieces, a vocabulary at most {_MAX_PIECES}")
    entries = [(piece.piece, piece.type, piece.score) for piece in model.pieces]
    texts, kinds, scores = zip(*entries, strict=True) if entries else ((), (), ())
    # All at once, since a vocabulary has a hundred thousand.
    is_text = set(map(type, texts)) == {str} and all(texts)
    if not is_text or "\0" in "".join(texts) or max(map(len, texts)) > _MAX_PIECE_BYTES // 4:
        for index, text in enumerate(texts):
            _check_text(text, f"pieces[{index}]")
            if not text:
                raise ValueError(f"pieces[{index}] is empty")
    # NaN is no smaller number either.
    bad = np.flatnonzero(~(np.abs(np.array(scores)) <= _MAX_SCORE))
    if len(bad):
        raise ValueError(
            f"pieces[{bad[0]}] has the score {scores[bad[0]]}, which must be between "
            f"{-_MAX_SCORE:g} and {_MAX_SCORE:g}"
        )
    unknown = kinds.count(_Kind.UNKNOWN)
    if unknown != 1:
        raise ValueError(f"{unknown} of its pieces are of the type UNKNOWN, one must be")
    _check_bytes(texts, kinds, model.trainer_spec.byte_fallback)
    if _Kind.UNUSED in kinds and model.trainer_spec.model_type == _BPE:
        raise ValueError("pieces of the type UNUSED are none that tensorflow-text's BPE can read")
    if model.trainer_spec.model_type != _UNIGRAM:
        _check_control(texts, kinds)
    _check_prefixes(text for text, kind in zip(texts, kinds, strict=True) if kind == _USER_DEFINED)
    is_reserved = [kind in _RESERVED for kind in kinds]
    for spelled in (
        list(itertools.compress(texts, is_reserved)),
        [text for text, reserved in zip(texts, is_reserved, strict=True) if not reserved],
    ):
        if len(set(spelled)) < len(spelled):
            twice = next(text for text, count in Counter(spelled).items() if count > 1)
            raise ValueError(f"two of its pieces are {twice!r:.80}")


def _check_control(texts, kinds):
    """Raises where a text is split into a control piece, at which tensorflow-text fails.

    Only unigram models leave these pieces out.
    """
    normal = {text for text, kind in zip(texts, kinds, strict=True) if kind == _Kind.NORMAL}
    for index, (text, kind) in enumerate(zip(texts, kinds, strict=True)):
        if kind == _Kind.CONTROL and (len(text) == 1 or _SPACE in text or text in normal):
            raise ValueError(
                f"pieces[{index}], {text!r:.80}, is of the type CONTROL, but may be a part of a "
                "text, which tensorflow-text's BPE cannot read"
            )


def _check_prefixes(texts):
    """Raises where one text begins with too many of the others."""
    prefixes: list[str] = []
    # Sorted, those that begin with a text follow it.
    for text in sorted(texts):
        while prefixes and not text.startswith(prefixes[-1]):
            prefixes.pop()
        prefixes.append(text)
        if len(prefixes) > _MAX_USER_DEFINED_PREFIXES:
            raise ValueError(
                f"{len(prefixes)} of its pieces of the type USER_DEFINED are prefixes of one "
                f"another, at most {_MAX_USER_DEFINED_PREFIXES} may be: {text!r:.80}"
            )


def _check_bytes(texts, kinds, has_fallback):
    found = {text for text, kind in zip(texts, kinds, strict=True) if kind == _Kind.BYTE}
    if found != (BYTE_PIECES if has_fallback else set()):
        raise ValueError(
            f"{len(found)} of its pieces are of the type BYTE; with trainer_spec.byte_fallback "
            "they must be <0x00> to <0xFF>, without there must be none"
        )


def _check_text(text, path):
    # The proto's Python side gives bytes that are not UTF-8 as they are.
    if not isinstance(text, str):
        raise ValueError(f"{path} is not UTF-8: {text!r:.80}")
    if "\0" in text:
        raise ValueError(f"{path} has a NUL character: {text!r:.80}")
    size = len(text.encode("utf-8"))
    if size > _MAX_PIECE_BYTES:
        raise ValueError(f"{path} has {size} bytes, at most {_MAX_PIECE_BYTES} are read")
