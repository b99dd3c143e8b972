"""Trains a sentencepiece vocabulary."""

import io
import re
from collections.abc import Iterable
from pathlib import Path

import sentencepiece

from tf_pegasus.tokenizers.special_tokens import (
    SENTENCEPIECE_EOS,
    SENTENCEPIECE_PAD,
    SENTENCEPIECE_UNK,
)
from tf_pegasus.utils.files import write_bytes_atomically


def train_vocabulary(
    texts: Iterable[str],
    vocab_file: str | Path,
    vocab_size: int = 8000,
    newline_token: str | None = None,
) -> None:
    """Trains a unigram vocabulary (Kudo, 2018) with PEGASUS' ids and writes it.

    Args:
        texts: iterable of str.
        vocab_file: path to write.
        vocab_size: int, number of pieces, without reserved ids.
        newline_token: str or None, a piece to reserve for line breaks.

    Raises:
        ValueError: if the texts do not yield that many pieces; the message names the most that
            they do.
    """
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=(line for text in texts for line in text.split("\n") if line.strip()),
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
            character_coverage=0.9995,
            minloglevel=1,
        )
    except RuntimeError as error:
        largest = re.search(r"value <= (\d+)", str(error))
        if largest:
            raise ValueError(
                f"vocab_size={vocab_size} is too large for the texts: it must be at most "
                f"{largest[1]}"
            ) from error
        raise ValueError(f"vocab_size={vocab_size} cannot be trained: {error}") from error
    write_bytes_atomically(vocab_file, model.getvalue())
