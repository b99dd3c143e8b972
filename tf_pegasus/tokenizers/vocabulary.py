"""Trains a sentencepiece vocabulary."""

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import sentencepiece

from tf_pegasus.tokenizers.special_tokens import (
    SENTENCEPIECE_EOS,
    SENTENCEPIECE_PAD,
    SENTENCEPIECE_UNK,
)
from tf_pegasus.utils.files import write_bytes_atomically

CHARACTER_COVERAGE = 0.9995
# In characters, of at most four bytes: sentencepiece leaves out lines above 4,192 bytes.
_LONGEST_LINE = 1048
_BYTE_PIECES = 256


def train_vocabulary(
    texts: Iterable[str],
    vocab_file: str | Path,
    vocab_size: int = 8000,
    newline_token: str | None = None,
    byte_fallback: bool = False,
    character_coverage: float = CHARACTER_COVERAGE,
) -> None:
    """Trains a unigram vocabulary (Kudo, 2018) with PEGASUS' ids and writes it.

    The pieces 0, 1 and 2 are `<pad>`, `</s>` and `<unk>`; then come `newline_token` and the bytes,
    if there are any.

    Args:
        texts: iterable of str.
        vocab_file: path to write.
        vocab_size: int, number of pieces, without reserved ids.
        newline_token: str or None, a piece to reserve for line breaks.
        byte_fallback: bool, whether characters that are no pieces become their UTF-8 bytes, of
            256 more pieces, instead of `<unk>`.
        character_coverage: float from 0.98 to 1, the share of the texts' characters that
            become pieces; the rarest ones do not.

    Raises:
        ValueError: if the texts do not yield that many pieces, or more are needed; the message
            names the most or the fewest. Or if another argument is out of range.
    """
    reserved = SENTENCEPIECE_UNK + 1 + bool(newline_token) + _BYTE_PIECES * byte_fallback
    if not isinstance(vocab_size, int) or vocab_size <= reserved:
        raise ValueError(
            f"vocab_size={vocab_size!r} must be an int above {reserved}, the number of pieces that "
            "are no text"
        )
    if not 0.98 <= character_coverage <= 1:
        raise ValueError(f"character_coverage={character_coverage!r} must be from 0.98 to 1")
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_lines(texts),
            model_writer=model,
            model_type="unigram",
            vocab_size=vocab_size,
            pad_id=SENTENCEPIECE_PAD,
            eos_id=SENTENCEPIECE_EOS,
            unk_id=SENTENCEPIECE_UNK,
            bos_id=-1,
            pad_piece="<pad>",
            eos_piece="</s>",
            unk_piece="<unk>",
            user_defined_symbols=[newline_token] if newline_token else [],
            byte_fallback=byte_fallback,
            character_coverage=character_coverage,
            max_sentence_length=4 * _LONGEST_LINE,
            minloglevel=1,
        )
    except RuntimeError as error:
        raise ValueError(_reason(vocab_size, str(error))) from error
    write_bytes_atomically(vocab_file, model.getvalue())


def _reason(vocab_size, message):
    largest = re.search(r"value <= (\d+)", message)
    if largest:
        return (
            f"vocab_size={vocab_size} is too large for the texts: it must be at most {largest[1]}"
        )
    smallest = re.search(r"required_chars. \d+ vs (\d+)", message)
    if smallest:
        return (
            f"vocab_size={vocab_size} is too small for the texts' characters: it must be at least "
            f"{smallest[1]}, or character_coverage smaller"
        )
    return f"vocab_size={vocab_size} cannot be trained: {message}"


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """Yields the lines of texts, long ones in parts that end between words."""
    for text in texts:
        for line in text.split("\n"):
            start = 0
            while len(line) - start > _LONGEST_LINE:
                space = line.rfind(" ", start + 1, start + _LONGEST_LINE)
                end = space if space > 0 else start + _LONGEST_LINE
                yield line[start:end]
                start = end
            if line[start:].strip():
                yield line[start:]
