"""Hugging Face weight files: `model.safetensors`."""

import os
import tempfile
import warnings
from pathlib import Path

import ml_dtypes  # noqa: F401  (registers bfloat16 with numpy, which safetensors needs)
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from tf_pegasus.checkpoints.names import REDUNDANT, huggingface_weights, position_tables
from tf_pegasus.files import make_readable

WEIGHTS_FILE = "model.safetensors"
FILE_DTYPES = ("float32", "float16", "bfloat16")


def save_weights(model, directory, dtype=None):
    """Writes `model.safetensors` into `directory`, atomically.

    Args:
        model: a model that `huggingface_weights` knows.
        directory: an existing directory.
        dtype: one of `FILE_DTYPES`, or None for the variables' own.

    Raises:
        ValueError: an unknown dtype, or weights that are not finite in it.
    """
    if dtype is not None and dtype not in FILE_DTYPES:
        raise ValueError(f"dtype={dtype!r} must be one of {', '.join(FILE_DTYPES)}")
    values = position_tables(model)
    for weight in huggingface_weights(model):
        value = np.asarray(weight.variable)
        values[weight.name] = value.T if weight.transposed else value
    tensors = {name: _narrowed(name, value, dtype) for name, value in values.items()}
    directory = Path(directory)
    with tempfile.TemporaryDirectory(dir=directory, prefix=".saving-") as temporary:
        file = Path(temporary) / WEIGHTS_FILE
        # The metadata is what PyTorch's loader in `transformers` insists on.
        save_file(tensors, file, metadata={"format": "pt"})
        make_readable(file)
        os.replace(file, directory / WEIGHTS_FILE)


def _narrowed(name, value, dtype):
    if dtype is None:
        return np.ascontiguousarray(value)
    with np.errstate(over="ignore"):  # checked in the next line
        narrowed = value.astype(np.dtype(dtype), order="C")
    if not np.isfinite(narrowed.astype("float32")).all() and np.isfinite(value).all():
        raise ValueError(f"{name} does not fit into dtype={dtype!r}")
    return narrowed


def load_weights(model, directory, strict=True):
    """Assigns the weights in `directory` to `model`, one tensor at a time.

    Args:
        model: a model that `huggingface_weights` knows.
        directory: holds `model.safetensors`.
        strict: bool; False warns of missing and unexpected weights instead of raising.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, weights are missing, unexpected, or of another
            shape; the message lists them. The model is then unchanged.
    """
    path = Path(directory) / WEIGHTS_FILE
    if not path.is_file():
        raise FileNotFoundError(f"no {WEIGHTS_FILE} in {str(directory)!r}")
    try:
        with safe_open(path, framework="np") as file:
            _check(model, file, path, strict)
            names = set(file.keys())
            for weight in huggingface_weights(model):
                if weight.name in names:
                    value = file.get_tensor(weight.name)
                    weight.variable.assign(value.T if weight.transposed else value)
    except SafetensorError as error:
        raise ValueError(f"{str(path)!r} is damaged or no safetensors file: {error}") from error


def _check(model, file, path, strict):
    wanted = {weight.name: weight.file_shape() for weight in huggingface_weights(model)}
    found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 (no mapping)
    problems = [
        f"{name} has the shape {found[name]}, the configuration asks for {shape}"
        for name, shape in wanted.items()
        if name in found and found[name] != shape
    ]
    if problems:
        raise ValueError(f"{str(path)!r} does not fit: " + _first(problems))
    # A bare model reads the file of a full one; the head is then expected to be left over.
    known = {*wanted, *REDUNDANT, "final_logits_bias"}
    problems = [f"{name} is missing" for name in wanted if name not in found]
    problems += [f"{name} is unexpected" for name in found if name not in known]
    if problems:
        message = f"{str(path)!r} does not match the model: " + _first(problems)
        if strict:
            raise ValueError(message)
        warnings.warn(message, stacklevel=4)


def _first(problems, count=5):
    more = len(problems) - count
    return "; ".join(problems[:count]) + (f"; and {more} more" if more > 0 else "")
