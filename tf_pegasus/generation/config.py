"""How to generate: the options of `generate`, kept in `generation_config.json`."""

import math
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from tf_pegasus.utils.files import read_json_object, write_json_atomically

GENERATION_CONFIG_FILE = "generation_config.json"
LENGTH_PENALTY_TYPES = ("length", "gnmt")
# The options that ask for a record of every step.
OUTPUT_FLAGS = ("output_scores", "output_logits", "output_attentions", "output_hidden_states")


@dataclass(frozen=True)
class GenerationConfig:
    """Options of `generate`, with `transformers`' names and defaults.

    Attributes:
        max_length: int, longest output in tokens, the decoder's start token included.
        max_new_tokens: int or None, the same without start token; goes before `max_length`.
        min_length, min_new_tokens: int, eos is forbidden before.
        do_sample: bool, draw tokens instead of taking the most probable ones.
        num_beams: int, 1 is greedy search or plain sampling.
        num_beam_groups: int, divides `num_beams`: groups are searched one after the other
            (Vijayakumar et al., 2016).
        diversity_penalty: float, taken from the score of a token for each time that an
            earlier group chose it in the same step.
        num_return_sequences: int, at most `num_beams`; any number for plain sampling.
        temperature, top_k, top_p, typical_p: the distribution that is sampled from; 1.0, 0,
            1.0 and 1.0 leave it as it is.
        repetition_penalty: float, above 1 makes tokens that were there less likely.
        length_penalty: float, the exponent of what scores are divided by.
        length_penalty_type: `"length"` (length ** length_penalty, Hugging Face's) or
            `"gnmt"` (((5 + length) / 6) ** length_penalty, the authors', after Wu et al.,
            2016, equation 14; with it beam search prefers what ended in eos to what did not,
            as theirs does, and scores the latter without penalty). Unknown to
            `transformers`, which ignores it.
        early_stopping: True (stop when `num_beams` outputs are finished), False (stop when
            a better one is unlikely) or `"never"` (when it is impossible).
        no_repeat_ngram_size: int, n-grams of this size occur once; 0 allows all.
        encoder_no_repeat_ngram_size: int, n-grams of this size of the source do not occur.
        bad_words_ids: sequences of ids that do not occur.
        suppress_tokens, begin_suppress_tokens: ids that do not occur, or not first.
        forced_bos_token_id, forced_eos_token_id: int or None, the first token, and the one
            at `max_length`.
        use_cache: bool, keep keys and values of earlier positions; without, each step reads
            the whole output again, which is slow and gives the same.
        return_dict_in_generate: bool, return a `GenerateOutput`.
        output_scores, output_logits, output_attentions, output_hidden_states: bool, what it
            holds besides sequences and their scores.
        extra: dict of unknown keys, kept.

    Raises:
        ValueError, TypeError: a value is out of range; the message names it.
    """

    max_length: int = 20
    max_new_tokens: int | None = None
    min_length: int = 0
    min_new_tokens: int = 0
    do_sample: bool = False
    num_beams: int = 1
    num_beam_groups: int = 1
    diversity_penalty: float = 0.0
    num_return_sequences: int = 1
    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0
    typical_p: float = 1.0
    repetition_penalty: float = 1.0
    length_penalty: float = 1.0
    length_penalty_type: str = "length"
    early_stopping: bool | str = False
    no_repeat_ngram_size: int = 0
    encoder_no_repeat_ngram_size: int = 0
    bad_words_ids: tuple | None = None
    suppress_tokens: tuple | None = None
    begin_suppress_tokens: tuple | None = None
    forced_bos_token_id: int | None = None
    forced_eos_token_id: int | None = None
    use_cache: bool = True
    return_dict_in_generate: bool = False
    output_scores: bool = False
    output_logits: bool = False
    output_attentions: bool = False
    output_hidden_states: bool = False
    extra: dict = field(default_factory=dict, hash=False)

    def __post_init__(self):
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is None and name in _OPTIONAL:
                continue
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"{name}={value!r} must be an int")
            if value < least:
                raise ValueError(f"{name}={value!r} must be at least {least}")
        for name in ("length_penalty", "diversity_penalty", *_POSITIVE):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                raise TypeError(f"{name}={value!r} must be a float")
        for name, most in _POSITIVE.items():
            if not 0 < getattr(self, name) <= most:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} must be above 0"
                    + (f" and at most {most:g}" if most < math.inf else "")
                )
        for name in _FLAGS:
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name}={getattr(self, name)!r} must be a bool")
        if self.length_penalty_type not in LENGTH_PENALTY_TYPES:
            raise ValueError(
                f"length_penalty_type={self.length_penalty_type!r} must be one of "
                + ", ".join(LENGTH_PENALTY_TYPES)
            )
        if self.early_stopping not in (True, False, "never"):
            raise ValueError(
                f"early_stopping={self.early_stopping!r} must be True, False or 'never'"
            )
        # As tuples, which a dict of compiled programs can be keyed by.
        for name in ("suppress_tokens", "begin_suppress_tokens"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, _ids(name, value))
        if self.bad_words_ids is not None:
            if not isinstance(self.bad_words_ids, (list, tuple)):
                raise TypeError(f"bad_words_ids={self.bad_words_ids!r} must be a list of lists")
            words = tuple(_ids("bad_words_ids", word) for word in self.bad_words_ids)
            if () in words:
                raise ValueError("bad_words_ids holds an empty word: it would forbid everything")
            object.__setattr__(self, "bad_words_ids", words)
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
                raise ValueError(f"{name}=True needs use_cache=True: steps are recorded with it")
        samples_alone = self.do_sample and self.num_beams == 1
        if self.num_return_sequences > self.num_beams and not samples_alone:
            raise ValueError(
                f"num_return_sequences={self.num_return_sequences} must not be above "
                f"num_beams={self.num_beams}, unless do_sample=True and num_beams=1"
            )

    @property
    def rows_a_source(self):
        """int, hypotheses that each source has at a time: its beams, or, without, as many as
        sequences are asked for."""
        return self.num_beams if self.num_beams > 1 else self.num_return_sequences

    def _check_groups(self):
        if self.num_beams % self.num_beam_groups:
            raise ValueError(
                f"num_beam_groups={self.num_beam_groups} must divide num_beams={self.num_beams}"
            )
        if self.num_beam_groups > 1 and self.do_sample:
            raise ValueError(
                f"num_beam_groups={self.num_beam_groups} excludes do_sample=True: groups are "
                "searched, not drawn"
            )
        if self.diversity_penalty < 0:
            raise ValueError(f"diversity_penalty={self.diversity_penalty!r} must be at least 0")
        if self.diversity_penalty > 0 and self.num_beam_groups == 1:
            raise ValueError(
                f"diversity_penalty={self.diversity_penalty!r} needs num_beam_groups above 1, "
                f"got num_beam_groups={self.num_beam_groups}"
            )

    def updated(self, **options):
        """Returns a copy with the options that are not None replaced.

        Raises:
            TypeError: an unknown option.
        """
        unknown = sorted(set(options) - _NAMES)
        if unknown:
            raise TypeError(
                f"unknown generation option {unknown[0]!r}, expected some of: "
                + ", ".join(sorted(_NAMES))
            )
        return replace(self, **{name: v for name, v in options.items() if v is not None})

    def to_dict(self):
        """Returns all options and the kept unknown keys, JSON-serializable."""
        return {**self.extra, **{name: getattr(self, name) for name in _NAMES}}

    @classmethod
    def from_dict(cls, values):
        """Builds a configuration from a dict; unknown keys go to `extra`, None to the default."""
        known = {n: v for n, v in values.items() if n in _NAMES and v is not None}
        return cls(**known, extra={n: v for n, v in values.items() if n not in _NAMES})

    @classmethod
    def from_model_config(cls, config):
        """Reads the options that older models keep in `config.json`."""
        values = {name: config.extra[name] for name in _NAMES if name in config.extra}
        # `transformers` looks for these ids here; ours come from config.json.
        for name in (
            "forced_eos_token_id",
            "decoder_start_token_id",
            "eos_token_id",
            "pad_token_id",
        ):
            values[name] = getattr(config, name)
        return cls.from_dict(values)

    def save_pretrained(self, save_directory):
        """Writes `generation_config.json` into a directory, atomically."""
        write_json_atomically(Path(save_directory) / GENERATION_CONFIG_FILE, self.to_dict())

    @classmethod
    def from_pretrained(cls, path):
        """Reads `generation_config.json` from a directory.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it is not JSON, or a value is out of range.
        """
        return cls.from_dict(read_json_object(Path(path) / GENERATION_CONFIG_FILE))


_NAMES = frozenset(f.name for f in fields(GenerationConfig)) - {"extra"}
_FLAGS = (
    "do_sample",
    "use_cache",
    "return_dict_in_generate",
    *OUTPUT_FLAGS,
)
_OPTIONAL = ("max_new_tokens", "forced_bos_token_id", "forced_eos_token_id")
_POSITIVE = {
    "temperature": math.inf,
    "top_p": 1.0,
    "typical_p": 1.0,
    "repetition_penalty": math.inf,
}
_LEAST = {
    "max_new_tokens": 1,
    "min_new_tokens": 0,
    "top_k": 0,
    "encoder_no_repeat_ngram_size": 0,
    "forced_bos_token_id": 0,
    "forced_eos_token_id": 0,
    "max_length": 2,
    "min_length": 0,
    "num_beams": 1,
    "num_beam_groups": 1,
    "num_return_sequences": 1,
    "no_repeat_ngram_size": 0,
}


def _ids(name, values):
    if not isinstance(values, (list, tuple)) or any(
        not isinstance(value, int) or isinstance(value, bool) or value < 0 for value in values
    ):
        raise ValueError(f"{name} must hold ids, ints of at least 0, got {values!r}")
    return tuple(values)
