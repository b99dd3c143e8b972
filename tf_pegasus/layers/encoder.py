"""The encoder: ids to hidden states."""

import functools

import keras

from tf_pegasus.layers.attention import PegasusAttention
from tf_pegasus.layers.blocks import PegasusFeedForward, layer_norm, residual_dropout
from tf_pegasus.layers.outputs import TFBaseModelOutput
from tf_pegasus.layers.stack import PegasusStack, padding_mask
from tf_pegasus.layers.unpack_inputs import flag, named_inputs


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

    def call(self, hidden_states, attention_mask=None, head_mask=None, training=False):
        """Maps float32 `(batch, length, d_model)` to the same, and returns the attention
        weights too; masks as in `PegasusAttention.attend`."""
        normed = self.self_attn_layer_norm(hidden_states)
        attended, weights = self.self_attn(
            normed, attention_mask=attention_mask, head_mask=head_mask, training=training
        )
        hidden_states += self.dropout(attended, training=training)
        fed = self.feed_forward(self.final_layer_norm(hidden_states), training=training)
        return hidden_states + self.dropout(fed, training=training), weights


ENCODER_INPUT_NAMES = (
    "input_ids",
    "attention_mask",
    "head_mask",
    "inputs_embeds",
    "output_attentions",
    "output_hidden_states",
    "return_dict",
)


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

    def call(
        self,
        input_ids=None,
        attention_mask=None,
        head_mask=None,
        inputs_embeds=None,
        output_attentions=None,
        output_hidden_states=None,
        return_dict=None,
        training=False,
    ):
        """Encodes a batch.

        Args:
            input_ids: int `(batch, length)`; or a dict, list or tuple of the inputs.
            attention_mask: int or bool `(batch, length)`, nonzero where a token counts;
                by default all count.
            head_mask: `(layers, heads)`, 0 switches a head off, 1 leaves it.
            inputs_embeds: float `(batch, length, d_model)`, instead of `input_ids`: what
                their embedding, times sqrt(d_model) where `scale_embedding`, would be.
            output_attentions, output_hidden_states, return_dict: bool; by default the
                configuration's.
            training: bool, applies dropout.

        Returns:
            `TFBaseModelOutput`; a tuple where `return_dict` is False.

        Raises:
            ValueError: an input is missing, has a wrong shape or dtype, is too long, or
                holds ids outside the vocabulary.
        """
        inputs = named_inputs(
            ENCODER_INPUT_NAMES,
            input_ids,
            attention_mask=attention_mask,
            head_mask=head_mask,
            inputs_embeds=inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        wants_attentions = flag(inputs["output_attentions"], self.config.output_attentions)
        embedded = self.embed_inputs(
            inputs["input_ids"], inputs["inputs_embeds"], ("input_ids", "inputs_embeds")
        )
        mask = padding_mask(inputs["attention_mask"], length=embedded.shape[1])
        head_masks = self.head_masks("head_mask", inputs["head_mask"])
        hidden_states = self.dropout(embedded, training=training)
        all_states, others = [hidden_states], []
        for layer, layer_head_mask in zip(self.layers, head_masks, strict=True):
            call = functools.partial(
                layer, attention_mask=mask, head_mask=layer_head_mask, training=training
            )
            after, rest = self.run_layer(
                layer, call, hidden_states, forget=training and not wants_attentions
            )
            hidden_states = self.layerdrop(hidden_states, after, training=training)
            all_states.append(hidden_states)
            others.append(rest)
        # The last of the hidden states is the one behind the final layer norm.
        all_states[-1] = self.layer_norm(hidden_states)
        wants_states = flag(inputs["output_hidden_states"], self.config.output_hidden_states)
        outputs = TFBaseModelOutput(
            last_hidden_state=all_states[-1],
            hidden_states=tuple(all_states) if wants_states else None,
            attentions=tuple(weights for (weights,) in others) if wants_attentions else None,
        )
        return outputs.in_form(flag(inputs["return_dict"], self.config.return_dict))
