"""The options of `generate`, stored in `generation_config.json`."""

import copy
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from tf_pegasus.config.base import (
    Options,
    check_names,
    choice,
    flag,
    integer,
    number,
    token_id_or_ids,
    token_ids,
    token_sequences,
    with_suggestion,
)
from tf_pegasus.config.foreign_arguments import SAVING, check_foreign
from tf_pegasus.config.foreign_keys import TRANSFORMERS_GENERATION_KEYS
from tf_pegasus.config.generation_fields import (
    LARGEST,
    NUMBERS_INSIDE,
    SMALLEST,
    biases,
    decay,
    seconds,
)
from tf_pegasus.config.generation_foreign import (
    INSTEAD,
    NOT_OPTIONS,
    WITHOUT_EFFECT,
    refuse_foreign,
)

GENERATION_CONFIG_FILE = "generation_config.json"
LENGTH_PENALTY_TYPES = ("length", "gnmt")
# With values outside this range, scores could fall below those of unfilled entries.
LENGTH_PENALTIES = (-2.0, 10.0)
# The options that request per-step outputs.
OUTPUT_FLAGS = ("output_scores", "output_logits", "output_attentions", "output_hidden_states")


# The special tokens; None stands for the model's own.
TOKEN_IDS = ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id")


# Programs are kept by the hash of a private copy, which never changes.
@dataclass(init=False, unsafe_hash=True)
class GenerationConfig(Options):
    """Options of `generate`, with `transformers`' names and defaults.

    Options are attributes. A value that is assigned is checked by itself at once, and together
    with the other options by `validate`, which `generate` and `save_pretrained` call.

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
        epsilon_cutoff: float in [0, 1], tokens with a lower probability are not sampled (Hewitt
            et al., 2022).
        eta_cutoff: float in [0, 1], the same with a limit that is lower where the distribution
            is flat: min(eta, sqrt(eta) * exp(-entropy)).
        repetition_penalty: float, values above 1 make tokens less likely that occurred before.
        encoder_repetition_penalty: float, values above 1 make tokens of the source more likely.
            Padding does not count, other than in `transformers`.
        sequence_bias: dict from tuples of ids to floats, which are added to the score of the
            last id where the other ones precede it.
        exponential_decay_length_penalty: tuple of int `start` and float `factor`: after `start`
            new tokens, the score s of eos grows by abs(s) * (factor ** n - 1), where n is the
            number of further tokens.
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
        forced_bos_token_id: int or None, the first token.
        forced_eos_token_id: int, tuple of int, or None, the token or tokens of which one is at
            `max_length`.
        pad_token_id, bos_token_id, decoder_start_token_id: int or None.
        eos_token_id: int, tuple of int, or None: each of them ends an output. These four are the
            model's if they are None. `bos_token_id` is the first id of an output if there is no
            `decoder_start_token_id`.
        remove_invalid_values: bool, replace NaN scores by 0, infinite ones by the largest and
            smallest finite float.
        renormalize_logits: bool, make scores log-probabilities again after they were changed.
        max_time: float or None, seconds after which the search stops with what it has. Not for
            `engine="xla"`, which cannot read a clock.
        use_cache: bool, keep keys and values of earlier positions; without them, each step
            decodes the whole output again, which is slow and gives the same result.
        return_dict_in_generate: bool, return a `GenerateOutput`.
        output_scores, output_logits, output_attentions, output_hidden_states: bool, outputs of
            `GenerateOutput` besides sequences and their scores.
        extra: dict of unknown keys, which are kept and can be read as attributes.

    Raises:
        ValueError, TypeError: if a value is invalid or an option is unknown; the message names it.
    """

    max_length: int = integer(20, least=2)
    max_new_tokens: int | None = integer(None, least=1, optional=True)
    min_length: int = integer(0, least=0)
    min_new_tokens: int = integer(0, least=0)
    do_sample: bool = flag(False)
    num_beams: int = integer(1, least=1)
    num_beam_groups: int = integer(1, least=1)
    diversity_penalty: float = number(0.0, least=0, most=LARGEST)
    num_return_sequences: int = integer(1, least=1)
    temperature: float = number(1.0, least=SMALLEST, most=LARGEST)
    top_k: int = integer(50, least=0)
    top_p: float = number(1.0, above=0, most=1)
    typical_p: float = number(1.0, above=0, most=1)
    epsilon_cutoff: float = number(0.0, least=0, most=1)
    eta_cutoff: float = number(0.0, least=0, most=1)
    repetition_penalty: float = number(1.0, least=SMALLEST, most=LARGEST)
    encoder_repetition_penalty: float = number(1.0, least=SMALLEST, most=LARGEST)
    sequence_bias: tuple | None = biases()
    exponential_decay_length_penalty: tuple | None = decay()
    length_penalty: float = number(1.0, least=LENGTH_PENALTIES[0], most=LENGTH_PENALTIES[1])
    length_penalty_type: str = choice("length", LENGTH_PENALTY_TYPES)
    early_stopping: bool | str = choice(False, (True, False, "never"))
    no_repeat_ngram_size: int = integer(0, least=0)
    encoder_no_repeat_ngram_size: int = integer(0, least=0)
    bad_words_ids: tuple | None = token_sequences()
    suppress_tokens: tuple | None = token_ids()
    begin_suppress_tokens: tuple | None = token_ids()
    forced_bos_token_id: int | None = integer(None, least=0, optional=True)
    forced_eos_token_id: int | tuple | None = token_id_or_ids(None)
    pad_token_id: int | None = integer(None, least=0, optional=True)
    bos_token_id: int | None = integer(None, least=0, optional=True)
    eos_token_id: int | tuple | None = token_id_or_ids(None)
    decoder_start_token_id: int | None = integer(None, least=0, optional=True)
    remove_invalid_values: bool = flag(False)
    renormalize_logits: bool = flag(False)
    max_time: float | None = seconds()
    use_cache: bool = flag(True)
    return_dict_in_generate: bool = flag(False)
    output_scores: bool = flag(False)
    output_logits: bool = flag(False)
    output_attentions: bool = flag(False)
    output_hidden_states: bool = flag(False)
    extra: dict = field(default_factory=dict, hash=False)

    file_name: ClassVar[str] = GENERATION_CONFIG_FILE
    foreign_keys: ClassVar[tuple[str, ...]] = TRANSFORMERS_GENERATION_KEYS

    def __init__(self, *, extra: Mapping[str, Any] | None = None, **options: Any):
        refuse_foreign(options)
        kept = {name: options.pop(name) for name in WITHOUT_EFFECT if name in options}
        check_names(options, self.option_names(), "generation option")
        object.__setattr__(self, "extra", copy.deepcopy({**(extra or {}), **kept}))
        for declared in fields(self):
            if declared.name != "extra":
                value = options.get(declared.name, declared.default)
                object.__setattr__(self, declared.name, value)
        self.validate()

    def __setattr__(self, name, value):
        declared = type(self).__dataclass_fields__.get(name)
        if declared is None:
            refuse_foreign([name])
            raise AttributeError(
                with_suggestion(f"unknown generation option {name!r}", name, self.option_names())
            )
        super().__setattr__(name, self.checked(declared, value))

    def __getattr__(self, name):
        # Called only for names that normal look-up does not find.
        extra = self.__dict__.get("extra", {})
        if name in extra:
            return extra[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def rows_per_source(self) -> int:
        """int, number of hypotheses per source.

        It is the number of beams or, without beams, the number of returned sequences.
        """
        return self.num_beams if self.num_beams > 1 else self.num_return_sequences

    @property
    def eos_token_ids(self) -> tuple[int, ...]:
        """tuple of int, the ids that end an output; empty if `eos_token_id` is None."""
        return ids_of(self.eos_token_id)

    @property
    def depends_on_beams(self) -> bool:
        """bool, whether scores are changed in a way that differs for logits, without beams."""
        return (
            self.repetition_penalty != 1.0
            or self.encoder_repetition_penalty != 1.0
            or self.exponential_decay_length_penalty is not None
            or self.remove_invalid_values
        )

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
            ValueError: if a value is out of range, or an option is not supported.
        """
        refuse_foreign(options)
        check_names(options, self.option_names(), "generation option", NOT_OPTIONS)
        return replace(self, **{name: v for name, v in options.items() if v is not None})

    def update(self, **options: Any) -> dict[str, Any]:
        """Replaces options in place, all of them or, if one is invalid, none.

        Args:
            **options: options to replace; None stands for the default.

        Returns:
            dict of those that are no generation options, and were left out.

        Raises:
            ValueError, TypeError: if a value is invalid; the message names it.
        """
        refuse_foreign(options)
        names = self.option_names()
        unused = {name: options.pop(name) for name in list(options) if name not in names}
        defaults: dict[str, Any] = {declared.name: declared.default for declared in fields(self)}
        given: dict[str, Any] = {n: defaults[n] if v is None else v for n, v in options.items()}
        changed = replace(self, **given)
        for name in options:
            object.__setattr__(self, name, getattr(changed, name))
        return unused

    def save_pretrained(self, save_directory: str | Path, **keywords: Any) -> None:
        """Writes `generation_config.json`.

        Args:
            save_directory: path, created if missing.
            **keywords: see `PegasusConfig.save_pretrained`.

        Raises:
            ValueError: if the options do not fit together; the message names them. Or if a
                keyword asks for something else.
            TypeError: if a keyword is unknown.
        """
        check_foreign(keywords, SAVING, "save_pretrained")
        self.validate()
        super().save_pretrained(save_directory)

    # `transformers` has another name for this argument than in its other classes.
    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, pretrained_model_name: str | Path, **overrides: Any
    ) -> Self:
        """Reads `generation_config.json`; see `Options.from_pretrained`.

        Args:
            pretrained_model_name: path of a directory or file, or the name of a repository.
            **overrides: see `Options.from_pretrained`.
        """
        return super().from_pretrained(pretrained_model_name, **overrides)

    @classmethod
    def number_names(cls) -> tuple[str, ...]:
        """Returns the names of the float options."""
        return tuple(field.name for field in fields(cls) if field.type is float)

    def split_numbers(self) -> tuple[Self, tuple[float, ...]]:
        """Separates the numbers, whose values do not need separate programs.

        Returns:
            A tuple of a copy and the numbers: the float options in the order of `number_names`,
            then those inside other options. Each float of the copy has one of two values: its
            default if it has that, otherwise a fixed other value. A program that is traced with
            the copy and takes the numbers as inputs serves all values.
        """
        names = self.number_names()
        defaults = {field.name: field.default for field in fields(self)}
        # The length penalty changes only a number in the search, never its steps.
        switches: dict[str, Any] = {n: 0.5 for n in names if getattr(self, n) != defaults[n]} | {
            "length_penalty": defaults["length_penalty"]
        }
        numbers = [float(getattr(self, name)) for name in names]
        for name, inside in NUMBERS_INSIDE.items():
            value = getattr(self, name)
            if value is not None:
                switches[name] = inside.without(value)
                numbers += map(float, inside.of(value))
        return replace(self, **switches), tuple(numbers)

    def named_numbers(self, numbers: Sequence[Any]) -> dict[str, Any]:
        """Sorts numbers, or tensors in their place, that come in the order of `split_numbers`.

        Returns:
            dict from the names of the float options to their values, and from the names of
            options with numbers inside to tuples.
        """
        remaining = iter(numbers)
        named: dict[str, Any] = {name: next(remaining) for name in self.number_names()}
        for name, inside in NUMBERS_INSIDE.items():
            value = getattr(self, name)
            if value is not None:
                named[name] = tuple(next(remaining) for _ in inside.of(value))
        return named

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], **overrides: Any) -> Self:
        """Creates options from a dict; None becomes the default.

        Args:
            values: dict; other keys are kept in `extra`, with a warning unless they are without
                effect on the outputs.
            **overrides: options that override those in `values`.

        Raises:
            TypeError: if an override is not an option, or a value has the wrong type.
            ValueError: if a value is out of range.
        """
        refuse_foreign(overrides)
        names = cls.option_names()
        given = {n: v for n, v in values.items() if n not in names or v is not None}
        return super().from_dict(given, **overrides)

    @classmethod
    def _warn_of_misspellings(cls, unknown):
        for name in sorted(set(map(str, unknown)) - set(WITHOUT_EFFECT)):
            message = f"{cls.__name__}: the key {name!r} has no effect"
            if name not in INSTEAD:
                warnings.warn(with_suggestion(message, name, cls.option_names()), stacklevel=3)
            elif unknown[name]:  # otherwise the option is off
                warnings.warn(f"{message}: {INSTEAD[name]}", stacklevel=3)

    @classmethod
    def from_model_config(cls, config: Any) -> Self:
        """Reads the options that older models store in `config.json`.

        Args:
            config: `PegasusConfig`.
        """
        values = {n: config.extra[n] for n in cls.option_names() if n in config.extra}
        for name in ("forced_eos_token_id", *TOKEN_IDS):
            values[name] = getattr(config, name, None)
        return cls.from_dict(values)


def ids_of(value: int | Sequence[int] | None) -> tuple[int, ...]:
    """Returns a token id, several of them or None as a tuple."""
    if value is None:
        return ()
    return (value,) if isinstance(value, int) else tuple(value)
