"""The options that all tokenizers share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from tf_pegasus.config.base import Options, check_names, choice, flag, integer, text, texts
from tf_pegasus.tokenizers.added_token import spelling

TOKENIZER_CONFIG_FILE = "tokenizer_config.json"
# Where rows are padded and truncated.
SIDES = ("right", "left")

# `transformers` writes 10^30 for no limit.
UNLIMITED = 10**9


@dataclass(frozen=True)
class TokenizerOptions(Options):
    """Options of a tokenizer, with `transformers`' names and defaults.

    Attributes:
        pad_token, eos_token, unk_token: str, spellings of special tokens.
        mask_token, mask_token_sent: str, spellings of the word mask and the sentence mask. Their
            ids are reserved, unless `offset` is 0 or `mask_token_sent` is None (no sentence mask).
            Then `mask_token` is the piece of that spelling, or gets an id after the vocabulary;
            with `offset=0` and both default spellings there are no masks.
        bos_token, sep_token, cls_token: str or None, further special tokens by their roles.
            PEGASUS has none. A token is the piece of that spelling, or gets an id after the
            vocabulary.
        additional_special_tokens: list of str, further special tokens; new ones get ids after
            the vocabulary.
        offset: int, number of reserved ids; 103 in the released models, 0 for none.
        newline_token: str or None. With `"<n>"`, line breaks are encoded as that piece and
            decoded as line breaks, as in the authors' code; by default a line break is white
            space like any other, as in `transformers`.
        special_tokens_in_text: `"keep"`: the spelling of a special token in a text, such as
            `</s>` or `<mask_1>`, becomes its id, as in `transformers`; `"escape"`: it is
            tokenized like any text, so that authors of texts cannot inject ids that have a
            meaning for the model. Added tokens that are not special get their ids in both cases.
        model_max_length: int or None, length of truncated texts (in tokens, including eos).
        padding_side, truncation_side: `"right"` or `"left"`, where rows are padded, and where ids
            are cut off.
        clean_up_tokenization_spaces: bool, the default of `decode`.
        extra: dict of the other keys of a file.

    Raises:
        ValueError: if `offset` or `model_max_length` is out of range, or a token is empty.
        TypeError: if a value has the wrong type.
    """

    pad_token: str = text("<pad>")
    eos_token: str = text("</s>")
    unk_token: str = text("<unk>")
    mask_token: str = text("<mask_2>")
    mask_token_sent: str | None = text("<mask_1>", optional=True)
    bos_token: str | None = text(None, optional=True)
    sep_token: str | None = text(None, optional=True)
    cls_token: str | None = text(None, optional=True)
    additional_special_tokens: tuple[str, ...] | None = texts()
    offset: int = integer(103, least=0)
    newline_token: str | None = text(None, optional=True)
    special_tokens_in_text: str = choice("keep", ("keep", "escape"))
    model_max_length: int | None = integer(None, least=1, optional=True)
    padding_side: str = choice("right", SIDES)
    truncation_side: str = choice("right", SIDES)
    clean_up_tokenization_spaces: bool = flag(False)
    extra: dict = field(default_factory=dict, hash=False)

    file_name: ClassVar[str] = TOKENIZER_CONFIG_FILE

    def __post_init__(self):
        self.validate()

    def _check_together(self):
        if self.model_max_length is not None and self.model_max_length > UNLIMITED:
            object.__setattr__(self, "model_max_length", None)
        if self.offset in (1, 2):
            raise ValueError(
                f"offset={self.offset!r} must be 0 (no reserved ids) or an int of at least 3"
            )

    @classmethod
    def from_keywords(cls, keywords: Mapping[str, Any]) -> Self:
        """Creates options from the keywords of a constructor.

        Raises:
            TypeError: if a keyword is not an option; the message names it and the nearest one.
            ValueError: if a value is out of range.
        """
        check_names(keywords, cls.option_names(), "tokenizer option")
        additional = keywords.get("additional_special_tokens")
        values = {name: spelling(value) for name, value in keywords.items()}
        if isinstance(additional, (list, tuple)):
            values["additional_special_tokens"] = [spelling(token) for token in additional]
        return cls(**values)

    @classmethod
    def known_values(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the options in `tokenizer_config.json` or `special_tokens_map.json`.

        Tokens are returned as their spellings. Additional special tokens are left out, because the
        files contain their ids, too.
        """
        known = {
            name: spelling(values[name])
            for name in cls.option_names()
            if name in values and name != "additional_special_tokens"
        }
        longest = known.get("model_max_length")
        if isinstance(longest, (int, float)) and longest > UNLIMITED:
            known["model_max_length"] = None
        return known
