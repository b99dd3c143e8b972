"""The model's hyper-parameters, read from and written to Hugging Face's `config.json`."""

import copy
import inspect
import json
import math
from pathlib import Path

from tf_pegasus.config.presets import preset_values
from tf_pegasus.utils.files import read_json_object, write_json_atomically

CONFIG_FILE = "config.json"

POSITION_EMBEDDINGS = ("huggingface", "original")
# Implemented in `tf_pegasus.layers.activations`.
ACTIVATIONS = (
    "relu",
    "gelu",
    "gelu_new",
    "gelu_fast",
    "gelu_pytorch_tanh",
    "quick_gelu",
    "silu",
    "swish",
    "tanh",
    "sigmoid",
    "linear",
)


class PegasusConfig:
    """Configuration of a PEGASUS model (Zhang et al., ICML 2020, section 3 and appendix A).

    Arguments and defaults are those of `transformers.PegasusConfig`. Keys that it does not
    know are kept as they are (`config.extra`) and written back, so that a configuration
    survives the round trip through this class.

    Args:
        vocab_size: int, number of rows of the token embedding.
        max_position_embeddings: int, longest sequence in tokens, of encoder and decoder.
        encoder_layers, decoder_layers: int, number of transformer layers.
        encoder_ffn_dim, decoder_ffn_dim: int, width of the feed-forward blocks.
        encoder_attention_heads, decoder_attention_heads: int, must divide `d_model`.
        encoder_layerdrop, decoder_layerdrop: float in [0, 1], probability of skipping a
            layer while training.
        use_cache: bool, whether generation keeps keys and values. Default True.
        is_encoder_decoder: bool. Default True.
        activation_function: str, one of `ACTIVATIONS`.
        d_model: int, width of the residual stream.
        dropout, attention_dropout, activation_dropout: float in [0, 1].
        init_std: float, standard deviation of the truncated normal initializer.
        decoder_start_token_id: int, first decoder id. Default 0, the pad id.
        scale_embedding: bool, multiply token embeddings by sqrt(d_model).
        pad_token_id, eos_token_id: int. Defaults 0 and 1.
        forced_eos_token_id: int or None, id forced at `max_length`.
        position_embedding_type: `"huggingface"` (default, divisor 10000^(2i/d)) or
            `"original"` (the authors' TF1 code, divisor 10000^(i/(d/2-1))). Unknown to
            `transformers`, which ignores it.
        layer_norm_epsilon: float, default 1e-5. Unknown to `transformers`, which
            ignores it (its own is 1e-5; the authors' TF1 graph has 1e-12).
        label_smoothing: float in [0, 1], default 0.0, of the built-in loss while training.
            Unknown to `transformers`, which ignores it.
        output_attentions, output_hidden_states, return_dict: bool, the defaults of the
            models' arguments of the same names. False, False, True.
        **kwargs: further keys, kept. `hidden_size` and `num_attention_heads` are aliases
            of `d_model` and `encoder_attention_heads`.

    Raises:
        ValueError: a value is out of range; the message names argument and value.
        TypeError: a value has the wrong type.
    """

    model_type = "pegasus"
    attribute_map = {
        "hidden_size": "d_model",
        "num_attention_heads": "encoder_attention_heads",
        "num_hidden_layers": "encoder_layers",
    }

    def __init__(
        self,
        vocab_size=50265,
        max_position_embeddings=1024,
        encoder_layers=12,
        encoder_ffn_dim=4096,
        encoder_attention_heads=16,
        decoder_layers=12,
        decoder_ffn_dim=4096,
        decoder_attention_heads=16,
        encoder_layerdrop=0.0,
        decoder_layerdrop=0.0,
        use_cache=True,
        is_encoder_decoder=True,
        activation_function="gelu",
        d_model=1024,
        dropout=0.1,
        attention_dropout=0.0,
        activation_dropout=0.0,
        init_std=0.02,
        decoder_start_token_id=0,
        scale_embedding=False,
        pad_token_id=0,
        eos_token_id=1,
        forced_eos_token_id=1,
        position_embedding_type="huggingface",
        layer_norm_epsilon=1e-5,
        label_smoothing=0.0,
        output_attentions=False,
        output_hidden_states=False,
        return_dict=True,
        **kwargs,
    ):
        arguments = {
            name: value
            for name, value in locals().items()
            if name not in ("self", "kwargs", "__class__")
        }
        self._names = tuple(arguments)
        for alias, name in self.attribute_map.items():
            if alias in kwargs:
                value = kwargs.pop(alias)
                if arguments[name] == _DEFAULTS[name]:
                    arguments[name] = value
                elif arguments[name] != value:
                    raise ValueError(
                        f"{alias}={value!r} contradicts {name}={arguments[name]!r}: "
                        "they are two names of one value, give only one"
                    )
        model_type = kwargs.pop("model_type", self.model_type)
        if model_type != self.model_type:
            raise ValueError(
                f"model_type={model_type!r}: this is the configuration of another "
                f"architecture, expected {self.model_type!r}"
            )
        _validate(arguments)
        for name, value in arguments.items():
            setattr(self, name, value)
        self.extra = copy.deepcopy(kwargs)

    def __getattr__(self, name):
        # Only called for names that normal look-up does not find.
        target = type(self).attribute_map.get(name)
        if target is not None:
            return getattr(self, target)
        extra = self.__dict__.get("extra", {})
        if name in extra:
            return extra[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name, value):
        super().__setattr__(self.attribute_map.get(name, name), value)

    def __eq__(self, other):
        return isinstance(other, PegasusConfig) and self.to_dict() == other.to_dict()

    __hash__ = None

    def __repr__(self):
        return f"{type(self).__name__} {json.dumps(self.to_dict(), indent=2, sort_keys=True)}"

    def to_dict(self):
        """Returns a JSON-serializable dict: every field, what `transformers` derives from
        them, and the kept unknown keys."""
        fields = {name: getattr(self, name) for name in self._names}
        derived = {"model_type": self.model_type, "num_hidden_layers": self.encoder_layers}
        return {**copy.deepcopy(self.extra), **fields, **derived}

    @classmethod
    def from_dict(cls, values, **overrides):
        """Builds a configuration from a dict such as `to_dict` returns."""
        merged = {}
        for given in (values, overrides):
            # By the real names, so that an override finds what it replaces. Where both are
            # given, as `transformers` writes num_hidden_layers, the alias is an echo.
            echoes = {alias for alias, name in cls.attribute_map.items() if name in given}
            for key, value in given.items():
                if key not in echoes:
                    merged[cls.attribute_map.get(key, key)] = value
        return cls(**merged)

    @classmethod
    def from_preset(cls, name, **overrides):
        """The configuration of a published checkpoint, generation options included.

        Args:
            name: such as `"xsum"`, also `"pegasus-xsum"` or `"google/pegasus-xsum"`; one
                of `tf_pegasus.config.presets.PRESETS`.
            **overrides: values to replace.

        Raises:
            ValueError: there is no such checkpoint.
        """
        return cls.from_dict(preset_values(name), **overrides)

    def save_pretrained(self, save_directory):
        """Writes `config.json` into `save_directory` (made if missing), atomically."""
        directory = Path(save_directory)
        directory.mkdir(parents=True, exist_ok=True)
        write_json_atomically(directory / CONFIG_FILE, self.to_dict())

    @classmethod
    def from_pretrained(cls, path, **overrides):
        """Reads `config.json` from a directory, or the JSON file itself.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: it is not JSON, or a value is out of range.
        """
        path = Path(path)
        file = path if path.is_file() else path / CONFIG_FILE
        return cls.from_dict(read_json_object(file), **overrides)


_DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(PegasusConfig).parameters.items()
}

_POSITIVE_INTEGERS = (
    "vocab_size",
    "max_position_embeddings",
    "encoder_layers",
    "encoder_ffn_dim",
    "encoder_attention_heads",
    "decoder_layers",
    "decoder_ffn_dim",
    "decoder_attention_heads",
    "d_model",
)
_PROBABILITIES = (
    "encoder_layerdrop",
    "decoder_layerdrop",
    "dropout",
    "attention_dropout",
    "activation_dropout",
    "label_smoothing",
)
_BOOLEANS = (
    "use_cache",
    "is_encoder_decoder",
    "scale_embedding",
    "output_attentions",
    "output_hidden_states",
    "return_dict",
)
_IDS = ("decoder_start_token_id", "pad_token_id", "eos_token_id")


def _is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _validate(arguments):
    for name in _POSITIVE_INTEGERS:
        value = arguments[name]
        if not _is_integer(value):
            raise TypeError(f"{name}={value!r} must be an int")
        if value <= 0:
            raise ValueError(f"{name}={value!r} must be at least 1")
    for name in _PROBABILITIES:
        value = arguments[name]
        if not _is_number(value):
            raise TypeError(f"{name}={value!r} must be a float")
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name}={value!r} must be between 0 and 1")
    for name in _BOOLEANS:
        if not isinstance(arguments[name], bool):
            raise TypeError(f"{name}={arguments[name]!r} must be a bool")
    for name in ("init_std", "layer_norm_epsilon"):
        value = arguments[name]
        if not _is_number(value):
            raise TypeError(f"{name}={value!r} must be a float")
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{name}={value!r} must be positive and finite")
    vocab_size = arguments["vocab_size"]
    for name in (*_IDS, "forced_eos_token_id"):
        value = arguments[name]
        if name == "forced_eos_token_id" and value is None:
            continue
        if not _is_integer(value):
            raise TypeError(f"{name}={value!r} must be an int")
        if not 0 <= value < vocab_size:
            raise ValueError(
                f"{name}={value!r} must be between 0 and vocab_size - 1 = {vocab_size - 1}"
            )
    d_model = arguments["d_model"]
    if d_model % 2:
        raise ValueError(f"d_model={d_model} must be even: half of it holds sines, half cosines")
    for name in ("encoder_attention_heads", "decoder_attention_heads"):
        if d_model % arguments[name]:
            raise ValueError(f"{name}={arguments[name]} must divide d_model={d_model}")
    for name, known in (
        ("activation_function", ACTIVATIONS),
        ("position_embedding_type", POSITION_EMBEDDINGS),
    ):
        if arguments[name] not in known:
            raise ValueError(f"{name}={arguments[name]!r} must be one of {', '.join(known)}")
