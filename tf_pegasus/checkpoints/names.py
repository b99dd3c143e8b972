"""Names of weights: which name each variable has in each of the published formats.

Hugging Face's PyTorch names and layout are the common representation: every reader translates to
it, every writer from it. In it, linear weights are (out, in), while Keras kernels, like those in
TensorFlow and Flax files, are (in, out).
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import keras

from tf_pegasus.config.model import PegasusConfig

SHARED_EMBEDDING = "model.shared.weight"
LM_HEAD = "lm_head.weight"
LOGITS_BIAS = "final_logits_bias"

# Files may store the shared embedding under any of these names, or under several; the last one is
# another weight if the output is not tied to it.
EMBEDDINGS = (
    SHARED_EMBEDDING,
    "model.encoder.embed_tokens.weight",
    "model.decoder.embed_tokens.weight",
    LM_HEAD,
)
# Constants that files contain; they need not be read.
POSITIONS = (
    "model.encoder.embed_positions.weight",
    "model.decoder.embed_positions.weight",
)


class NamedWeight(NamedTuple):
    """A variable, its Hugging Face name, and whether files store its transpose."""

    name: str
    variable: keras.Variable
    transposed: bool

    def file_shape(self) -> tuple[int, ...]:
        """The shape of the weight in a file."""
        shape = tuple(self.variable.shape)
        return shape[::-1] if self.transposed else shape


def huggingface_weights(model: Any) -> list[NamedWeight]:
    """Returns the `NamedWeight`s of a model.

    The names are those of the full model also for a bare one (with Hugging Face's base-model
    prefix), so that one file serves both.
    """
    stacks = model.get_stacks()
    name = embedding_name(stacks)
    weights = [NamedWeight(name, model.get_input_embeddings().embeddings, False)]
    for side, stack in stacks.items():
        for index, layer in enumerate(stack.layers):
            weights += _layer_weights(f"model.{side}.layers.{index}", layer)
        weights += _norm(f"model.{side}.layer_norm", stack.layer_norm)
    if model.get_output_embeddings() is not model.get_input_embeddings():
        weights.append(NamedWeight(LM_HEAD, model.get_output_embeddings().embeddings, False))
    for name, variable in (model.get_bias() or {}).items():
        weights.append(NamedWeight(name, variable, False))
    return weights


def embedding_name(sides: Iterable[str]) -> str:
    """The name of the embedding in a model of these stacks."""
    return SHARED_EMBEDDING if "encoder" in sides else "model.decoder.embed_tokens.weight"


def embedding_names(config: PegasusConfig) -> tuple[str, ...]:
    """The names under which files may store the embedding of a model with this configuration."""
    return tuple(n for n in EMBEDDINGS if config.tie_word_embeddings or n != LM_HEAD)


def position_tables(model: Any) -> dict[str, Any]:
    """Returns the position embeddings by name: constants here, weights in `transformers`."""
    return {
        f"model.{side}.embed_positions.weight": stack.embed_positions.table
        for side, stack in model.get_stacks().items()
    }


def dense_layers(model: Any) -> dict[str, Any]:
    """Returns the dense layers of a model by name, such as "model.encoder.layers.0.fc1"."""
    return {
        name: dense
        for side, stack in model.get_stacks().items()
        for index, layer in enumerate(stack.layers)
        for name, dense in _layer_dense(f"model.{side}.layers.{index}", layer)
    }


def projection(name: str) -> str:
    """Returns the last part of the name of a dense layer, such as "fc1"."""
    return name.rpartition(".")[2]


def _layer_dense(prefix, layer):
    for name in _attentions(layer):
        for projection in ("k_proj", "v_proj", "q_proj", "out_proj"):
            yield f"{prefix}.{name}.{projection}", getattr(getattr(layer, name), projection)
    yield f"{prefix}.fc1", layer.feed_forward.fc1
    yield f"{prefix}.fc2", layer.feed_forward.fc2


def _attentions(layer):
    return [name for name in ("self_attn", "encoder_attn") if hasattr(layer, name)]


def _layer_weights(prefix, layer):
    weights = []
    for name, dense in _layer_dense(prefix, layer):
        weights += _dense(name, dense)
    for name in _attentions(layer):
        norm = f"{name}_layer_norm"
        weights += _norm(f"{prefix}.{norm}", getattr(layer, norm))
    weights += _norm(f"{prefix}.final_layer_norm", layer.final_layer_norm)
    return weights


def _dense(name, dense):
    weights = dense.stored_weights()
    return [
        NamedWeight(f"{name}.weight", weights["kernel"], True),
        NamedWeight(f"{name}.bias", weights["bias"], False),
    ]


def _norm(name, norm):
    return [
        NamedWeight(f"{name}.weight", norm.gamma, False),
        NamedWeight(f"{name}.bias", norm.beta, False),
    ]


# Translations. Each returns the Hugging Face name, and whether the layout is its transpose.

_STACK = re.compile(r"(?:^|\.)((?:encoder|decoder)\..*)$")
_KERAS_LEAVES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "scale": "weight",
    "embeddings": "weight",
    "embedding": "weight",
    "bias": "bias",
    "weight": "weight",
}


def with_model_prefix(name: str) -> str:
    """Adds the prefix `model.`, which files of a bare model lack."""
    return f"model.{name}" if name.split(".")[0] in ("shared", "encoder", "decoder") else name


def from_keras_path(path: str) -> tuple[str, bool]:
    """Translates a TensorFlow or Flax path, whose parts are joined by dots (also `layers.0`).

    TensorFlow paths begin with the model's name, which may end with a number.
    """
    path = path.removesuffix(":0")
    if path.endswith(LOGITS_BIAS):
        return LOGITS_BIAS, False
    stem, _, leaf = path.rpartition(".")
    if leaf not in _KERAS_LEAVES:
        return path, False
    in_stack = _STACK.search(f"{stem}.{_KERAS_LEAVES[leaf]}")
    if in_stack:
        return f"model.{in_stack[1]}", leaf == "kernel"
    if stem.split(".")[-1] == "shared":
        return SHARED_EMBEDDING, False
    if stem.split(".")[-1] == "lm_head":
        return LM_HEAD, leaf == "kernel"
    return path, False


def to_flax_path(name: str, shape: tuple[int, ...]) -> tuple[list[str], bool]:
    """Translates a Hugging Face name to a Flax path (list of keys), and whether to transpose."""
    if name == LOGITS_BIAS:
        return [name], False
    *stem, leaf = name.split(".")
    if name == SHARED_EMBEDDING:
        return [*stem, "embedding"], False
    if leaf == "weight" and "layer_norm" in stem[-1]:
        return [*stem, "scale"], False
    is_kernel = leaf == "weight" and len(shape) == 2
    return [*stem, "kernel" if is_kernel else leaf], is_kernel


def to_tensorflow_path(name: str, shape: tuple[int, ...]) -> tuple[str, bool]:
    """Translates a Hugging Face name to its path in the group `model` of `tf_model.h5`."""
    if name == SHARED_EMBEDDING:
        return "model.shared/model.shared/embeddings:0", False
    *stem, leaf = re.sub(r"layers\.(\d+)", r"layers@\1", name).split(".")
    is_kernel = leaf == "weight" and len(shape) == 2 and stem[-1] != "embed_positions"
    if is_kernel:
        leaf = "kernel"
    elif stem[-1] == "embed_positions":
        leaf = "embeddings"
    elif "layer_norm" in stem[-1]:
        leaf = {"weight": "gamma", "bias": "beta"}[leaf]
    path = "/".join(("tf_pegasus_for_conditional_generation", *stem, f"{leaf}:0"))
    return path.replace("@", "."), is_kernel


_ORIGINAL_PARTS = (
    ("self_attention/output_proj", "self_attn.out_proj"),
    ("memory_attention/output_proj", "encoder_attn.out_proj"),
    ("self_attention/LayerNorm", "self_attn_layer_norm"),
    ("memory_attention/LayerNorm", "encoder_attn_layer_norm"),
    ("ffn/LayerNorm", "final_layer_norm"),
    ("ffn/dense_1", "fc2"),
    ("ffn/dense", "fc1"),
    ("self_attention/", "self_attn."),
    ("memory_attention/", "encoder_attn."),
    ("LayerNorm", "layer_norm"),
)
_ORIGINAL_LAYER = re.compile(r"^(encoder|decoder)/layer_(\d+)/(.*)$")


def from_original(name: str) -> tuple[str, bool]:
    """Translates a name in the authors' TF1 code."""
    if name == "embeddings/weights":
        return SHARED_EMBEDDING, False
    name = _ORIGINAL_LAYER.sub(r"\1.layers.\2.\3", name)
    for theirs, ours in _ORIGINAL_PARTS:
        if theirs in name:
            name = name.replace(theirs, ours)
            break
    stem, _, leaf = name.replace("/", ".").rpartition(".")
    return f"model.{stem}.{_KERAS_LEAVES.get(leaf, leaf)}", leaf == "kernel"


def to_original(name: str, shape: tuple[int, ...]) -> tuple[str | None, bool]:
    """Translates a Hugging Face name to the authors' name; None if their model lacks it."""
    if name == SHARED_EMBEDDING:
        return "embeddings/weights", False
    if name == LOGITS_BIAS or re.search(r"_proj\.bias$", name):
        return None, False
    stem, _, leaf = name.removeprefix("model.").rpartition(".")
    for theirs, ours in _ORIGINAL_PARTS:
        if ours in stem:
            stem = stem.replace(ours, theirs)
            break
    if "layer_norm" in name:
        leaf = {"weight": "gamma", "bias": "beta"}[leaf]
    is_kernel = leaf == "weight"
    stem = re.sub(r"\.layers\.(\d+)\.", r"/layer_\1/", stem).replace(".", "/")
    return f"{stem}/{'kernel' if is_kernel else leaf}", is_kernel
