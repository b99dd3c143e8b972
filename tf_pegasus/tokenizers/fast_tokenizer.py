"""The tokenizer that reads and writes `tokenizer.json`, the file of the `tokenizers` library."""

from pathlib import Path
from typing import Any, ClassVar

from tf_pegasus.config.foreign_arguments import SAVING_FAST_TOKENIZERS, check_foreign
from tf_pegasus.tokenizers.row_layouts import OverflowRows, RowLayout
from tf_pegasus.tokenizers.sentencepiece_tokenizer import PegasusTokenizer
from tf_pegasus.tokenizers.special_tokens import SENTENCEPIECE_UNK
from tf_pegasus.tokenizers.tokenizer_files import VOCAB_FILE
from tf_pegasus.tokenizers.tokenizer_json import TOKENIZER_FILE
from tf_pegasus.utils.extras import require
from tf_pegasus.utils.files import write_text_atomically

# The score of reserved tokens, which are pieces in the file but must never match a text.
_NEVER = -100.0


class PegasusTokenizerFast(PegasusTokenizer):
    """A `PegasusTokenizer`, with the same API and ids, that reads and writes `tokenizer.json`.

    The `tokenizers` library writes the file (`backend_tokenizer`); sentencepiece computes the ids
    from the pieces and rules in the file. The library's own search sums in another precision and
    normalizes grapheme by grapheme, so its ids differ from sentencepiece's: for 51 of 105,096 texts
    of the demo corpus, and for 2 % of random Unicode texts.

    Args:
        vocab_file: path of a sentencepiece unigram model.
        tokenizer_file: path of a `tokenizer.json`, which is used if both are given.
        **options: see `PegasusTokenizer`.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if neither file is given, the file is of another kind or has other ids, or
            tokens collide.
        TypeError: if an option is unknown.
    """

    vocabulary_files: ClassVar[tuple[str, ...]] = (TOKENIZER_FILE, VOCAB_FILE)
    is_fast: ClassVar[bool] = True
    _layout: ClassVar[RowLayout] = OverflowRows()

    def __init__(
        self,
        vocab_file: str | Path | None = None,
        tokenizer_file: str | Path | None = None,
        **options: Any,
    ):
        path = vocab_file if tokenizer_file is None else tokenizer_file
        if path is None:
            raise ValueError("vocab_file or tokenizer_file must be given")
        super().__init__(path, **options)

    @property
    def backend_tokenizer(self) -> Any:
        """The `tokenizers.Tokenizer` that `tokenizer.json` describes.

        Raises:
            ImportError: if `tokenizers` is not installed.
            ValueError: if the vocabulary is not a unigram model.
        """
        return _library_tokenizer(require("tokenizers", "fast"), self)

    def save_pretrained(self, save_directory: str | Path, **keywords: Any) -> None:
        """Writes the files of `PegasusTokenizer.save_pretrained` and `tokenizer.json`.

        Args:
            save_directory: path.
            **keywords: see `PegasusTokenizer.save_pretrained`.

        Raises:
            ImportError: if `tokenizers` is not installed.
            ValueError, TypeError: see `PegasusTokenizer.save_pretrained`.
        """
        check_foreign(keywords, SAVING_FAST_TOKENIZERS, "save_pretrained")
        # First, so that nothing is written if the library is missing.
        text = self.backend_tokenizer.to_str(pretty=True)
        super().save_pretrained(save_directory)
        write_text_atomically(Path(save_directory) / TOKENIZER_FILE, text + "\n")


def _library_tokenizer(library, tokenizer):
    """Returns a `tokenizers.Tokenizer` with the structure that `transformers` uses for PEGASUS."""
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto.FromString(tokenizer.model_proto)
    if proto.trainer_spec.model_type != sentencepiece_model_pb2.TrainerSpec.UNIGRAM:
        raise ValueError("tokenizer.json can hold only unigram models, such as those of PEGASUS")
    user_defined = sentencepiece_model_pb2.ModelProto.SentencePiece.USER_DEFINED
    table = tokenizer.special_tokens
    reserved = sorted((index, token) for token, index in table.ids.items())[:-1]
    vocab = [(token, 0.0 if index < 4 else _NEVER) for index, token in reserved]
    # Without a sentence mask, two ids before that of `<unk>` have no name.
    vocab += [(f"<no_{index}>", _NEVER) for index in range(len(vocab), table.unk_token_id)]
    vocab += [(tokenizer.unk_token, 0.0)]
    vocab += [(piece.piece, piece.score) for piece in proto.pieces[SENTENCEPIECE_UNK + 1 :]]
    made = library.Tokenizer(
        library.models.Unigram(
            vocab, table.unk_token_id, byte_fallback=proto.trainer_spec.byte_fallback
        )
    )
    normalizers, pre_tokenizers = library.normalizers, library.pre_tokenizers
    charsmap = proto.normalizer_spec.precompiled_charsmap
    steps = [normalizers.Precompiled(charsmap)] if charsmap else []
    spaces = normalizers.Replace(library.Regex(" {2,}"), " ")
    made.normalizer = normalizers.Sequence([*steps, spaces])
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    made.decoder = library.decoders.Metaspace(prepend_scheme="always")
    eos = tokenizer.eos_token
    made.post_processor = library.processors.TemplateProcessing(
        single=f"$A {eos}", pair=f"$A $B {eos}", special_tokens=[(eos, table.eos_token_id)]
    )
    special = tokenizer.special_added_tokens
    added = [(token, True, False) for _, token in reserved] + [(tokenizer.unk_token, True, False)]
    added += [(piece.piece, False, True) for piece in proto.pieces if piece.type == user_defined]
    added += [(token, token in special, False) for token in tokenizer.get_added_vocab()]
    # All at once, because each call rebuilds what finds them in a text.
    made.add_tokens(
        [
            library.AddedToken(token, special=is_special, normalized=normalized)
            for token, is_special, normalized in added
        ]
    )
    return made
