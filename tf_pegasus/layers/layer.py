"""One layer of the encoder or the decoder."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf

from tf_pegasus.layers.attention import AttentionProjections, PegasusAttention
from tf_pegasus.layers.feed_forward import FeedForwardProjections, PegasusFeedForward
from tf_pegasus.layers.kv_cache import CrossAttentionMemory
from tf_pegasus.layers.layer_norm import PegasusLayerNorm
from tf_pegasus.utils.compat import name_scope


def layer_norm(config, name):
    """Returns a layer normalization over `d_model`, in float32 under any dtype policy."""
    norm = PegasusLayerNorm(epsilon=config.layer_norm_epsilon, dtype="float32", name=name)
    norm.build((None, None, config.d_model))
    return norm


def residual_dropout(config):
    """Returns the dropout before each residual addition, on the float32 residual stream."""
    return keras.layers.Dropout(config.dropout, dtype="float32")


class FrozenLayer(NamedTuple):
    """The weights of a layer, read once for a loop; see `PegasusDense.freeze`."""

    self_attn: AttentionProjections | None = None
    encoder_attn: AttentionProjections | None = None
    feed_forward: FeedForwardProjections | None = None


class LayerOutput(NamedTuple):
    """Output of `PegasusLayer`.

    Fields:
        hidden_states: float32 `(batch, length, d_model)`.
        attentions: float32 `(batch, heads, length, keys)`, the weights of self-attention.
        cross_attentions: float32 `(batch, heads, length, source_length)`, the weights of
            cross-attention, or None without.
        cache: the self-attention's cache, including the new positions.
        memory: the cross-attention's memory, or None without.
    """

    hidden_states: tf.Tensor
    attentions: tf.Tensor
    cross_attentions: tf.Tensor | None
    cache: Any
    memory: Any


class PegasusLayer(keras.layers.Layer):
    """A layer of the encoder or decoder (Zhang et al., 2020, section 3).

    Self-attention, cross-attention (in the decoder) and a feed-forward block, each after a layer
    norm and with a residual connection.

    Subclasses say which `side` of the model they belong to.

    Args:
        config: `PegasusConfig`.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    side: str = ""  # "encoder" or "decoder"

    def __init__(self, config, **kwargs):
        super().__init__(autocast=False, **kwargs)
        with name_scope(self):
            self._make_parts(config)
        self.has_cross_attention = self.side == "decoder"

    def _make_parts(self, config):
        side = self.side
        attention = {
            "embed_dim": config.d_model,
            "num_heads": getattr(config, f"{side}_attention_heads"),
            "dropout": config.attention_dropout,
            "init_std": config.init_std,
            "dtype": self.dtype_policy,
        }
        self.self_attn = PegasusAttention(**attention, name="self_attn")
        self.self_attn_layer_norm = layer_norm(config, "self_attn_layer_norm")
        if side == "decoder":
            self.encoder_attn = PegasusAttention(**attention, name="encoder_attn")
            self.encoder_attn_layer_norm = layer_norm(config, "encoder_attn_layer_norm")
        self.feed_forward = PegasusFeedForward(
            getattr(config, f"{side}_ffn_dim"),
            config.d_model,
            config.activation_function,
            config.activation_dropout,
            config.init_std,
            dtype=self.dtype_policy,
            name="feed_forward",
        )
        self.final_layer_norm = layer_norm(config, "final_layer_norm")
        self.dropout = residual_dropout(config)

    def build(self, input_shape=None):
        self.self_attn.build()
        if self.has_cross_attention:
            self.encoder_attn.build()
        self.feed_forward.build()
        self.built = True

    def freeze(self) -> FrozenLayer:
        """See `PegasusDense.freeze`."""
        cross = self.encoder_attn.freeze() if self.has_cross_attention else None
        return FrozenLayer(self.self_attn.freeze(), cross, self.feed_forward.freeze())

    def read_source(self, encoder_hidden_states, mask) -> CrossAttentionMemory:
        """Projects the source to the keys and values of cross-attention.

        Args:
            encoder_hidden_states: float32 `(batch, source_length, d_model)`.
            mask: bool, broadcastable to `(batch, 1, 1, source_length)`, or None.
        """
        return CrossAttentionMemory(mask, *self.encoder_attn.key_value(encoder_hidden_states))

    def call(
        self,
        hidden_states,
        cache,
        memory=None,
        head_mask=None,
        cross_attn_head_mask=None,
        frozen=None,
        training=False,
    ):
        """Computes new positions, which follow those in the cache.

        Args:
            hidden_states: float32 `(batch, length, d_model)`.
            cache: keys and values of self-attention, see `tf_pegasus.layers.kv_cache`.
            memory: keys and values of cross-attention; None skips cross-attention.
            head_mask, cross_attn_head_mask: float32 `(heads,)`, or None.
            frozen: the result of `freeze`, or None to use the weights as they are.
            training: bool, whether to apply dropout.

        Returns:
            `LayerOutput`.
        """
        frozen = frozen or FrozenLayer()
        attended, attentions, cache = self.self_attn(
            self.self_attn_layer_norm(hidden_states, training=training),
            cache,
            head_mask=head_mask,
            frozen=frozen.self_attn,
            training=training,
        )
        hidden_states += self.dropout(attended, training=training)
        cross_attentions = None
        if memory is not None:
            attended, cross_attentions, memory = self.encoder_attn(
                self.encoder_attn_layer_norm(hidden_states, training=training),
                memory,
                head_mask=cross_attn_head_mask,
                frozen=frozen.encoder_attn,
                training=training,
            )
            hidden_states += self.dropout(attended, training=training)
        fed = self.feed_forward(
            self.final_layer_norm(hidden_states, training=training),
            frozen=frozen.feed_forward,
            training=training,
        )
        hidden_states += self.dropout(fed, training=training)
        return LayerOutput(hidden_states, attentions, cross_attentions, cache, memory)


# Keras names the layers of a list by their class in `.weights.h5` and `.keras` files: files that
# were saved with other names for these two classes no longer load.


class PegasusEncoderLayer(PegasusLayer):
    """A layer of the encoder."""

    side = "encoder"


class PegasusDecoderLayer(PegasusLayer):
    """A layer of the decoder, with cross-attention."""

    side = "decoder"


class LayerDrop(keras.layers.Layer):
    """Skips a layer with probability `rate` in training (Fan et al., 2020).

    Args:
        rate: float in [0, 1].
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, rate, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator()
        self.built = True

    def call(self, before, after, training=False):
        """Returns `after`, or `before` if the layer is skipped."""
        if not training or self.rate == 0.0:
            return after
        keep = keras.random.uniform((), seed=self.seed_generator) >= self.rate
        return tf.where(keep, after, before)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}
