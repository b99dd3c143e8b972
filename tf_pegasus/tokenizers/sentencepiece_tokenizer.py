"""The Python tokenizer: text to ids and back, over sentencepiece."""

import inspect
import re
from pathlib import Path

import numpy as np
import sentencepiece

from tf_pegasus.files import read_json_object, write_bytes_atomically, write_json_atomically
from tf_pegasus.tokenizers.special_tokens import (
    SENTENCEPIECE_EOS,
    SENTENCEPIECE_PAD,
    SENTENCEPIECE_UNK,
    special_tokens,
)

VOCAB_FILE = "spiece.model"
TOKENIZER_CONFIG_FILE = "tokenizer_config.json"


class PegasusTokenizer:
    """PEGASUS tokenizer (Kudo and Richardson, 2018; ids as in the released models).

    Args:
        vocab_file: path of the sentencepiece model (pad 0, eos 1, unk 2).
        pad_token, eos_token, unk_token, mask_token, mask_token_sent: str, spellings of the
            special tokens. A text that contains one gets its id, as in `transformers`.
        offset: int, how many ids are reserved; 103 in the released models, 0 for none.
        newline_token: str or None. With `"<n>"`, a line break goes in as that piece and
            comes out as a line break again, as in the authors' code; by default it is
            white space like any other, as in `transformers`.
        model_max_length: int or None, where `truncation=True` cuts (in tokens, eos
            included).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no sentencepiece model with these ids, or the tokens collide.
    """

    def __init__(
        self,
        vocab_file,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        mask_token="<mask_2>",
        mask_token_sent="<mask_1>",
        offset=103,
        newline_token=None,
        model_max_length=None,
    ):
        if not Path(vocab_file).is_file():
            raise FileNotFoundError(f"vocab_file={str(vocab_file)!r}: no such file")
        self.model_proto = Path(vocab_file).read_bytes()
        self.sp_model = _load_sentencepiece(self.model_proto, vocab_file)
        self.pad_token = pad_token
        self.eos_token = eos_token
        self.unk_token = unk_token
        self.mask_token = mask_token
        self.mask_token_sent = mask_token_sent
        self.offset = offset
        self.newline_token = newline_token
        self.model_max_length = model_max_length
        self.special_tokens = special_tokens(
            pad_token, eos_token, unk_token, mask_token, mask_token_sent, offset
        )
        # Longest first, so that of two spellings at one place the longer one is taken.
        spellings = sorted(self.special_tokens.ids, key=len, reverse=True)
        self._special_pattern = re.compile("(" + "|".join(map(re.escape, spellings)) + ")")

    @property
    def vocab_size(self):
        """int, how many ids there are, reserved ones included."""
        return len(self.sp_model) + self.offset

    def __len__(self):
        return self.vocab_size

    @property
    def pad_token_id(self):
        """int, always 0."""
        return self.special_tokens.pad_token_id

    @property
    def eos_token_id(self):
        """int, always 1."""
        return self.special_tokens.eos_token_id

    @property
    def unk_token_id(self):
        """int, `offset` + 2."""
        return self.special_tokens.unk_token_id

    def __call__(
        self,
        text,
        padding=False,
        truncation=False,
        max_length=None,
        return_tensors=None,
    ):
        """Tokenizes one text or several, each ended by eos.

        Args:
            text: str, or list of str.
            padding: False, True (to the longest of the batch) or `"max_length"`.
            truncation: bool, cut to `max_length` (default `model_max_length`), keeping eos.
            max_length: int or None.
            return_tensors: `"np"`, `"tf"` (int32; needs equal lengths) or None (lists).

        Returns:
            dict with `input_ids` and `attention_mask`, `(batch, length)`; for one str
            without `return_tensors`, `(length,)`.

        Raises:
            TypeError: a text is no str.
            ValueError: options that cannot work together.
        """
        if isinstance(text, str):
            result = self([text], padding, truncation, max_length, return_tensors)
            return result if return_tensors else {name: rows[0] for name, rows in result.items()}
        if padding not in (False, True, "longest", "max_length"):
            raise ValueError(f"padding={padding!r} must be False, True, 'longest' or 'max_length'")
        if return_tensors not in (None, "np", "tf"):
            raise ValueError(f"return_tensors={return_tensors!r} must be None, 'np' or 'tf'")
        max_length = self.model_max_length if max_length is None else max_length
        if (truncation or padding == "max_length") and max_length is None:
            raise ValueError("max_length is needed: this tokenizer has no model_max_length")
        if max_length is not None and max_length < 1:
            raise ValueError(f"max_length={max_length!r} must be at least 1")
        rows = self.encode_batch(text)
        if truncation:
            rows = [self.truncate(row, max_length) for row in rows]
        masks = [[1] * len(row) for row in rows]
        if padding:
            longest = max(map(len, rows), default=0)
            width = max_length if padding == "max_length" else longest
            rows = [row + [self.pad_token_id] * (width - len(row)) for row in rows]
            masks = [mask + [0] * (width - len(mask)) for mask in masks]
        result = {"input_ids": rows, "attention_mask": masks}
        if return_tensors is None:
            return result
        if len(set(map(len, rows))) > 1:
            raise ValueError("the texts have different lengths: give padding=True to make a tensor")
        arrays = {
            name: np.array(value, "int32").reshape(len(rows), -1) for name, value in result.items()
        }
        if return_tensors == "np":
            return arrays
        import tensorflow as tf

        return {name: tf.constant(array) for name, array in arrays.items()}

    def encode(self, text):
        """Returns the ids of one text, ended by eos."""
        return self.encode_batch([text])[0]

    def encode_batch(self, texts):
        """Returns the ids of each text, each ended by eos, as lists of int."""
        segments, owners = [], []
        for owner, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(f"a text must be a str, got {type(text).__name__}: {text!r:.80}")
            if self.newline_token:
                text = text.replace("\n", self.newline_token)
            for segment in self._special_pattern.split(text):
                segments.append(segment)
                owners.append(owner)
        # One call for all segments: sentencepiece then works on all cores.
        special = self.special_tokens.ids
        text_ids = iter(self.sp_model.encode([s for s in segments if s not in special]))
        rows = [[] for _ in texts]
        for segment, owner in zip(segments, owners, strict=True):
            if segment in special:
                rows[owner].append(special[segment])
            else:
                rows[owner] += [piece + self.offset for piece in next(text_ids)]
        for row in rows:
            row.append(self.eos_token_id)
        return rows

    def truncate(self, ids, max_length):
        """Cuts ids to `max_length`, the last being eos."""
        if len(ids) <= max_length:
            return ids
        return [*ids[: max_length - 1], self.eos_token_id]

    def decode(self, ids, skip_special_tokens=True):
        """Turns ids into text.

        Args:
            ids: sequence of int, or a 1-D array or tensor.
            skip_special_tokens: bool; True leaves out what is not text: reserved ids,
                `<unk>`, and ids past the vocabulary (a model's embedding may be larger).

        Raises:
            ValueError: a negative id; or, with skip_special_tokens=False, one past the
                vocabulary.
        """
        ids = [int(i) for i in np.asarray(ids).reshape(-1)]
        if ids and min(ids) < 0:
            raise ValueError(f"ids hold {min(ids)}, an id is at least 0")
        if skip_special_tokens:
            first = self.special_tokens.first_text_id
            return self._decode_text([i for i in ids if first <= i < self.vocab_size])
        if ids and max(ids) >= self.vocab_size:
            raise ValueError(f"ids hold {max(ids)}, the vocabulary ends at {self.vocab_size - 1}")
        spellings = {index: spelling for spelling, index in self.special_tokens.ids.items()}
        text, run = "", []
        for i in ids:
            if i in spellings:
                text += self._decode_text(run) + spellings[i]
                run = []
            else:
                run.append(i)
        return text + self._decode_text(run)

    def batch_decode(self, sequences, skip_special_tokens=True):
        """`decode` for each row of `sequences`."""
        return [self.decode(row, skip_special_tokens) for row in sequences]

    def _decode_text(self, ids):
        text = self.sp_model.decode([i - self.offset for i in ids])
        return text.replace(self.newline_token, "\n") if self.newline_token else text

    def get_config(self):
        """The constructor's arguments besides `vocab_file`."""
        return {
            "pad_token": self.pad_token,
            "eos_token": self.eos_token,
            "unk_token": self.unk_token,
            "mask_token": self.mask_token,
            "mask_token_sent": self.mask_token_sent,
            "offset": self.offset,
            "newline_token": self.newline_token,
            "model_max_length": self.model_max_length,
        }

    def save_pretrained(self, save_directory):
        """Writes `spiece.model` and `tokenizer_config.json` into a directory, made if missing."""
        directory = Path(save_directory)
        directory.mkdir(parents=True, exist_ok=True)
        write_bytes_atomically(directory / VOCAB_FILE, self.model_proto)
        config = {"tokenizer_class": type(self).__name__, **self.get_config()}
        write_json_atomically(directory / TOKENIZER_CONFIG_FILE, config)

    @classmethod
    def from_pretrained(cls, path, **overrides):
        """Reads a directory that holds `spiece.model` and, if it has one,
        `tokenizer_config.json`.

        Raises:
            FileNotFoundError: the directory or `spiece.model` is missing.
            ValueError: a damaged file.
        """
        directory = Path(path)
        if not (directory / VOCAB_FILE).is_file():
            raise FileNotFoundError(f"no {VOCAB_FILE} in {str(path)!r}: the vocabulary is missing")
        config, file = {}, directory / TOKENIZER_CONFIG_FILE
        if file.is_file():
            stored = read_json_object(file)
            config = {name: _plain(stored[name]) for name in _ARGUMENTS if name in stored}
            if (config.get("model_max_length") or 0) > _UNLIMITED:
                config["model_max_length"] = None
        return cls(directory / VOCAB_FILE, **{**config, **overrides})


_ARGUMENTS = tuple(inspect.signature(PegasusTokenizer).parameters)[1:]

# `transformers` writes 10^30 where there is no limit.
_UNLIMITED = 10**9


def _plain(value):
    """A token's spelling, which `transformers` may write as an object with `content`."""
    return value["content"] if isinstance(value, dict) and "content" in value else value


def _load_sentencepiece(model_proto, name):
    processor = sentencepiece.SentencePieceProcessor()
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
