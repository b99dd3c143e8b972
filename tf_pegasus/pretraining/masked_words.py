"""Masks whole words of the encoder's input (paper, section 3.2; Devlin et al., 2019)."""

import numpy as np

from tf_pegasus.pretraining.settings import PretrainingSettings
from tf_pegasus.tokenizers.padding import IGNORED_LABEL
from tf_pegasus.tokenizers.sentencepiece_tokenizer import PegasusTokenizer

# What sentencepiece writes for a space.
_WORD_START = "▁"


class WordMasker:
    """Chooses words and masks them.

    A word is a piece with what follows it up to the next piece that begins with a space. Special
    and added tokens separate words, and are never masked.

    Args:
        tokenizer: `PegasusTokenizer` with a word mask.
        settings: `PretrainingSettings`.

    Raises:
        ValueError: if the vocabulary has no word mask.
    """

    def __init__(self, tokenizer: PegasusTokenizer, settings: PretrainingSettings):
        self._mask_id = mask_id(tokenizer, tokenizer.mask_token)
        self._first, self._end = tokenizer.unk_token_id, tokenizer.vocab_size
        self._ratio = np.float32(settings.masked_word_ratio)
        mask, replace, _ = settings.word_options
        self._mask_below, self._replace_below = mask, mask + replace
        tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
        self._begins = np.array([token.startswith(_WORD_START) for token in tokens])
        self._is_text = np.zeros(len(tokens), bool)
        self._is_text[self._first : self._end] = True
        named = [i for i in tokenizer.all_special_ids if i != tokenizer.unk_token_id]
        self._is_text[named] = False

    def __call__(
        self, input_ids: np.ndarray, random: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Masks words of an example.

        Random numbers are drawn in this order: `permutation(words)`, whose first ones are masked;
        `random(masked words)`, what becomes of each; `random(pieces)`, the ids of the pieces that
        are replaced.

        Args:
            input_ids: int32 `(length,)`.
            random: `np.random.Generator`.

        Returns:
            int32 `(length,)` of inputs, and of labels: the original ids where words were masked,
            -100 elsewhere.
        """
        ids = np.array(input_ids, "int32")
        labels = np.full_like(ids, IGNORED_LABEL)
        starts, ends = self._words(ids)
        number = int(max(np.float32(len(starts)) * self._ratio, np.float32(1)))
        chosen = random.permutation(len(starts))[:number]
        choices = random.random(len(chosen))
        pieces = [np.arange(starts[word], ends[word]) for word in chosen]
        replaced = []
        for where, choice in zip(pieces, choices, strict=True):
            labels[where] = ids[where]
            if choice < self._mask_below:
                ids[where] = self._mask_id
            elif choice < self._replace_below:
                replaced.append(where)
        if replaced:
            places = np.concatenate(replaced)
            drawn = random.random(len(places)) * (self._end - self._first)
            ids[places] = self._first + drawn.astype("int32")
        return ids, labels

    def _words(self, ids):
        """Returns where words begin and end."""
        is_text = self._is_text[ids]
        after_text = np.concatenate([[False], is_text[:-1]])
        begins = is_text & (self._begins[ids] | ~after_text)
        # A word ends where the next one begins, or where no text is.
        breaks = np.append(np.flatnonzero(begins | ~is_text), len(ids))
        starts = np.flatnonzero(begins)
        return starts, breaks[np.searchsorted(breaks, starts, side="right")]


def mask_id(tokenizer: PegasusTokenizer, token: str | None) -> int:
    """Returns the id of a mask.

    Raises:
        ValueError: if the vocabulary has none.
    """
    index = None if token is None else tokenizer.special_tokens.ids.get(token)
    if index is None:
        raise ValueError(
            "the tokenizer has no mask tokens, which pre-training needs: make it with offset=103, "
            "and with a mask_token_sent"
        )
    return index
