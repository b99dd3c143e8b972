"""Finds a model's weights in any format, and loads them into a model."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from tf_pegasus.checkpoints.expected import first_few, match_weights
from tf_pegasus.checkpoints.formats import (
    FILE_DTYPES,
    FORMATS,
    WEIGHTS_FORMATS,
    find_original,
    find_weights,
)
from tf_pegasus.checkpoints.keywords import Keywords, dtype_policy
from tf_pegasus.checkpoints.names import POSITIONS, huggingface_weights
from tf_pegasus.checkpoints.original_config import ORIGINAL_GENERATION, original_config
from tf_pegasus.checkpoints.readers.state_dict import StateDict
from tf_pegasus.checkpoints.readers.weight_file import WeightFile
from tf_pegasus.config.base import MOST_BYTES
from tf_pegasus.config.generation import GENERATION_CONFIG_FILE, GenerationConfig
from tf_pegasus.config.model import CONFIG_FILE, PegasusConfig
from tf_pegasus.utils.compat import set_initializer
from tf_pegasus.utils.files import read_json_object
from tf_pegasus.utils.hub import HubOptions, local_directory

# Configuration, generation options and the tokenizer are always downloaded.
_ALWAYS_FETCHED = ("*.json", "spiece.model")


class Source(NamedTuple):
    """The location of a model.

    Fields:
        directory: its directory; None if configuration and weights are given in memory.
        prefix: the prefix of the TF1 checkpoint, if one was named.
        formats: names of the formats to look for.
        state_dict: dict from name to array, the weights if they are not in files.
    """

    directory: Path | None
    prefix: Path | None = None
    formats: tuple[str, ...] = WEIGHTS_FORMATS
    state_dict: Mapping[str, Any] | None = None

    def existing_directory(self) -> Path:
        """Returns the directory.

        Raises:
            ValueError: if there is none.
        """
        if self.directory is None:
            raise ValueError(
                "pretrained_model_name_or_path=None: give config and state_dict, or the path of a "
                "model"
            )
        return self.directory

    def open(self) -> WeightFile:
        """Opens the weights.

        Raises:
            FileNotFoundError: if there are none.
            DamagedFileError: if they cannot be read.
        """
        if self.state_dict is not None:
            return StateDict(self.state_dict)
        if self.prefix is not None:
            return FORMATS["original"].open(self.prefix)
        found, path = find_weights(self.existing_directory(), self.formats)
        return found.open(path)


def find_source(
    path: str | Path | None,
    hub: HubOptions | None = None,
    formats: Sequence[str] = WEIGHTS_FORMATS,
    state_dict: Mapping[str, Any] | None = None,
) -> Source:
    """Resolves the first argument of `from_pretrained`.

    Args:
        path: a directory, the prefix of an authors' checkpoint, or a repository of the hub.
        hub: `HubOptions`.
        formats: names of the formats to look for; the first one that exists is downloaded.
        state_dict: dict from name to array, to be used instead of the weights there.

    Raises:
        FileNotFoundError, ImportError: see `local_directory`.
        ValueError: if `subfolder` is combined with a prefix, or the formats exclude it.
    """
    if path is None:
        return Source(None, state_dict=state_dict)
    if Path(f"{path}.index").is_file():
        if hub is not None and hub.subfolder is not None:
            raise ValueError(f"subfolder={hub.subfolder!r} is given, but {str(path)!r} is a file")
        if "original" not in formats:
            raise ValueError(f"{str(path)!r} is an authors' checkpoint, not a safetensors file")
        return Source(Path(path).parent, Path(path), state_dict=state_dict)
    fetched = [FORMATS[name].fetched for name in formats] if state_dict is None else []
    directory = local_directory(path, _ALWAYS_FETCHED, fetched, hub)
    return Source(directory, None, tuple(formats), state_dict)


def load_pretrained(
    model_class: Any, source: Source, strict: bool | None, config: Any, keywords: Keywords
) -> tuple[Any, dict[str, list[str]]]:
    """Builds a model from a `Source`; see `from_pretrained` for the arguments.

    Returns:
        A tuple of the model and a dict, see `match_weights`.
    """
    file, config = open_with_config(source, config, keywords.config)
    dtype = dtype_policy(keywords.dtype, common_dtype(file))
    stored_names, info = match_weights(
        config,
        file,
        strict,
        model_class.stack_names,
        model_class.has_logits_bias,
        model_class.has_head,
        keywords.ignore_mismatched_sizes,
    )
    errors: list[Exception] = []
    not_finite: list[str] = []
    # Variables created in this scope get their values when it ends, in order of creation: no
    # random values are drawn first, and there is never a second copy in memory.
    with keras.StatelessScope():
        model = model_class(config, dtype=dtype)
        try:
            fill(model, file, stored_names, errors, not_finite)
        except BaseException:
            for variable in model.variables:
                set_initializer(variable, keras.initializers.Zeros())
            raise
    if errors:
        raise errors[0]
    _report_not_finite(file, not_finite, strict)
    if hasattr(model, "generate"):
        options = keywords.generation_config
        if options is None:
            options = _generation_config(source.directory, file.kind, config)
        model.generation_config = replace(options, **keywords.generation)
    return model, info


def open_with_config(
    source: Source,
    config: PegasusConfig | Mapping[str, Any] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> tuple[WeightFile, PegasusConfig]:
    """Opens the weights of a `Source` and determines their configuration.

    The authors' checkpoints differ from Hugging Face's in settings that cannot be derived from
    their weights (see `ORIGINAL_DIFFERENCES`): for them, the format determines each value that
    neither `overrides` nor `config` sets by name.

    Args:
        source: location of the model.
        config: the configuration; by default the directory's `config.json`.
        overrides: configuration values to override.

    Raises:
        FileNotFoundError: if there are no weights, or there is no configuration and it cannot
            be derived from the weights.
        ValueError: if a file is damaged, or values are out of range.
        TypeError: if `config` is neither a `PegasusConfig` nor a dict.
    """
    overrides = dict(overrides or {})
    found = _given_config(source, config)
    file = source.open()
    if file.kind != "original":
        if found is None:
            found = PegasusConfig.from_pretrained(source.existing_directory())
        return file, found.updated(**overrides)
    given = {} if found is None else {name: getattr(found, name) for name in found.given_fields}
    extra = {} if found is None else found.extra
    return file, original_config(file, {**extra, **given}, overrides)


def _given_config(source, config):
    """Returns the given configuration or that of the directory.

    Returns None if it must be derived from the authors' weights.
    """
    if isinstance(config, PegasusConfig):
        return config
    if isinstance(config, Mapping):
        return PegasusConfig.from_dict(config)
    if config is not None:
        raise TypeError(f"config must be a PegasusConfig or a dict, got {config!r}")
    directory = source.existing_directory()
    may_be_original = source.prefix or find_original(directory)
    if may_be_original and not (directory / CONFIG_FILE).is_file():
        return None
    return PegasusConfig.from_pretrained(directory)


def _generation_config(directory, kind, config):
    if directory is None:
        return GenerationConfig.from_model_config(config)
    file = directory / GENERATION_CONFIG_FILE
    # The authors' decoding, unless the files or the caller's configuration set an option.
    told = ORIGINAL_GENERATION if kind == "original" else {}
    if file.is_file():
        values = {**told, **read_json_object(file, MOST_BYTES)}
        return GenerationConfig.from_file(file, values)
    if kind != "original":
        return GenerationConfig.from_model_config(config)
    options = GenerationConfig.from_model_config(config)
    told = {n: v for n, v in ORIGINAL_GENERATION.items() if n not in config.extra}
    return replace(options, **told)


def common_dtype(file: WeightFile) -> str | None:
    """Returns the floating-point dtype that all weights of a file share, or None."""
    dtypes = {info.dtype for name, info in file.tensors.items() if name not in POSITIONS}
    return dtypes.pop() if len(dtypes) == 1 and dtypes <= set(FILE_DTYPES) else None


def fill(
    model: Any,
    file: WeightFile,
    stored_names: Mapping[str, str],
    errors: list[Exception],
    not_finite: list[str],
) -> None:
    """Sets a file's weights as the initial values of a model's uninitialized variables.

    Args:
        model: a model that `huggingface_weights` supports, created in a
            `keras.StatelessScope`.
        file: `WeightFile`.
        stored_names: dict from the name of a weight to its name in the file, of those that the
            file has; see `match_weights`.
        errors: list, gets what reading raises later, when the variables are initialized.
        not_finite: list, gets the names of weights with NaN or infinite values, likewise.
    """
    for weight in huggingface_weights(model):
        if weight.name in stored_names:
            reader = _reader(weight, file, stored_names[weight.name], errors, not_finite)
            set_initializer(weight.variable, reader)


def _reader(weight, file, stored, errors, not_finite):
    def initializer(shape, dtype=None):
        # Keras must initialize all variables: it never drops uninitialized ones.
        if errors:
            return np.zeros(shape, dtype)
        try:
            value = file.read(stored)
        except (ValueError, OSError) as error:
            errors.append(error)
            return np.zeros(shape, dtype)
        value = np.ascontiguousarray(value.T if weight.transposed else value)
        with np.errstate(over="ignore"):  # checked in the next line
            value = value.astype(dtype, copy=False)
        if not is_finite(value):
            not_finite.append(stored)
        return value

    return initializer


# Where the exponents of those 16-bit numbers are that are not finite.
_EXPONENTS = {"float16": 0x7C00, "bfloat16": 0x7F80}


def is_finite(value: np.ndarray) -> bool:
    """Whether no element is NaN or infinite."""
    if value.dtype.name in _EXPONENTS:
        # NumPy computes with these a hundred times slower.
        exponents = _EXPONENTS[value.dtype.name]
        largest = (value.view("uint16") & exponents).max(initial=0)
        return bool(largest < exponents)
    # A sum is not finite where an element is not, but may overflow where all are.
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.sum(value)
    return bool(np.isfinite(total)) or bool(np.isfinite(value).all())


def _report_not_finite(file, names, strict):
    if not names:
        return
    message = (
        f"{file.label()} has NaN or infinite values, or some that the model's dtype cannot "
        f"hold, in {first_few(names)}: the model will not work"
    )
    if strict:
        raise ValueError(message)
    warnings.warn(message, stacklevel=5)
