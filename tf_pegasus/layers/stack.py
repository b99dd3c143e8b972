"""What the encoder's and the decoder's stack of layers have in common."""

import math

import keras
import tensorflow as tf

from tf_pegasus.config import PegasusConfig
from tf_pegasus.layers.blocks import LayerDrop, layer_norm, residual_dropout
from tf_pegasus.layers.embeddings import (
    PegasusSharedEmbedding,
    PegasusSinusoidalPositionalEmbedding,
)


class PegasusStack(keras.layers.Layer):
    """Embeds ids, and holds the layers and the final layer normalization.

    Subclasses say which `side` of the model they are and what their `layer_class` is.

    Args:
        config: `PegasusConfig` or a dict that makes one.
        embed_tokens: `PegasusSharedEmbedding` to share; by default a new one.
        **kwargs: of `keras.layers.Layer`.
    """

    side = None  # "encoder" or "decoder"
    layer_class = None

    def __init__(self, config, embed_tokens=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.config = config = as_config(config)
        self.owns_embedding = embed_tokens is None
        self.embed_tokens = shared_embedding(config) if embed_tokens is None else embed_tokens
        self.embed_positions = PegasusSinusoidalPositionalEmbedding(
            config.max_position_embeddings,
            config.d_model,
            config.position_embedding_type,
            dtype="float32",
        )
        self.embed_scale = math.sqrt(config.d_model) if config.scale_embedding else 1.0
        self.dropout = residual_dropout(config)
        self.layers = [
            self.layer_class(config, dtype=self.dtype_policy, name=f"layers_{i}")
            for i in range(getattr(config, f"{self.side}_layers"))
        ]
        self.layerdrop = LayerDrop(getattr(config, f"{self.side}_layerdrop"), dtype="float32")
        self.layer_norm = layer_norm(config, "layer_norm")
        for layer in (self.embed_tokens, *self.layers):
            if not layer.built:
                layer.build()
        self.built = True

    def embed(self, input_ids, start=0):
        """Embeds ids `(batch, length)` at positions start …: float32 `(batch, length, d_model)`."""
        return self.embed_positions(self.embed_tokens(input_ids) * self.embed_scale, start=start)

    def get_config(self):
        config = {**super().get_config(), "config": self.config.to_dict()}
        if not self.owns_embedding:
            config["embed_tokens"] = keras.saving.serialize_keras_object(self.embed_tokens)
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        if isinstance(config.get("embed_tokens"), dict):
            config["embed_tokens"] = keras.saving.deserialize_keras_object(config["embed_tokens"])
        return cls(**config)


def as_config(config):
    """Returns a `PegasusConfig`, made from a dict where that is what is given."""
    return PegasusConfig.from_dict(config) if isinstance(config, dict) else config


def shared_embedding(config):
    """The token embedding that `config` describes, built."""
    embedding = PegasusSharedEmbedding(
        config.vocab_size,
        config.d_model,
        config.init_std,
        config.pad_token_id,
        dtype="float32",
        name="shared",
    )
    embedding.build()
    return embedding


def padding_mask(attention_mask):
    """Turns `(batch, keys)`, nonzero where a token counts, into bool `(batch, 1, 1, keys)`."""
    if attention_mask is None:
        return None
    return tf.not_equal(tf.cast(attention_mask, tf.int32), 0)[:, None, None, :]
