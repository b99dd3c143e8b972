"""The tokenizer over Hugging Face's `tokenizers` library, which reads `tokenizer.json`."""

import base64
import inspect
import json
from pathlib import Path

import sentencepiece

from tf_pegasus.extras import require
from tf_pegasus.files import write_bytes_atomically, write_text_atomically
from tf_pegasus.tokenizers.sentencepiece_tokenizer import VOCAB_FILE, load_sentencepiece
from tf_pegasus.tokenizers.special_tokens import special_tokens
from tf_pegasus.tokenizers.tokenizer import PegasusTokenizerBase

TOKENIZER_FILE = "tokenizer.json"

_SPACE = "▁"
# In the file the reserved tokens are pieces, which no text should ever be split into.
_NEVER = -100.0
_UNIGRAM, _USER_DEFINED = 1, 4


class PegasusTokenizerFast(PegasusTokenizerBase):
    """`PegasusTokenizer`'s surface and ids, over `tokenizers`.

    Args:
        vocab_file: path of a sentencepiece unigram model, to make a tokenizer from.
        tokenizer_file: path of a `tokenizer.json`, to read instead.
        pad_token, eos_token, unk_token, mask_token, mask_token_sent,
        additional_special_tokens, offset, newline_token, model_max_length,
        clean_up_tokenization_spaces: see `PegasusTokenizerBase`.

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
        newline_token=None,
        model_max_length=None,
        clean_up_tokenization_spaces=False,
    ):
        tokenizers = require("tokenizers", "fast")
        if vocab_file is None and tokenizer_file is None:
            raise ValueError("vocab_file or tokenizer_file is needed")
        path = Path(tokenizer_file if tokenizer_file is not None else vocab_file)
        if not path.is_file():
            raise FileNotFoundError(f"{str(path)!r}: no such file")
        self.vocab_file = None if vocab_file is None else str(vocab_file)
        table = special_tokens(pad_token, eos_token, unk_token, mask_token, mask_token_sent, offset)
        if tokenizer_file is None:
            self._tokenizer = _converted(tokenizers, path, table)
        else:
            try:
                self._tokenizer = tokenizers.Tokenizer.from_str(path.read_text(encoding="utf-8"))
            # The library raises plain Exception.
            except Exception as error:
                raise ValueError(f"{str(path)!r} is damaged or no tokenizer: {error}") from error
        state = json.loads(self._tokenizer.to_str())
        self._check_ids(path, table, state)
        # The library's own normalizer looks at whole graphemes where sentencepiece does not,
        # and its splitter at all white space: given normalized text, the ids are the same.
        self._normalizer = _normalizer(state)
        self._pieces = tokenizers.Tokenizer(self._tokenizer.model)
        self._pieces.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace(prepend_scheme="never")
        self._vocab_size = len(state["model"]["vocab"])
        super().__init__(
            pad_token=pad_token,
            eos_token=eos_token,
            unk_token=unk_token,
            mask_token=mask_token,
            mask_token_sent=mask_token_sent,
            additional_special_tokens=additional_special_tokens,
            offset=offset,
            newline_token=newline_token,
            model_max_length=model_max_length,
            clean_up_tokenization_spaces=clean_up_tokenization_spaces,
        )
        for token in state["added_tokens"]:
            self.add_tokens(token["content"], special_tokens=token["special"])

    @staticmethod
    def _check_ids(path, table, state):
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

    @property
    def vocab_size(self):
        return self._vocab_size

    def _text_ids(self, texts):
        normalized = [self._normalizer.normalize(text) for text in texts]
        encodings = self._pieces.encode_batch(normalized, add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    def _ids_text(self, ids):
        text = ""
        for index in ids:
            piece = self._piece(index)
            # As sentencepiece: no white space at the beginning, however much there is.
            text += (
                piece.replace(_SPACE, " ") if text else piece.lstrip(_SPACE).replace(_SPACE, " ")
            )
        return text

    def _piece_id(self, token):
        index = self._pieces.token_to_id(token)
        return None if index is None or index <= self.unk_token_id else index

    def _piece(self, index):
        return self._pieces.id_to_token(index)

    def save_pretrained(self, save_directory):
        """Writes `tokenizer.json`, `tokenizer_config.json`, `special_tokens_map.json` and,
        where there are some, `added_tokens.json` and `spiece.model` into a directory."""
        directory = Path(save_directory)
        directory.mkdir(parents=True, exist_ok=True)
        tokenizers = require("tokenizers", "fast")
        full = tokenizers.Tokenizer.from_str(self._tokenizer.to_str())
        for token in self._added:
            special = token in self._added_special
            full.add_tokens([tokenizers.AddedToken(token, special=special, normalized=False)])
        write_text_atomically(directory / TOKENIZER_FILE, full.to_str(pretty=True) + "\n")
        if self.vocab_file is not None and Path(self.vocab_file).is_file():
            content = Path(self.vocab_file).read_bytes()
            write_bytes_atomically(directory / VOCAB_FILE, content)
        self._save_tables(directory)

    @classmethod
    def _argument_names(cls):
        return tuple(inspect.signature(cls).parameters)[2:]

    @classmethod
    def _from_directory(cls, directory, config):
        files = {"vocab_file": directory / VOCAB_FILE, "tokenizer_file": directory / TOKENIZER_FILE}
        present = {name: path for name, path in files.items() if path.is_file()}
        if not present:
            raise FileNotFoundError(
                f"neither {TOKENIZER_FILE} nor {VOCAB_FILE} in {str(directory)!r}: the vocabulary "
                "is missing"
            )
        return cls(**{**present, **config})


def _converted(tokenizers, path, table):
    """Makes a `tokenizers.Tokenizer` of a sentencepiece model, as `transformers` reads it."""
    from sentencepiece import sentencepiece_model_pb2

    content = path.read_bytes()
    load_sentencepiece(content, path)
    proto = sentencepiece_model_pb2.ModelProto.FromString(content)
    if proto.trainer_spec.model_type != _UNIGRAM:
        raise ValueError(f"{str(path)!r} is no unigram model, which PEGASUS' are")
    reserved = sorted(
        (index, token) for token, index in table.ids.items() if index != table.unk_token_id
    )
    best = max(piece.score for piece in proto.pieces if piece.type != _USER_DEFINED)
    vocab = [(token, 0.0 if index < 4 else _NEVER) for index, token in reserved]
    vocab += [(piece.piece, _score(piece, best)) for piece in proto.pieces[2:]]
    vocab[table.unk_token_id] = (
        next(t for t, i in table.ids.items() if i == table.unk_token_id),
        0,
    )
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.Unigram(
            vocab, table.unk_token_id, byte_fallback=proto.trainer_spec.byte_fallback
        )
    )
    spaces = tokenizers.normalizers.Replace(tokenizers.Regex(" {2,}"), " ")
    charsmap = proto.normalizer_spec.precompiled_charsmap
    normalizers = [tokenizers.normalizers.Precompiled(charsmap)] if charsmap else []
    tokenizer.normalizer = tokenizers.normalizers.Sequence([*normalizers, spaces])
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [
            tokenizers.pre_tokenizers.WhitespaceSplit(),
            tokenizers.pre_tokenizers.Metaspace(prepend_scheme="always"),
        ]
    )
    tokenizer.decoder = tokenizers.decoders.Metaspace(prepend_scheme="always")
    eos = reserved[1][1]
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"$A {eos}", pair=f"$A $B {eos}", special_tokens=[(eos, table.eos_token_id)]
    )
    tokenizer.add_special_tokens(
        [tokenizers.AddedToken(token, special=True, normalized=False) for token in table.ids]
    )
    return tokenizer


def _score(piece, best):
    # What sentencepiece gives a user's own piece, so that it is never split.
    return len(piece.piece) * best - 0.1 if piece.type == _USER_DEFINED else piece.score


def _normalizer(state):
    """sentencepiece's own normalizer, with the rules that a `tokenizer.json` holds."""
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()
    for part in _parts(state.get("normalizer")):
        if part["type"] == "Precompiled" and part.get("precompiled_charsmap"):
            charsmap = base64.b64decode(part["precompiled_charsmap"])
            proto.normalizer_spec.precompiled_charsmap = charsmap
    return sentencepiece.SentencePieceNormalizer(
        model_proto=proto.SerializeToString(),
        add_dummy_prefix=True,
        escape_whitespaces=True,
        remove_extra_whitespaces=True,
    )


def _parts(normalizer):
    if not normalizer:
        return []
    return normalizer.get("normalizers", [normalizer])
