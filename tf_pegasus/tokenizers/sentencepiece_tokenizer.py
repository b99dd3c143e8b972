"""The Python tokenizer over sentencepiece."""

import inspect
from pathlib import Path

import sentencepiece

from tf_pegasus.tokenizers.special_tokens import (
    SENTENCEPIECE_EOS,
    SENTENCEPIECE_PAD,
    SENTENCEPIECE_UNK,
)
from tf_pegasus.tokenizers.tokenizer import PegasusTokenizerBase
from tf_pegasus.utils.files import write_bytes_atomically

VOCAB_FILE = "spiece.model"


class PegasusTokenizer(PegasusTokenizerBase):
    """PEGASUS tokenizer (Kudo and Richardson, 2018; ids as in the released models).

    Args:
        vocab_file: path of the sentencepiece model (pad 0, eos 1, unk 2).
        pad_token, eos_token, unk_token, mask_token, mask_token_sent,
        additional_special_tokens, offset, newline_token, model_max_length,
        clean_up_tokenization_spaces: see `PegasusTokenizerBase`.
        sp_model_kwargs: dict for `sentencepiece.SentencePieceProcessor`: with
            `{"enable_sampling": True, "nbest_size": -1, "alpha": 0.1}` each call draws
            another segmentation (Kudo, 2018).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no sentencepiece model with these ids, or the tokens collide.
        TypeError: unknown `sp_model_kwargs`.
    """

    def __init__(
        self,
        vocab_file,
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
        if not Path(vocab_file).is_file():
            raise FileNotFoundError(f"vocab_file={str(vocab_file)!r}: no such file")
        self.vocab_file = str(vocab_file)
        self.offset = offset
        self.model_proto = self._read_proto(Path(vocab_file))
        self.sp_model_kwargs = dict(sp_model_kwargs or {})
        self.sp_model = load_sentencepiece(self.model_proto, vocab_file, **self.sp_model_kwargs)
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

    def _read_proto(self, path):
        """The serialized sentencepiece model that a file holds or describes."""
        return path.read_bytes()

    @property
    def vocab_size(self):
        return len(self.sp_model) + self.offset

    def _text_ids(self, texts):
        return [[piece + self.offset for piece in ids] for ids in self.sp_model.encode(texts)]

    def _ids_text(self, ids):
        return self.sp_model.decode([index - self.offset for index in ids])

    def _piece_id(self, token):
        index = self.sp_model.piece_to_id(token)
        return None if index <= SENTENCEPIECE_UNK else index + self.offset

    def _piece(self, index):
        spelling = self._spellings.get(index)
        return self.sp_model.id_to_piece(index - self.offset) if spelling is None else spelling

    def get_config(self):
        config = super().get_config()
        return (
            {**config, "sp_model_kwargs": self.sp_model_kwargs} if self.sp_model_kwargs else config
        )

    def save_vocabulary(self, save_directory):
        """Writes `spiece.model` alone; returns its path in a tuple."""
        path = Path(save_directory) / VOCAB_FILE
        write_bytes_atomically(path, self.model_proto)
        return (str(path),)

    def save_pretrained(self, save_directory):
        """Writes `spiece.model`, `tokenizer_config.json`, `special_tokens_map.json` and, where
        tokens were added, `added_tokens.json` into a directory, made if missing."""
        directory = Path(save_directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.save_vocabulary(directory)
        self._save_tables(directory)

    @classmethod
    def _argument_names(cls):
        return tuple(inspect.signature(cls).parameters)[1:]

    @classmethod
    def _from_directory(cls, directory, config):
        if not (directory / VOCAB_FILE).is_file():
            raise FileNotFoundError(
                f"no {VOCAB_FILE} in {str(directory)!r}: the vocabulary is missing"
            )
        return cls(directory / VOCAB_FILE, **config)


def load_sentencepiece(model_proto, name, **kwargs):
    """Loads a sentencepiece model with PEGASUS' ids.

    Raises:
        ValueError: it is none; the message has its `name`.
    """
    processor = sentencepiece.SentencePieceProcessor(**kwargs)
    try:
        loaded = bool(model_proto) and processor.LoadFromSerializedProto(model_proto)
    except RuntimeError as error:
        raise ValueError(f"{str(name)!r} is not a sentencepiece model: {error}") from error
    if not loaded:
        raise ValueError(f"{str(name)!r} is not a sentencepiece model")
    found = (processor.pad_id(), processor.eos_id(), processor.unk_id())
    wanted = (SENTENCEPIECE_PAD, SENTENCEPIECE_EOS, SENTENCEPIECE_UNK)
    if found != wanted:
        raise ValueError(
            f"{str(name)!r} has pad, eos and unk at {found}, a PEGASUS vocabulary at {wanted}"
        )
    return processor
