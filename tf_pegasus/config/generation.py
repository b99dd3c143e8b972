"""The options of `generate`, stored in `generation_config.json`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Self

from tf_pegasus.config.base import (
    Options,
    check_names,
    choice,
    flag,
    integer,
    number,
    token_ids,
    token_sequences,
)
from tf_pegasus.config.foreign_keys import TRANSFORMERS_GENERATION_KEYS

GENERATION_CONFIG_FILE = "generation_config.json"
LENGTH_PENALTY_TYPES = ("length", "gnmt")
# With values outside this range, scores could fall below those of unfilled entries.
LENGTH_PENALTIES = (-2.0, 10.0)
# Beyond these, scores times or divided by an option would leave float32.
_SMALLEST, _LARGEST = 1e-4, 1e4
# The options that request per-step outputs.
OUTPUT_FLAGS = ("output_scores", "output_logits", "output_attentions", "output_hidden_states")


@dataclass(frozen=True)
class GenerationConfig(Options):
    """Options of `generate`, with `transformers`' names and defaults.

    Attributes:
        max_length: int, longest output in tokens, including the decoder's start token.
        max_new_tokens: int or None, the same without the start token; overrides `max_length`.
        min_length, min_new_tokens: int, eos is forbidden in shorter outputs.
        do_sample: bool, sample tokens instead of taking the most probable ones.
        num_beams: int, 1 is greedy search or plain sampling.
        num_beam_groups: int, divides `num_beams`: groups are searched one after another
            (Vijayakumar et al., 2016).
        diversity_penalty: float, subtracted from the score of a token for each time that an
            earlier group chose it in the same step.
        num_return_sequences: int, at most `num_beams`; any number for plain sampling.
        temperature, top_k, top_p, typical_p: parameters of the sampling distribution; 1.0, 0,
            1.0 and 1.0 leave it unchanged.
        repetition_penalty: float, values above 1 make tokens less likely that occurred before.
        length_penalty: float, exponent of the length by which scores are divided.
        length_penalty_type: `"length"` (length ** length_penalty, as in Hugging Face) or
            `"gnmt"` (((5 + length) / 6) ** length_penalty, as in the authors' code, after Wu et
            al., 2016, equation 14). With the latter, beam search prefers finished hypotheses to
            unfinished ones, as in the authors' code, and scores unfinished ones without a
            penalty. Unknown to `transformers`, which ignores it.
        early_stopping: True (stop when `num_beams` outputs are finished), False (stop when
            a better one is unlikely) or `"never"` (when it is impossible).
        no_repeat_ngram_size: int, n-grams of this size occur at most once; 0 allows all.
        encoder_no_repeat_ngram_size: int, n-grams of this size in the source do not occur.
        bad_words_ids: sequences of ids that do not occur.
        suppress_tokens, begin_suppress_tokens: ids that do not occur, or not as the first token.
        forced_bos_token_id, forced_eos_token_id: int or None, the first token, and the one
            at `max_length`.
        use_cache: bool, keep keys and values of earlier positions; without them, each step
            decodes the whole output again, which is slow and gives the same result.
        return_dict_in_generate: bool, return a `GenerateOutput`.
        output_scores, output_logits, output_attentions, output_hidden_states: bool, outputs of
            `GenerateOutput` besides sequences and their scores.
        extra: dict of unknown keys, which are kept.

    Raises:
        ValueError, TypeError: if a value is invalid; the message names it.
    """

    max_length: int = integer(20, least=2)
    max_new_tokens: int | None = integer(None, least=1, optional=True)
    min_length: int = integer(0, least=0)
    min_new_tokens: int = integer(0, least=0)
    do_sample: bool = flag(False)
    num_beams: int = integer(1, least=1)
    num_beam_groups: int = integer(1, least=1)
    diversity_penalty: float = number(0.0, least=0, most=_LARGEST)
    num_return_sequences: int = integer(1, least=1)
    temperature: float = number(1.0, least=_SMALLEST, most=_LARGEST)
    top_k: int = integer(50, least=0)
    top_p: float = number(1.0, above=0, most=1)
    typical_p: float = number(1.0, above=0, most=1)
    repetition_penalty: float = number(1.0, least=_SMALLEST, most=_LARGEST)
    length_penalty: float = number(1.0, least=LENGTH_PENALTIES[0], most=LENGTH_PENALTIES[1])
    length_penalty_type: str = choice("length", LENGTH_PENALTY_TYPES)
    early_stopping: bool | str = choice(False, (True, False, "never"))
    no_repeat_ngram_size: int = integer(0, least=0)
    encoder_no_repeat_ngram_size: int = integer(0, least=0)
    bad_words_ids: tuple | None = token_sequences()
    suppress_tokens: tuple | None = token_ids()
    begin_suppress_tokens: tuple | None = token_ids()
    forced_bos_token_id: int | None = integer(None, least=0, optional=True)
    forced_eos_token_id: int | None = integer(None, least=0, optional=True)
    use_cache: bool = flag(True)
    return_dict_in_generate: bool = flag(False)
    output_scores: bool = flag(False)
    output_logits: bool = flag(False)
    output_attentions: bool = flag(False)
    output_hidden_states: bool = flag(False)
    extra: dict = field(default_factory=dict, hash=False)

    file_name: ClassVar[str] = GENERATION_CONFIG_FILE
    foreign_keys: ClassVar[tuple[str, ...]] = TRANSFORMERS_GENERATION_KEYS

    def __post_init__(self):
        self.validate()

    @property
    def rows_per_source(self) -> int:
        """int, number of hypotheses per source.

        It is the number of beams or, without beams, the number of returned sequences.
        """
        return self.num_beams if self.num_beams > 1 else self.num_return_sequences

    def _check_together(self):
        if self.min_length > self.max_length:
            raise ValueError(
                f"min_length={self.min_length} must not be above max_length={self.max_length}"
            )
        if self.max_new_tokens is not None and self.min_new_tokens > self.max_new_tokens:
            raise ValueError(
                f"min_new_tokens={self.min_new_tokens} must not be above "
                f"max_new_tokens={self.max_new_tokens}"
            )
        self._check_groups()
        for name in ("output_attentions", "output_hidden_states"):
            if getattr(self, name) and not self.use_cache:
                raise ValueError(f"{name}=True needs use_cache=True, which records the steps")
        samples_alone = self.do_sample and self.num_beams == 1
        if self.num_return_sequences > self.num_beams and not samples_alone:
            raise ValueError(
                f"num_return_sequences={self.num_return_sequences} must not be above "
                f"num_beams={self.num_beams}, unless do_sample=True and num_beams=1"
            )

    def _check_groups(self):
        if self.num_beams % self.num_beam_groups:
            raise ValueError(
                f"num_beam_groups={self.num_beam_groups} must divide num_beams={self.num_beams}"
            )
        if self.num_beam_groups > 1 and self.do_sample:
            raise ValueError(
                f"num_beam_groups={self.num_beam_groups} cannot be combined with "
                "do_sample=True: groups are searched, not sampled"
            )
        if self.diversity_penalty > 0 and self.num_beam_groups == 1:
            raise ValueError(
                f"diversity_penalty={self.diversity_penalty!r} needs num_beam_groups above 1, "
                f"got num_beam_groups={self.num_beam_groups}"
            )

    def updated(self, **options: Any) -> Self:
        """Returns a copy with the options replaced that are not None.

        Raises:
            TypeError: if an option is unknown, or a value has the wrong type.
            ValueError: if a value is out of range.
        """
        check_names(options, self.option_names(), "generation option")
        return replace(self, **{name: v for name, v in options.items() if v is not None})

    @classmethod
    def number_names(cls) -> tuple[str, ...]:
        """Returns the names of the float options."""
        return tuple(field.name for field in fields(cls) if field.type is float)

    def split_numbers(self) -> tuple[Self, tuple[float, ...]]:
        """Separates the float options, whose values do not need separate programs.

        Returns:
            A tuple of a copy and the floats in the order of `number_names`. Each float of the copy
            has one of two values: its default if it has that, otherwise a fixed other value. A
            program that is traced with the copy and takes the floats as inputs serves all values.
        """
        names = self.number_names()
        defaults = {field.name: field.default for field in fields(self)}
        # The length penalty changes only a number in the search, never its steps.
        switches: dict[str, Any] = {n: 0.5 for n in names if getattr(self, n) != defaults[n]} | {
            "length_penalty": defaults["length_penalty"]
        }
        return replace(self, **switches), tuple(float(getattr(self, name)) for name in names)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], **overrides: Any) -> Self:
        """Creates options from a dict; other keys go to `extra`, None becomes the default.

        Raises:
            TypeError: if an override is not an option, or a value has the wrong type.
            ValueError: if a value is out of range.
        """
        names = cls.option_names()
        given = {n: v for n, v in values.items() if n not in names or v is not None}
        return super().from_dict(given, **overrides)

    @classmethod
    def from_model_config(cls, config: Any) -> Self:
        """Reads the options that older models store in `config.json`.

        Args:
            config: `PegasusConfig`.
        """
        values = {n: config.extra[n] for n in cls.option_names() if n in config.extra}
        # `transformers` looks for these ids here; this package reads them from config.json.
        for name in (
            "forced_eos_token_id",
            "decoder_start_token_id",
            "eos_token_id",
            "pad_token_id",
        ):
            values[name] = getattr(config, name)
        return cls.from_dict(values)
