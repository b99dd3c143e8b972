"""Folds attention biases into other weights, for the authors' format, which has no biases.

A key bias adds the same number to all scores of a query, which softmax ignores: it is dropped.
Attention weights sum to one, so an output bias b equals a value bias c where W_out c = b. The
remaining biases are those of queries and values, which are projections of a layer norm's output
x = gamma * z + beta. The entries of z sum to 0, so adding a vector u times the row (1 / gamma)
changes only the constant part of a projection:

    (W + u (1/gamma)^T) x = W x + u sum(beta / gamma)

With u = b / sum(beta / gamma) this is W x + b. If the sum is small, beta is first moved by t gamma,
which u compensates.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

_BIAS = re.compile(
    r"^model\.(?:encoder|decoder)\.layers\.\d+\.(?:self|encoder)_attn\..*_proj\.bias$"
)
_MEMORY_NORM = "model.encoder.layer_norm"
# Tolerance for the float32 error of a projection, relative to its largest value.
_TOLERANCE = 1e-5
_SAMPLES = 64


class _Projection(NamedTuple):
    """A kernel after a layer norm, the bias to fold, and the kernel that follows, if any."""

    name: str
    bias: np.ndarray
    output: str | None = None


def fold_attention_biases(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Folds all attention biases into kernels and layer norms.

    Logits stay the same up to rounding; the encoder's last hidden state is shifted by a constant
    that all layers reading it compensate.

    Args:
        tensors: arrays by Hugging Face name, in Hugging Face's layout.

    Returns:
        The tensors with attention biases of zero; changed tensors are float32. If all these
        biases are zero already, nothing is changed.

    Raises:
        ValueError: if a bias cannot be folded accurately; the message names it and the reason.
    """
    folded = dict(tensors)
    biases = [name for name in tensors if _BIAS.match(name)]
    if not any(np.any(tensors[name]) for name in biases):
        return folded
    groups: dict[str, list[_Projection]] = {}
    for name in biases:
        folded[name] = np.zeros_like(tensors[name])
        attention, _, kind = name.removesuffix(".bias").rpartition(".")
        own_norm = f"{attention}_layer_norm"
        if kind == "q_proj":
            bias = tensors[name].astype("float64")
            groups.setdefault(own_norm, []).append(_Projection(f"{attention}.q_proj", bias))
        elif kind == "v_proj":
            norm = own_norm if attention.endswith("self_attn") else _MEMORY_NORM
            projection = _Projection(
                f"{attention}.v_proj", _value_bias(tensors, attention), f"{attention}.out_proj"
            )
            groups.setdefault(norm, []).append(projection)
    for norm, projections in groups.items():
        if any(np.any(projection.bias) for projection in projections):
            _fold_group(tensors, folded, norm, projections)
    return folded


def _value_bias(tensors, attention):
    """Returns the value bias that replaces the biases of values and output, float64."""
    bias = tensors[f"{attention}.v_proj.bias"].astype("float64")
    output = tensors[f"{attention}.out_proj.bias"].astype("float64")
    if not np.any(output):
        return bias
    kernel = tensors[f"{attention}.out_proj.weight"].astype("float64")
    try:
        moved = np.linalg.solve(kernel, output)
    except np.linalg.LinAlgError:
        moved = np.linalg.lstsq(kernel, output)[0]
        if not np.allclose(kernel @ moved, output, rtol=0, atol=1e-7):
            raise ValueError(
                f"{attention}.out_proj.bias cannot be folded: {attention}.out_proj.weight "
                "is singular, so no value bias has the same effect; the authors' model has "
                "no such bias (weights_format='original')"
            ) from None
    return bias + moved


def _fold_group(tensors, folded, norm, projections):
    """Folds the biases of all projections of a layer norm's output."""
    gamma = tensors[f"{norm}.weight"].astype("float64")
    beta = tensors[f"{norm}.bias"].astype("float64")
    row, shift = _constant_direction(gamma)
    # The projections' constant input along `row`, which should be as large as other inputs.
    constant = row @ beta
    step = 0.0
    if abs(constant) < np.abs(row @ shift) / 4:
        step = float(np.copysign(1.0, constant))
    moved = beta + step * shift
    constant = row @ moved
    folded[f"{norm}.bias"] = moved.astype("float32")
    for projection in projections:
        kernel = tensors[f"{projection.name}.weight"].astype("float64")
        u = (projection.bias - step * (kernel @ shift)) / constant
        changed = (kernel + np.outer(u, row)).astype("float32")
        folded[f"{projection.name}.weight"] = changed
        _check(tensors, folded, norm, projection)


def _constant_direction(gamma):
    """Returns a row that z never reaches through gamma, and a step of beta that changes it."""
    if np.all(gamma):
        return 1.0 / gamma, gamma
    # An entry with a gamma of zero is constant by itself.
    one = np.zeros_like(gamma)
    one[int(np.argmin(np.abs(gamma)))] = 1.0
    return one, one


def _check(tensors, folded, norm, projection):
    """Compares a projection before and after folding, on random inputs and in float32."""
    gamma, beta = (tensors[f"{norm}.{part}"].astype("float64") for part in ("weight", "bias"))
    z = np.random.default_rng(0).normal(size=(_SAMPLES, len(gamma)))
    z -= z.mean(axis=1, keepdims=True)
    z /= z.std(axis=1, keepdims=True)
    kernel = tensors[f"{projection.name}.weight"].astype("float64")
    expected = (z * gamma + beta) @ kernel.T + projection.bias
    inputs = z.astype("float32") * folded[f"{norm}.weight"].astype("float32")
    found = (inputs + folded[f"{norm}.bias"]) @ folded[f"{projection.name}.weight"].T
    if projection.output is not None:
        output = tensors[f"{projection.output}.weight"]
        expected = expected @ output.T.astype("float64")
        found = found @ output.T.astype("float32")
    error = np.abs(found - expected).max()
    scale = max(1.0, np.abs(expected).max())
    if not error <= _TOLERANCE * scale:
        raise ValueError(
            f"the biases of {projection.name} cannot be folded in float32: its output would "
            f"be off by {error:.1e}, because {norm}.weight or the output projection's kernel is "
            "nearly singular; the authors' model has no such biases (weights_format='original')"
        )
