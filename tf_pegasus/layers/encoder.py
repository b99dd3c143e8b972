"""The encoder: ids to hidden states."""

import keras

from tf_pegasus.layers.attention import PegasusAttention
from tf_pegasus.layers.blocks import PegasusFeedForward, layer_norm, residual_dropout
from tf_pegasus.layers.inputs import as_ids, named_inputs
from tf_pegasus.layers.stack import PegasusStack, padding_mask
from tf_pegasus.outputs import TFBaseModelOutput


class PegasusEncoderLayer(keras.layers.Layer):
    """Self-attention and feed-forward, each behind a layer norm and inside a residual."""

    def __init__(self, config, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.self_attn = PegasusAttention(
            config.d_model,
            config.encoder_attention_heads,
            config.attention_dropout,
            config.init_std,
            dtype=self.dtype_policy,
            name="self_attn",
        )
        self.self_attn_layer_norm = layer_norm(config, "self_attn_layer_norm")
        self.feed_forward = PegasusFeedForward(
            config.encoder_ffn_dim,
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
        self.feed_forward.build()
        self.built = True

    def call(self, hidden_states, attention_mask=None, training=False):
        """Maps float32 `(batch, length, d_model)` to the same; mask as in `attend`."""
        normed = self.self_attn_layer_norm(hidden_states)
        attended = self.self_attn(normed, attention_mask=attention_mask, training=training)
        hidden_states += self.dropout(attended, training=training)
        fed = self.feed_forward(self.final_layer_norm(hidden_states), training=training)
        return hidden_states + self.dropout(fed, training=training)


@keras.saving.register_keras_serializable(package="tf_pegasus")
class TFPegasusEncoder(PegasusStack):
    """PEGASUS encoder (Zhang et al., 2020, section 3; pre-layer-norm transformer).

    Args:
        config: `PegasusConfig` or a dict that makes one.
        embed_tokens: `PegasusSharedEmbedding` to share; by default a new one.
        **kwargs: of `keras.layers.Layer`.

    Example:
        >>> encoder = TFPegasusEncoder(config)
        >>> encoder(input_ids, attention_mask).last_hidden_state
    """

    side = "encoder"
    layer_class = PegasusEncoderLayer

    def call(self, input_ids=None, attention_mask=None, training=False):
        """Encodes a batch.

        Args:
            input_ids: int `(batch, length)`; or a dict, list or tuple of the inputs.
            attention_mask: int or bool `(batch, length)`, nonzero where a token counts;
                by default all count.
            training: bool, applies dropout.

        Returns:
            `TFBaseModelOutput` with `last_hidden_state`, float32 `(batch, length, d_model)`.

        Raises:
            ValueError: `input_ids` is missing, has a wrong shape or dtype, is too long, or
                holds ids outside the vocabulary.
        """
        inputs = named_inputs(
            ("input_ids", "attention_mask"), input_ids, attention_mask=attention_mask
        )
        ids = as_ids("input_ids", inputs["input_ids"])
        mask = padding_mask(inputs["attention_mask"])
        hidden_states = self.dropout(self.embed(ids), training=training)
        for layer in self.layers:
            after = layer(hidden_states, attention_mask=mask, training=training)
            hidden_states = self.layerdrop(hidden_states, after, training=training)
        return TFBaseModelOutput(last_hidden_state=self.layer_norm(hidden_states))
