"""Which variable goes under which Hugging Face name, and which way round.

Hugging Face stores PyTorch's layout: linear weights are (out, in), Keras kernels (in, out).
"""

from typing import NamedTuple

import keras

# Constants and copies that files carry; nothing is lost by not reading them.
REDUNDANT = (
    "model.encoder.embed_tokens.weight",
    "model.decoder.embed_tokens.weight",
    "model.encoder.embed_positions.weight",
    "model.decoder.embed_positions.weight",
    "lm_head.weight",
)


def position_tables(model):
    """The position embeddings by name: constants here, weights that the peers expect."""
    base = model.get_base_model()
    return {
        f"model.{side}.embed_positions.weight": stack.embed_positions.table
        for side, stack in (("encoder", base.encoder), ("decoder", base.decoder))
    }


class NamedWeight(NamedTuple):
    """A variable, its Hugging Face name, and whether the file holds its transpose."""

    name: str
    variable: keras.Variable
    transposed: bool

    def file_shape(self):
        """The shape that the file must have."""
        shape = tuple(self.variable.shape)
        return shape[::-1] if self.transposed else shape


def huggingface_weights(model):
    """Lists the `NamedWeight`s of a `TFPegasusModel` or `…ForConditionalGeneration`.

    The names are those of the full model in either case, as Hugging Face's base-model
    prefix has it, so that one file serves both.
    """
    base = model.get_base_model()
    weights = [NamedWeight("model.shared.weight", base.shared.embeddings, False)]
    for side, stack in (("encoder", base.encoder), ("decoder", base.decoder)):
        for index, layer in enumerate(stack.layers):
            weights += _layer_weights(f"model.{side}.layers.{index}", layer)
        weights += _norm(f"model.{side}.layer_norm", stack.layer_norm)
    if base is not model:
        weights.append(NamedWeight("final_logits_bias", model.final_logits_bias, False))
    return weights


def _layer_weights(prefix, layer):
    weights = []
    for name in ("self_attn", "encoder_attn"):
        if hasattr(layer, name):
            for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
                dense = getattr(getattr(layer, name), projection)
                weights += _dense(f"{prefix}.{name}.{projection}", dense)
            norm = f"{name}_layer_norm"
            weights += _norm(f"{prefix}.{norm}", getattr(layer, norm))
    weights += _dense(f"{prefix}.fc1", layer.feed_forward.fc1)
    weights += _dense(f"{prefix}.fc2", layer.feed_forward.fc2)
    weights += _norm(f"{prefix}.final_layer_norm", layer.final_layer_norm)
    return weights


def _dense(name, dense):
    return [
        NamedWeight(f"{name}.weight", dense.kernel, True),
        NamedWeight(f"{name}.bias", dense.bias, False),
    ]


def _norm(name, norm):
    return [
        NamedWeight(f"{name}.weight", norm.gamma, False),
        NamedWeight(f"{name}.bias", norm.beta, False),
    ]
