"""The decoder: target ids and encoder states to hidden states, all at once or by steps."""

import keras
import tensorflow as tf

from tf_pegasus.layers.attention import PegasusAttention
from tf_pegasus.layers.blocks import PegasusFeedForward, layer_norm, residual_dropout
from tf_pegasus.layers.cache import empty_cache, write_position
from tf_pegasus.layers.inputs import as_ids, named_inputs
from tf_pegasus.layers.stack import PegasusStack, padding_mask
from tf_pegasus.outputs import TFBaseModelOutput


class PegasusDecoderLayer(keras.layers.Layer):
    """Self-attention, cross-attention and feed-forward, each behind a layer norm and inside
    a residual."""

    def __init__(self, config, **kwargs):
        super().__init__(autocast=False, **kwargs)
        attention = {
            "embed_dim": config.d_model,
            "num_heads": config.decoder_attention_heads,
            "dropout": config.attention_dropout,
            "init_std": config.init_std,
            "dtype": self.dtype_policy,
        }
        self.self_attn = PegasusAttention(**attention, name="self_attn")
        self.self_attn_layer_norm = layer_norm(config, "self_attn_layer_norm")
        self.encoder_attn = PegasusAttention(**attention, name="encoder_attn")
        self.encoder_attn_layer_norm = layer_norm(config, "encoder_attn_layer_norm")
        self.feed_forward = PegasusFeedForward(
            config.decoder_ffn_dim,
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
        for layer in (self.self_attn, self.encoder_attn, self.feed_forward):
            layer.build()
        self.built = True

    def call(
        self,
        hidden_states,
        encoder_hidden_states,
        attention_mask=None,
        encoder_attention_mask=None,
        training=False,
    ):
        """Runs all positions at once, as in training.

        Args:
            hidden_states: float32 `(batch, length, d_model)`.
            encoder_hidden_states: float32 `(batch, source_length, d_model)`.
            attention_mask: bool, broadcastable to `(batch, 1, length, length)`.
            encoder_attention_mask: bool, broadcastable to `(batch, 1, 1, source_length)`.
            training: bool.

        Returns:
            float32 `(batch, length, d_model)`.
        """
        normed = self.self_attn_layer_norm(hidden_states)
        attended = self.self_attn(normed, attention_mask=attention_mask, training=training)
        hidden_states += self.dropout(attended, training=training)
        cross = self.encoder_attn.key_value(encoder_hidden_states)
        return self._cross_and_feed(hidden_states, cross, encoder_attention_mask, training)

    def step(self, hidden_states, position, cached, cross, encoder_attention_mask):
        """Runs one new position of every beam.

        Args:
            hidden_states: float32 `(batch, beams, d_model)`.
            position: int scalar, where the new token stands.
            cached: this layer's `(keys, values)`, see `tf_pegasus.layers.cache`.
            cross: the source's `(keys, values)`, each `(batch, heads, source, head_dim)`;
                the beams share them, as if they were query positions.
            encoder_attention_mask: bool `(batch, 1, 1, source)`.

        Returns:
            float32 `(batch, beams, d_model)` and the cache with the new position in it.
        """
        keys, values = cached
        batch, beams, max_length = tf.shape(keys)[0], tf.shape(keys)[1], tf.shape(keys)[3]
        heads, head_dim = self.self_attn.num_heads, self.self_attn.head_dim
        width = heads * head_dim
        # Every beam is a row of its own with one query: (batch * beams, 1, d_model)
        normed = tf.reshape(self.self_attn_layer_norm(hidden_states), (-1, 1, width))
        new_key, new_value = self.self_attn.key_value(normed)
        new_shape = (batch, beams, heads, 1, head_dim)
        keys = write_position(keys, tf.reshape(new_key, new_shape), position)
        values = write_position(values, tf.reshape(new_value, new_shape), position)
        row_shape = (batch * beams, heads, max_length, head_dim)
        attended = self.self_attn.attend(
            self.self_attn.query(normed),
            tf.reshape(keys, row_shape),
            tf.reshape(values, row_shape),
            tf.range(max_length) <= position,
        )
        attended = tf.reshape(attended, (batch, beams, width))
        hidden_states += tf.cast(attended, hidden_states.dtype)
        hidden_states = self._cross_and_feed(hidden_states, cross, encoder_attention_mask, False)
        return hidden_states, (keys, values)

    def _cross_and_feed(self, hidden_states, cross, encoder_attention_mask, training):
        query = self.encoder_attn.query(self.encoder_attn_layer_norm(hidden_states))
        attended = self.encoder_attn.attend(query, *cross, encoder_attention_mask, training)
        hidden_states += self.dropout(attended, training=training)
        fed = self.feed_forward(self.final_layer_norm(hidden_states), training=training)
        return hidden_states + self.dropout(fed, training=training)


@keras.saving.register_keras_serializable(package="tf_pegasus")
class TFPegasusDecoder(PegasusStack):
    """PEGASUS decoder (Zhang et al., 2020, section 3; pre-layer-norm transformer).

    Args:
        config: `PegasusConfig` or a dict that makes one.
        embed_tokens: `PegasusSharedEmbedding` to share; by default a new one.
        **kwargs: of `keras.layers.Layer`.

    Example:
        >>> decoder = TFPegasusDecoder(config)
        >>> decoder(input_ids, encoder_hidden_states=states).last_hidden_state
    """

    side = "decoder"
    layer_class = PegasusDecoderLayer

    def call(
        self,
        input_ids=None,
        attention_mask=None,
        encoder_hidden_states=None,
        encoder_attention_mask=None,
        training=False,
    ):
        """Decodes a batch of known target ids, each position seeing those before it.

        Args:
            input_ids: int `(batch, length)`; or a dict, list or tuple of the inputs.
            attention_mask: int or bool `(batch, length)`, nonzero where a token counts.
            encoder_hidden_states: `(batch, source_length, d_model)`.
            encoder_attention_mask: int or bool `(batch, source_length)`.
            training: bool, applies dropout.

        Returns:
            `TFBaseModelOutput` with `last_hidden_state`, float32 `(batch, length, d_model)`.

        Raises:
            ValueError: an input is missing, has a wrong shape or dtype, is too long, or
                holds ids outside the vocabulary.
        """
        inputs = named_inputs(
            ("input_ids", "attention_mask", "encoder_hidden_states", "encoder_attention_mask"),
            input_ids,
            attention_mask=attention_mask,
            encoder_hidden_states=encoder_hidden_states,
            encoder_attention_mask=encoder_attention_mask,
        )
        ids = as_ids("input_ids", inputs["input_ids"])
        encoder_states = inputs["encoder_hidden_states"]
        if encoder_states is None:
            raise ValueError("encoder_hidden_states is missing: the decoder attends to them")
        length = tf.shape(ids)[1]
        # (1, 1, length, length): a position sees itself and what stands before it
        mask = (tf.range(length)[:, None] >= tf.range(length)[None, :])[None, None]
        own_mask = padding_mask(inputs["attention_mask"])
        if own_mask is not None:
            mask &= own_mask
        encoder_mask = padding_mask(inputs["encoder_attention_mask"])
        hidden_states = self.dropout(self.embed(ids), training=training)
        for layer in self.layers:
            after = layer(
                hidden_states,
                encoder_states,
                attention_mask=mask,
                encoder_attention_mask=encoder_mask,
                training=training,
            )
            hidden_states = self.layerdrop(hidden_states, after, training=training)
        return TFBaseModelOutput(last_hidden_state=self.layer_norm(hidden_states))

    def cross_key_values(self, encoder_hidden_states):
        """Each layer's keys and values of the source, computed once per generation."""
        return tuple(layer.encoder_attn.key_value(encoder_hidden_states) for layer in self.layers)

    def init_cache(self, batch, beams, max_length):
        """An empty cache for `max_length` positions, see `tf_pegasus.layers.cache`."""
        attention = self.layers[0].self_attn
        return empty_cache(
            len(self.layers),
            batch,
            beams,
            attention.num_heads,
            max_length,
            attention.head_dim,
            self.compute_dtype,
        )

    def step(self, input_ids, position, cache, cross, encoder_attention_mask):
        """Decodes one new token of every beam.

        Args:
            input_ids: int `(batch, beams)`.
            position: int scalar.
            cache: see `init_cache`.
            cross: see `cross_key_values`.
            encoder_attention_mask: int or bool `(batch, source_length)`.

        Returns:
            float32 `(batch, beams, d_model)` and the new cache.
        """
        mask = padding_mask(encoder_attention_mask)
        # All beams stand at one position: embed them as rows of one token.
        embedded = self.embed(tf.reshape(input_ids, (-1, 1)), start=position)
        hidden_states = tf.reshape(
            embedded, (*tf.unstack(tf.shape(input_ids)), self.config.d_model)
        )
        new_cache = []
        for layer, cached, source in zip(self.layers, cache, cross, strict=True):
            hidden_states, cached = layer.step(hidden_states, position, cached, source, mask)
            new_cache.append(cached)
        return self.layer_norm(hidden_states), tuple(new_cache)
