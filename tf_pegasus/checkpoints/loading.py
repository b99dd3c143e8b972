"""Finding a model's weights, in whatever format they are, and putting them in."""

import warnings
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from tf_pegasus.checkpoints.names import EMBEDDINGS, LOGITS_BIAS, POSITIONS, huggingface_weights
from tf_pegasus.checkpoints.readers.flax_file import FlaxFile
from tf_pegasus.checkpoints.readers.keras_h5_file import KerasH5File
from tf_pegasus.checkpoints.readers.original import (
    OriginalCheckpoint,
    find_original,
    original_config,
)
from tf_pegasus.checkpoints.readers.pytorch_file import PytorchFile
from tf_pegasus.checkpoints.readers.safetensors_file import SafetensorsFile
from tf_pegasus.checkpoints.readers.shards import ShardedWeights, shard_paths
from tf_pegasus.config.generation import GENERATION_CONFIG_FILE, GenerationConfig
from tf_pegasus.config.model import CONFIG_FILE, PegasusConfig
from tf_pegasus.utils.compat import set_initializer
from tf_pegasus.utils.hub import local_directory

# In the order in which they are preferred.
_READERS = (
    ("model.safetensors", SafetensorsFile),
    ("pytorch_model.bin", PytorchFile),
    ("tf_model.h5", KerasH5File),
    ("flax_model.msgpack", FlaxFile),
)


class Source(NamedTuple):
    """Where a model is: its directory, and the prefix where one TF1 checkpoint was named."""

    directory: Path
    prefix: str | None = None

    def open(self):
        """Opens the weights.

        Returns:
            `WeightFile`.

        Raises:
            FileNotFoundError: there are none.
            DamagedFileError: they cannot be read.
        """
        directory = self.directory
        for name, reader in _READERS if self.prefix is None else ():
            if (directory / name).is_file():
                return reader(directory / name)
            if (directory / f"{name}.index.json").is_file():
                shards = shard_paths(directory / f"{name}.index.json")
                return ShardedWeights([reader(path) for path in shards])
        prefix = self.prefix or find_original(directory)
        if prefix is not None:
            return OriginalCheckpoint(prefix)
        names = ", ".join(name for name, _ in _READERS)
        raise FileNotFoundError(f"no weights in {str(directory)!r}: none of {names}, model.ckpt-*")


def find_source(path, **hub):
    """Finds what `from_pretrained(path)` means: a directory, the prefix of one of the
    authors' checkpoints, or a repository of the hub; see `local_directory`."""
    if Path(f"{path}.index").is_file():
        return Source(Path(path).parent, str(path))
    return Source(local_directory(path, **hub))


def load_pretrained(model_class, path, strict, dtype, config, hub, overrides):
    """Builds a model from what `path` names; see `from_pretrained` for the arguments.

    Returns:
        The model, and a dict with `missing_keys` and `unexpected_keys`.
    """
    source = find_source(path, **hub)
    config = read_config(source, config, overrides)
    file = source.open()
    if config is None:
        config = original_config(file, **overrides)
    # In this scope variables get their values when it ends, in the order of their making:
    # never is anything drawn that the file then replaces, nor twice the memory used.
    errors = []
    with keras.StatelessScope():
        model = model_class(config, dtype=dtype)
        try:
            info = fill(model, file, strict, errors)
        except BaseException:
            for variable in model.variables:
                set_initializer(variable, keras.initializers.Zeros())
            raise
    if errors:
        raise errors[0]
    if hasattr(model, "generate"):
        model.generation_config = _generation_config(source.directory, config)
    return model, info


def read_config(source, config=None, overrides=None):
    """The configuration of a `Source`; None where only the authors' weights can tell it.

    Raises:
        FileNotFoundError: there is none.
        ValueError: a damaged file, or values out of range.
    """
    overrides = overrides or {}
    if config is not None:
        values = config if isinstance(config, dict) else config.to_dict()
        return PegasusConfig.from_dict(values, **overrides)
    is_original = source.prefix or find_original(source.directory)
    if is_original and not (source.directory / CONFIG_FILE).is_file():
        return None
    return PegasusConfig.from_pretrained(source.directory, **overrides)


def _generation_config(directory, config):
    if (directory / GENERATION_CONFIG_FILE).is_file():
        return GenerationConfig.from_pretrained(directory)
    return GenerationConfig.from_model_config(config)


def fill(model, file, strict, errors):
    """Makes a file's weights the initial values of a model's uninitialized variables.

    Args:
        model: a model that `huggingface_weights` knows, made in a `keras.StatelessScope`.
        file: `WeightFile`.
        strict: bool; whether missing and unexpected weights raise or warn. By default they
            raise in safetensors files.
        errors: list, gets what reading raises later, when the variables are initialized.

    Returns:
        dict with `missing_keys` and `unexpected_keys`.

    Raises:
        ValueError: weights are missing or unexpected, or of another shape; the message
            lists them.
    """
    strict = file.kind == "safetensors" if strict is None else strict
    weights = {weight.name: weight for weight in huggingface_weights(model)}
    stored_names = {name: _stored_name(name, file) for name in weights}
    wrong = [
        f"{name} has the shape {file.tensors[stored].shape}, the configuration asks for "
        f"{weights[name].file_shape()}"
        for name, stored in stored_names.items()
        if stored and file.tensors[stored].shape != weights[name].file_shape()
    ]
    if wrong:
        raise ValueError(f"{file.label()} does not fit: " + _first(wrong))
    info = {
        # A bare model's file has no bias: it stays the zeros that it is when untrained.
        "missing_keys": [
            name for name, stored in stored_names.items() if stored is None and name != LOGITS_BIAS
        ],
        "unexpected_keys": [name for name in file.tensors if not _is_known(name, model, weights)],
    }
    problems = [f"{name} is missing" for name in info["missing_keys"]]
    problems += [f"{name} is unexpected" for name in info["unexpected_keys"]]
    if problems:
        message = f"{file.label()} does not match the model: " + _first(problems)
        if strict:
            raise ValueError(message)
        warnings.warn(message, stacklevel=4)
    for name, stored in stored_names.items():
        if stored is not None:
            reader = _reader(weights[name], file, stored, errors)
            set_initializer(weights[name].variable, reader)
    return info


def _reader(weight, file, stored, errors):
    def initializer(shape, dtype=None):
        # Keras initializes all variables or is left with some that it will not get rid of.
        if errors:
            return np.zeros(shape, dtype)
        try:
            value = file.read(stored)
        except (ValueError, OSError) as error:
            errors.append(error)
            return np.zeros(shape, dtype)
        value = np.ascontiguousarray(value.T if weight.transposed else value)
        return value.astype(dtype, copy=False)

    return initializer


def _stored_name(name, file):
    """Where the file has a weight: the one embedding may go under several names."""
    names = (name, *EMBEDDINGS) if name in EMBEDDINGS else (name,)
    return next((stored for stored in names if stored in file.tensors), None)


def _is_known(name, model, weights):
    if name in weights or name in EMBEDDINGS or name in POSITIONS:
        return True
    # A part of the model reads the file of the whole; the rest is then left over.
    if "encoder" not in model.get_stacks() and name.startswith("model.encoder."):
        return True
    return name == LOGITS_BIAS and model.get_bias() is None


def _first(problems, count=5):
    more = len(problems) - count
    return "; ".join(problems[:count]) + (f"; and {more} more" if more > 0 else "")
