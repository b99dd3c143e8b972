"""The Python tokenizer based on sentencepiece."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import sentencepiece

from tf_pegasus.config.foreign_arguments import SAVING_TOKENIZERS, check_foreign
from tf_pegasus.tokenizers.added_token import AddedToken, is_special, spelling
from tf_pegasus.tokenizers.alignment import RawPiece
from tf_pegasus.tokenizers.new_vocabulary import NewVocabularyMixin
from tf_pegasus.tokenizers.options import TokenizerOptions
from tf_pegasus.tokenizers.samples import check_unicode
from tf_pegasus.tokenizers.special_tokens import (
    SENTENCEPIECE_EOS,
    SENTENCEPIECE_PAD,
    SENTENCEPIECE_UNK,
    special_tokens,
)
from tf_pegasus.tokenizers.tokenizer import PegasusTokenizerBase
from tf_pegasus.tokenizers.tokenizer_files import VOCAB_FILE
from tf_pegasus.tokenizers.tokenizer_json import (
    TOKENIZER_FILE,
    StoredToken,
    read_tokenizer_json,
)
from tf_pegasus.tokenizers.unknown_runs import byte_fallback_twin
from tf_pegasus.tokenizers.vocabulary_check import check_vocabulary, read_vocabulary
from tf_pegasus.utils.files import write_bytes_atomically

# Characters from where on it matters that a run of unknown ones takes more than linear time; a
# second model in memory is not worth less.
_LONG = 20_000
# What sentencepiece writes for a space.
_SPACE = "▁"


class PegasusTokenizer(NewVocabularyMixin, PegasusTokenizerBase):
    """PEGASUS tokenizer (Kudo and Richardson, 2018; ids as in the released models).

    Args:
        vocab_file: path of the sentencepiece model (pad 0, eos 1, unk 2), or of a
            `tokenizer.json` that describes one.
        sp_model_kwargs: dict for `sentencepiece.SentencePieceProcessor`: with
            `{"enable_sampling": True, "nbest_size": -1, "alpha": 0.1}` each call samples a
            new segmentation (Kudo, 2018).
        added_tokens_decoder: dict from id to `AddedToken`, tokens that a file adds to the
            vocabulary with these ids.
        **options: see `TokenizerOptions`, such as `newline_token` or `model_max_length`.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if it is not a sentencepiece model with these ids, or tokens collide.
        TypeError: if `sp_model_kwargs` or options are unknown.
    """

    # The possible vocabularies of a directory, in order of preference.
    vocabulary_files: ClassVar[tuple[str, ...]] = (VOCAB_FILE, TOKENIZER_FILE)

    def __init__(
        self,
        vocab_file: str | Path,
        *,
        sp_model_kwargs: dict | None = None,
        added_tokens_decoder: Mapping[int, AddedToken] | None = None,
        **options: Any,
    ):
        path = Path(vocab_file)
        if not path.is_file():
            raise FileNotFoundError(f"vocab_file={str(vocab_file)!r}: no such file")
        checked = TokenizerOptions.from_keywords(options)
        added: tuple[StoredToken, ...] = ()
        if path.suffix == ".json":
            self.model_proto, added = read_tokenizer_json(path, special_tokens(checked))
        else:
            self.model_proto = read_vocabulary(path)
        self.vocab_file = str(vocab_file)
        self.offset = checked.offset
        self.sp_model_kwargs = dict(sp_model_kwargs or {})
        self.sp_model = load_sentencepiece(self.model_proto, vocab_file, **self.sp_model_kwargs)
        self._vocab_size = len(self.sp_model) + self.offset
        added += tuple(
            StoredToken(spelling(token), int(index), is_special(token))
            for index, token in (added_tokens_decoder or {}).items()
        )
        super().__init__(checked, added)

    def __getstate__(self) -> dict[str, Any]:
        # sentencepiece would forget the options of sampling.
        built = ("sp_model", "_twin", "_twin_model", "_spelled_pieces", "_blank_characters")
        return {name: value for name, value in self.__dict__.items() if name not in built}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.sp_model = load_sentencepiece(
            self.model_proto, self.vocab_file, **self.sp_model_kwargs
        )

    @property
    def vocab_size(self) -> int:
        return self._vocab_size

    def _text_ids(self, texts):
        if max(map(len, texts), default=0) > _LONG and self._twin is not None:
            rows = map(self._twin.without_bytes, _encoded(self._twin_model, texts))
        else:
            rows = _encoded(self.sp_model, texts)
        return [[piece + self.offset for piece in ids] for ids in rows]

    def _text_pieces(self, texts):
        is_long = max(map(len, texts), default=0) > _LONG and self._twin is not None
        model = self._twin_model if is_long else self.sp_model
        rows = []
        for proto in _encoded(model, texts, out_type="immutable_proto"):
            spans = [(piece.id, piece.begin, piece.end) for piece in proto.pieces]
            spans = self._twin.without_byte_spans(spans) if is_long else spans
            rows.append([RawPiece(i + self.offset, *s, self._begins_word(i)) for i, *s in spans])
        return rows

    def _begins_word(self, piece):
        return self._spelled_pieces[piece].startswith(_SPACE)

    @functools.cached_property
    def _spelled_pieces(self):
        return _Known(self.sp_model.id_to_piece)

    @functools.cached_property
    def _blank_characters(self):
        return _Known(
            lambda character: character.isspace() or not self.sp_model.normalize(character)
        )

    @property
    def _is_sampling(self):
        return bool(self.sp_model_kwargs.get("enable_sampling"))

    @functools.cached_property
    def _twin(self):
        return byte_fallback_twin(self.model_proto)

    @functools.cached_property
    def _twin_model(self):
        return load_sentencepiece(self._twin.model_proto, self.vocab_file, **self.sp_model_kwargs)

    def _ids_text(self, ids):
        return self.sp_model.decode([index - self.offset for index in ids])

    def _piece_id(self, token):
        index = self.sp_model.piece_to_id(token)
        return None if index <= SENTENCEPIECE_UNK else index + self.offset

    def _piece(self, index):
        spelling = self._spellings.get(index)
        return self._spelled_pieces[index - self.offset] if spelling is None else spelling

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return (
            {**config, "sp_model_kwargs": self.sp_model_kwargs} if self.sp_model_kwargs else config
        )

    def save_vocabulary(self, save_directory: str | Path) -> tuple[str]:
        """Writes only `spiece.model`; returns its path in a tuple."""
        path = Path(save_directory) / VOCAB_FILE
        write_bytes_atomically(path, self.model_proto)
        return (str(path),)

    def save_pretrained(self, save_directory: str | Path, **keywords: Any) -> None:
        """Writes the tokenizer's files into a directory, which is created if missing.

        The files are `spiece.model`, `tokenizer_config.json`, `special_tokens_map.json` and, if
        tokens were added, `added_tokens.json`.

        Args:
            save_directory: path.
            **keywords: arguments of `transformers` with values that ask for nothing else, such
                as `filename_prefix=None` (see `tf_pegasus.config.foreign_arguments`).

        Raises:
            ValueError: if a keyword asks for something else; the message says what to use.
            TypeError: if a keyword is unknown.
        """
        check_foreign(keywords, SAVING_TOKENIZERS, "save_pretrained")
        directory = Path(save_directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.save_vocabulary(directory)
        self._save_tables(directory)


class _Known(dict):
    """The values of a function of sentencepiece, each of which is asked for once."""

    def __init__(self, function):
        super().__init__()
        self._function = function

    def __missing__(self, key):
        self[key] = value = self._function(key)
        return value


def _encoded(model, texts, **options):
    try:
        return model.encode(texts, **options)
    except TypeError:
        # What it says of invalid Unicode is that a list must contain strings.
        check_unicode(texts)
        raise


def load_sentencepiece(
    model_proto: bytes, name: str | Path, **kwargs: Any
) -> sentencepiece.SentencePieceProcessor:
    """Loads a sentencepiece model with PEGASUS' ids.

    Raises:
        ValueError: if it is not such a model; the message contains `name`.
    """
    check_vocabulary(model_proto, str(name))
    processor = sentencepiece.SentencePieceProcessor(**kwargs)
    try:
        loaded = processor.LoadFromSerializedProto(model_proto)
    except RuntimeError as error:
        raise ValueError(f"{str(name)!r} is not a sentencepiece model: {error}") from error
    if not loaded:
        raise ValueError(f"{str(name)!r} is not a sentencepiece model")
    found = (processor.pad_id(), processor.eos_id(), processor.unk_id())
    wanted = (SENTENCEPIECE_PAD, SENTENCEPIECE_EOS, SENTENCEPIECE_UNK)
    if found != wanted:
        raise ValueError(
            f"{str(name)!r} has pad, eos and unk at {found}, but a PEGASUS vocabulary at {wanted}"
        )
    return processor
