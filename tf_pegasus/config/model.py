"""The hyper-parameters of the model, stored in Hugging Face's `config.json`."""

import copy
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

from tf_pegasus.config.activations import activation
from tf_pegasus.config.base import (
    Options,
    choice,
    flag,
    integer,
    number,
    token_id_or_ids,
    with_suggestion,
)
from tf_pegasus.config.foreign_arguments import SAVING, check_foreign
from tf_pegasus.config.foreign_keys import REFUSED_KEYS, TRANSFORMERS_KEYS
from tf_pegasus.config.generation import GenerationConfig
from tf_pegasus.config.presets import preset_values
from tf_pegasus.utils.hub import HubOptions

CONFIG_FILE = "config.json"

POSITION_EMBEDDINGS = ("huggingface", "original")


@dataclass(init=False, eq=False, repr=False)
class PegasusConfig(Options):
    """Configuration of a PEGASUS model (Zhang et al., ICML 2020, section 3 and appendix A).

    Arguments and defaults are those of `transformers.PegasusConfig`. Unknown keys of a file are
    kept (`config.extra`) and written back, so that a configuration survives the round trip
    through this class.

    Args:
        vocab_size: int, number of rows of the token embedding.
        max_position_embeddings: int, longest sequence in tokens, of encoder and decoder.
        encoder_layers, decoder_layers: int, number of transformer layers.
        encoder_ffn_dim, decoder_ffn_dim: int, width of the feed-forward blocks.
        encoder_attention_heads, decoder_attention_heads: int, must divide `d_model`.
        encoder_layerdrop, decoder_layerdrop: float in [0, 1], probability of skipping a
            layer in training.
        use_cache: bool, whether generation keeps keys and values. Default True.
        is_encoder_decoder: bool, for programs that read the configuration. Default True; each model
            sets it to what it is.
        activation_function: str, one of `ACTIVATIONS`; or a function that Keras can name:
            one of `keras.activations`, or one that is registered by
            `keras.saving.register_keras_serializable`. Models replace it by its name, such as
            `"package>name"`, under which files store it.
        d_model: int, width of the residual stream.
        dropout, attention_dropout, activation_dropout: float in [0, 1].
        init_std: float, standard deviation of the truncated normal initializer.
        decoder_start_token_id: int, first decoder id. Default 0, the pad id.
        scale_embedding: bool, whether to multiply token embeddings by sqrt(d_model).
        pad_token_id: int or None. Default 0.
        eos_token_id: int, list of int (each of which ends an output), or None. Default 1.
        forced_eos_token_id: int or None, id forced at `max_length`.
        position_embedding_type: `"huggingface"` (default, divisor 10000^(2i/d)) or
            `"original"` (the authors' TF1 code, divisor 10000^(i/(d/2-1))). Unknown to
            `transformers`, which ignores it.
        layer_norm_epsilon: float, default 1e-5. Unknown to `transformers`, which
            ignores it (and uses 1e-5; the authors' TF1 graph uses 1e-12).
        label_smoothing: float in [0, 1], default 0.0, label smoothing of the built-in loss in
            training. Unknown to `transformers`, which ignores it.
        output_attentions, output_hidden_states, return_dict: bool, defaults of the
            models' arguments of the same names. False, False, True.
        tie_word_embeddings: bool, whether the output projection is the token embedding (default
            True) or a table of its own, `lm_head`.
        bos_token_id: int or None (default), an id that PEGASUS does not use.
        is_decoder: bool, whether this is the configuration of a decoder alone, as in
            `TFPegasusForCausalLM`. Default False.
        mlm_loss_weight: float, default 1.0, weight of the loss of masked words in
            `TFPegasusForPreTraining`. Unknown to `transformers`, which ignores it.
        extra: dict of custom keys, which are kept and written to `config.json`.
        **keywords: `hidden_size`, `num_attention_heads` and `num_hidden_layers`, aliases of
            `d_model`, `encoder_attention_heads` and `encoder_layers`; generation options,
            which older files store here (see `GenerationConfig`); and the other keys that
            `transformers` writes (`TRANSFORMERS_KEYS`). The latter two are kept in `extra`.

    Attributes:
        extra: dict of the keys that are not fields; they are also attributes.
        given_fields: frozenset of str, the fields that were given by the caller or a file,
            or set later. For the others, the checkpoint's format may determine the value.

    Raises:
        ValueError: if a value is out of range; the message names argument and value.
        TypeError: if a value has the wrong type, or a keyword is unknown.
    """

    vocab_size: int = integer(50265, least=1)
    max_position_embeddings: int = integer(1024, least=1)
    encoder_layers: int = integer(12, least=1)
    encoder_ffn_dim: int = integer(4096, least=1)
    encoder_attention_heads: int = integer(16, least=1)
    decoder_layers: int = integer(12, least=1)
    decoder_ffn_dim: int = integer(4096, least=1)
    decoder_attention_heads: int = integer(16, least=1)
    encoder_layerdrop: float = number(0.0, least=0, most=1)
    decoder_layerdrop: float = number(0.0, least=0, most=1)
    use_cache: bool = flag(True)
    is_encoder_decoder: bool = flag(True)
    activation_function: str | Callable = activation("gelu")  # noqa: RUF009 (declares a field)
    d_model: int = integer(1024, least=1)
    dropout: float = number(0.1, least=0, most=1)
    attention_dropout: float = number(0.0, least=0, most=1)
    activation_dropout: float = number(0.0, least=0, most=1)
    init_std: float = number(0.02, above=0)
    decoder_start_token_id: int = integer(0)
    scale_embedding: bool = flag(False)
    pad_token_id: int | None = integer(0, optional=True)
    eos_token_id: int | tuple[int, ...] | None = token_id_or_ids(1)
    forced_eos_token_id: int | None = integer(1, optional=True)
    position_embedding_type: str = choice("huggingface", POSITION_EMBEDDINGS)
    layer_norm_epsilon: float = number(1e-5, above=0)
    label_smoothing: float = number(0.0, least=0, most=1)
    output_attentions: bool = flag(False)
    output_hidden_states: bool = flag(False)
    return_dict: bool = flag(True)
    tie_word_embeddings: bool = flag(True)
    bos_token_id: int | None = integer(None, least=0, optional=True)
    is_decoder: bool = flag(False)
    mlm_loss_weight: float = number(1.0, least=0)

    model_type: ClassVar[str] = "pegasus"
    file_name: ClassVar[str] = CONFIG_FILE
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "d_model",
        "num_attention_heads": "encoder_attention_heads",
        "num_hidden_layers": "encoder_layers",
    }
    # `model_type` is checked, all others are kept.
    foreign_keys: ClassVar[tuple[str, ...]] = (
        "model_type",
        *GenerationConfig.option_names(),
        *TRANSFORMERS_KEYS,
    )

    def __init__(self, *values: Any, extra: Mapping[str, Any] | None = None, **keywords: Any):
        names = self.option_names()
        if len(values) > len(names):
            raise TypeError(
                f"{len(values)} positional arguments were given, at most {len(names)} are accepted"
            )
        given = dict(zip(names, values, strict=False))
        twice = sorted(given.keys() & keywords.keys())
        if twice:
            raise TypeError(f"{twice[0]} was given both by position and by name")
        given |= {name: keywords.pop(name) for name in names if name in keywords}
        for alias, name in self.attribute_map.items():
            if alias in keywords:
                value = keywords.pop(alias)
                if given.setdefault(name, value) != value:
                    raise ValueError(
                        f"{alias}={value!r} contradicts {name}={given[name]!r}: "
                        "they are names of the same value, give only one"
                    )
        for name in keywords:
            if name in REFUSED_KEYS:
                raise TypeError(f"{name}={keywords[name]!r} has no effect: {REFUSED_KEYS[name]}")
            if name not in self.foreign_keys:
                known = (*names, *self.attribute_map, *self.foreign_keys)
                message = f"unknown configuration value {name!r} (pass custom keys as extra={{}})"
                raise TypeError(with_suggestion(message, name, known))
        for name in extra or ():
            if name in names or name in self.attribute_map:
                raise ValueError(f"extra contains {name!r}, which is a field: pass it as {name}=")
        kept = {**(extra or {}), **keywords}
        model_type = kept.pop("model_type", self.model_type)
        if model_type != self.model_type:
            raise ValueError(
                f"model_type={model_type!r}: this is the configuration of another "
                f"architecture, expected {self.model_type!r}"
            )
        self.extra = copy.deepcopy(kept)
        for field in fields(self):
            setattr(self, field.name, given.get(field.name, field.default))
        self.given_fields = frozenset(given)
        self.validate()

    def __getattr__(self, name):
        # Called only for names that normal look-up does not find.
        target = type(self).attribute_map.get(name)
        if target is not None:
            return getattr(self, target)
        extra = self.__dict__.get("extra", {})
        if name in extra:
            return extra[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name, value):
        name = self.attribute_map.get(name, name)
        declared = type(self).__dataclass_fields__.get(name)
        if "given_fields" not in self.__dict__ or name in ("given_fields", "extra"):
            super().__setattr__(name, value)
        elif declared is not None:
            super().__setattr__(name, self.checked(declared, value))
            super().__setattr__("given_fields", self.given_fields | {name})
        elif name in self.extra or name in self.foreign_keys:
            self.extra[name] = value
        else:
            message = f"unknown configuration value {name!r} (custom keys: config.extra[{name!r}])"
            known = (*self.option_names(), *self.attribute_map, *self.foreign_keys)
            raise AttributeError(with_suggestion(message, name, known))

    def __eq__(self, other):
        return isinstance(other, PegasusConfig) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self):
        values = json.dumps(self.to_dict(), indent=2, sort_keys=True, default=repr)
        return f"{type(self).__name__} {values}"

    def _check_together(self):
        last = self.vocab_size - 1
        for name in (
            "decoder_start_token_id",
            "pad_token_id",
            "eos_token_id",
            "forced_eos_token_id",
        ):
            value = getattr(self, name)
            ids = value if isinstance(value, tuple) else () if value is None else (value,)
            if any(not 0 <= index <= last for index in ids):
                raise ValueError(f"{name}={value!r} must be between 0 and vocab_size - 1 = {last}")
        if self.d_model % 2:
            raise ValueError(
                f"d_model={self.d_model} must be even: half of it holds sines, half cosines"
            )
        for name in ("encoder_attention_heads", "decoder_attention_heads"):
            if self.d_model % getattr(self, name):
                raise ValueError(f"{name}={getattr(self, name)} must divide d_model={self.d_model}")

    def to_dict(self) -> dict[str, Any]:
        """Returns a dict, JSON-serializable unless `activation_function` is a function.

        It has every field, the keys that `transformers` derives from them, and the other keys.
        """
        derived = {"model_type": self.model_type, "num_hidden_layers": self.encoder_layers}
        return {**super().to_dict(), **derived}

    def to_json_string(self, use_diff: bool = True) -> str:
        """See `Options.to_json_string`.

        Raises:
            ValueError: if `activation_function` is a function, not the name of one.
        """
        if callable(self.activation_function):
            raise ValueError(
                f"activation_function={self.activation_function!r} has no name that a file could "
                "store: save the configuration of a model, which has replaced it by its name, or "
                "give the name under which it is registered with Keras"
            )
        return super().to_json_string(use_diff)

    def save_pretrained(self, save_directory: str | Path, **keywords: Any) -> None:
        """Writes `config.json` into a directory, created if missing, atomically.

        Args:
            save_directory: path.
            **keywords: arguments of `transformers` with values that ask for nothing else, such
                as `push_to_hub=False`.

        Raises:
            ValueError: see `to_json_string`; or if a keyword asks for something else.
            TypeError: if a keyword is unknown.
        """
        check_foreign(keywords, SAVING, "save_pretrained")
        self.to_json_string()
        super().save_pretrained(save_directory)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        return_unused_kwargs: bool = False,
        **overrides: Any,
    ) -> Any:
        """Reads `config.json`; see `Options.from_pretrained`.

        Args:
            pretrained_model_name_or_path: path of a directory or file, or the name of a
                repository of the hub.
            return_unused_kwargs: bool, whether to return overrides that are no values of the
                configuration, instead of raising TypeError.
            **overrides: see `Options.from_pretrained`.

        Returns:
            The configuration; with `return_unused_kwargs`, a tuple of it and a dict.
        """
        if return_unused_kwargs:
            overrides, unused = cls._split_unused(overrides, HubOptions.names())
            return cls.from_pretrained(pretrained_model_name_or_path, **overrides), unused
        return super().from_pretrained(pretrained_model_name_or_path, **overrides)

    @classmethod
    def _split_unused(cls, overrides, others=()):
        """Separates values of the configuration and those with `others` names from the rest."""
        known = {*cls.option_names(), *cls.attribute_map, *cls.foreign_keys, *others}
        used = {name: value for name, value in overrides.items() if name in known}
        return used, {name: value for name, value in overrides.items() if name not in known}

    @classmethod
    def from_dict(
        cls, values: Mapping[str, Any], *, return_unused_kwargs: bool = False, **overrides: Any
    ) -> Any:
        """Creates a configuration from a dict such as `to_dict` returns.

        Args:
            values: dict; keys that are not fields are kept in `extra`, with a warning if one
                looks like a misspelling.
            return_unused_kwargs: see `from_pretrained`.
            **overrides: values to override, as the constructor takes them.

        Returns:
            The configuration; with `return_unused_kwargs`, a tuple of it and a dict.

        Raises:
            TypeError: if an override is unknown, or a value has the wrong type.
            ValueError: if a value is out of range.
        """
        if return_unused_kwargs:
            overrides, unused = cls._split_unused(overrides)
            return cls.from_dict(values, **overrides), unused
        names = cls.option_names()
        known: dict[str, Any] = {}
        kept: dict[str, Any] = {}
        # Aliases are replaced by field names, so that overrides find what they replace. If a file
        # has both, as `transformers` writes num_hidden_layers, the alias is redundant.
        echoes = {alias for alias, name in cls.attribute_map.items() if name in values}
        for key, value in values.items():
            name = cls.attribute_map.get(key, key)
            if key not in echoes:
                (known if name in names else kept)[name] = value
        cls._warn_of_misspellings(kept)
        replaced = {cls.attribute_map.get(name, name) for name in overrides}
        known = {name: value for name, value in known.items() if name not in replaced}
        kept = {name: value for name, value in kept.items() if name not in replaced}
        return cls(**known, extra=kept, **overrides)

    def updated(self, **overrides: Any) -> Self:
        """Returns a copy with some values replaced; `given_fields` otherwise stays the same.

        Raises:
            TypeError: if an override is unknown, or a value has the wrong type.
            ValueError: if a value is out of range.
        """
        values = self.to_dict()
        copied = self.from_dict(values, **overrides)
        replaced = {self.attribute_map.get(name, name) for name in overrides}
        copied.given_fields = self.given_fields | (replaced & set(self.option_names()))
        return copied

    def update(self, config_dict: Mapping[str, Any]) -> None:
        """Replaces values, all of them or, if one is invalid, none.

        Raises:
            TypeError: if a name is unknown, or a value has the wrong type.
            ValueError: if a value is out of range.
        """
        self.__dict__.update(self.updated(**config_dict).__dict__)

    @classmethod
    def from_preset(cls, name: str, **overrides: Any) -> Self:
        """Returns the configuration of a published checkpoint, with its generation options.

        Args:
            name: str such as `"xsum"`, `"pegasus-xsum"` or `"google/pegasus-xsum"`; see
                `tf_pegasus.config.presets.PRESETS`.
            **overrides: values to override.

        Raises:
            ValueError: if there is no such checkpoint.
        """
        return cls.from_dict(preset_values(name), **overrides)


def _signature():
    """Returns the signature of the constructor, for `help` and `inspect`."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        inspect.Parameter(field.name, kind, default=field.default, annotation=field.type)
        for field in fields(PegasusConfig)
    ]
    return inspect.Signature(
        [
            *parameters,
            inspect.Parameter("extra", inspect.Parameter.KEYWORD_ONLY, default=None),
            inspect.Parameter("keywords", inspect.Parameter.VAR_KEYWORD),
        ]
    )


PegasusConfig.__signature__ = _signature()  # type: ignore[attr-defined]
