"""The tokenizer that reads and writes `tokenizer.json`, the `tokenizers` library's file."""

import base64
import inspect
import json
from pathlib import Path

from tf_pegasus.tokenizers.sentencepiece_tokenizer import VOCAB_FILE, PegasusTokenizer
from tf_pegasus.tokenizers.special_tokens import (
    SENTENCEPIECE_EOS,
    SENTENCEPIECE_PAD,
    SENTENCEPIECE_UNK,
    special_tokens,
)
from tf_pegasus.utils.extras import require
from tf_pegasus.utils.files import write_text_atomically

TOKENIZER_FILE = "tokenizer.json"

# In the file the reserved tokens are pieces, which no text should ever be split into.
_NEVER = -100.0


class PegasusTokenizerFast(PegasusTokenizer):
    """`PegasusTokenizer`'s surface and ids, from and to `tokenizer.json`.

    The `tokenizers` library reads, checks and writes the file (`backend_tokenizer`); the ids
    come from sentencepiece, given the file's pieces and rules. The library's own search sums
    in another precision and normalizes grapheme by grapheme, and so differs from
    sentencepiece: in 51 of 105,096 texts of the demo corpus, and in 2 % of wild Unicode.

    Args:
        vocab_file: path of a sentencepiece unigram model, to make a tokenizer from.
        tokenizer_file: path of a `tokenizer.json`; where both are given, this is read.
        pad_token, eos_token, unk_token, mask_token, mask_token_sent,
        additional_special_tokens, offset, sp_model_kwargs, newline_token,
        model_max_length, clean_up_tokenization_spaces: see `PegasusTokenizer`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: none of the two files is given; it is none of that kind; it has other
            ids, or the tokens collide.
        ImportError: `tokenizers` is not installed.
    """

    def __init__(
        self,
        vocab_file=None,
        tokenizer_file=None,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        mask_token="<mask_2>",
        mask_token_sent="<mask_1>",
        additional_special_tokens=None,
        offset=103,
        sp_model_kwargs=None,
        newline_token=None,
        model_max_length=None,
        clean_up_tokenization_spaces=False,
    ):
        self._library = require("tokenizers", "fast")
        if vocab_file is None and tokenizer_file is None:
            raise ValueError("vocab_file or tokenizer_file is needed")
        self._state = None
        if tokenizer_file is not None:
            table = special_tokens(
                pad_token, eos_token, unk_token, mask_token, mask_token_sent, offset
            )
            self._state = _read_state(self._library, Path(tokenizer_file), table)
        super().__init__(
            vocab_file if tokenizer_file is None else tokenizer_file,
            pad_token=pad_token,
            eos_token=eos_token,
            unk_token=unk_token,
            mask_token=mask_token,
            mask_token_sent=mask_token_sent,
            additional_special_tokens=additional_special_tokens,
            offset=offset,
            sp_model_kwargs=sp_model_kwargs,
            newline_token=newline_token,
            model_max_length=model_max_length,
            clean_up_tokenization_spaces=clean_up_tokenization_spaces,
        )
        added = (self._state or {}).get("added_tokens", ())
        added = [token for token in added if not _is_piece(token)]
        self.add_tokens([token["content"] for token in added])
        special = [token["content"] for token in added if token["special"]]
        self.add_tokens(special, special_tokens=True)

    def _read_proto(self, path):
        if self._state is None:
            return super()._read_proto(path)
        return _sentencepiece_model(self._state, self.offset)

    @property
    def backend_tokenizer(self):
        """The `tokenizers.Tokenizer` that `tokenizer.json` describes."""
        return _library_tokenizer(self._library, self)

    def save_pretrained(self, save_directory):
        """Writes `tokenizer.json` beside what `PegasusTokenizer.save_pretrained` writes."""
        super().save_pretrained(save_directory)
        text = self.backend_tokenizer.to_str(pretty=True)
        write_text_atomically(Path(save_directory) / TOKENIZER_FILE, text + "\n")

    @classmethod
    def _argument_names(cls):
        return tuple(inspect.signature(cls).parameters)[2:]

    @classmethod
    def _from_directory(cls, directory, config):
        files = {"vocab_file": directory / VOCAB_FILE, "tokenizer_file": directory / TOKENIZER_FILE}
        present = {name: path for name, path in files.items() if path.is_file()}
        if not present:
            raise FileNotFoundError(
                f"neither {TOKENIZER_FILE} nor {VOCAB_FILE} in {str(directory)!r}: the "
                "vocabulary is missing"
            )
        return cls(**{**present, **config})


def _read_state(library, path, table):
    """Reads a `tokenizer.json` as a dict.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the library refuses it, or it has other special tokens than `table`.
    """
    if not path.is_file():
        raise FileNotFoundError(f"tokenizer_file={str(path)!r}: no such file")
    try:
        state = json.loads(library.Tokenizer.from_str(path.read_text(encoding="utf-8")).to_str())
    # The library raises plain Exception.
    except Exception as error:
        raise ValueError(f"{str(path)!r} is damaged or no tokenizer: {error}") from error
    model = state["model"]
    if model["type"] != "Unigram":
        raise ValueError(f"{str(path)!r} is a {model['type']} tokenizer, PEGASUS' is Unigram")
    vocab = [piece for piece, _ in model["vocab"]]
    for token, index in table.ids.items():
        found = vocab[index] if index < len(vocab) else None
        if found != token:
            raise ValueError(
                f"{str(path)!r} has {found!r} at {index}, where {token!r} should be: other "
                f"tokens than these, or another offset than {table.offset}"
            )
    return state


def _is_piece(added_token):
    """Whether a file's added token is a piece that the vocabulary's maker asked for: such are
    looked for in normalized text, ones that were added later in the text as it is."""
    return added_token["normalized"] and not added_token["special"]


def _sentencepiece_model(state, offset):
    """The serialized sentencepiece model with a `tokenizer.json`'s pieces and rules."""
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()
    kinds = sentencepiece_model_pb2.ModelProto.SentencePiece
    vocab = state["model"]["vocab"]
    unsplit = {token["content"] for token in state["added_tokens"] if _is_piece(token)}
    has_bytes = bool(state["model"].get("byte_fallback"))
    for index, (piece, score) in enumerate([*vocab[:2], *vocab[offset + 2 :]]):
        kind = kinds.NORMAL
        if index == SENTENCEPIECE_UNK:
            kind = kinds.UNKNOWN
        elif index < SENTENCEPIECE_UNK:
            kind = kinds.CONTROL
        elif piece in unsplit:
            kind = kinds.USER_DEFINED
        elif has_bytes and piece.startswith("<0x") and len(piece) == 6:
            kind = kinds.BYTE
        proto.pieces.add(piece=piece, score=score, type=kind)
    trainer = proto.trainer_spec
    trainer.byte_fallback = has_bytes
    trainer.vocab_size = len(proto.pieces)
    trainer.bos_id, trainer.pad_id = -1, SENTENCEPIECE_PAD
    trainer.eos_id, trainer.unk_id = SENTENCEPIECE_EOS, SENTENCEPIECE_UNK
    trainer.pad_piece, trainer.eos_piece = proto.pieces[0].piece, proto.pieces[1].piece
    trainer.unk_piece = proto.pieces[2].piece
    normalizer = state.get("normalizer") or {}
    for part in normalizer.get("normalizers", [normalizer]):
        if part.get("precompiled_charsmap"):
            charsmap = base64.b64decode(part["precompiled_charsmap"])
            proto.normalizer_spec.precompiled_charsmap = charsmap
    return proto.SerializeToString()


def _library_tokenizer(library, tokenizer):
    """Makes a `tokenizers.Tokenizer` in the form in which `transformers` has PEGASUS'."""
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto.FromString(tokenizer.model_proto)
    if proto.trainer_spec.model_type != sentencepiece_model_pb2.TrainerSpec.UNIGRAM:
        raise ValueError("tokenizer.json can hold unigram models only, which PEGASUS' are")
    user_defined = sentencepiece_model_pb2.ModelProto.SentencePiece.USER_DEFINED
    table = tokenizer.special_tokens
    reserved = sorted((index, token) for token, index in table.ids.items())[:-1]
    vocab = [(token, 0.0 if index < 4 else _NEVER) for index, token in reserved]
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
    for token, is_special, normalized in added:
        made.add_tokens([library.AddedToken(token, special=is_special, normalized=normalized)])
    return made
