"""The encoder, from ids to hidden states."""

import functools

import keras
import tensorflow as tf

from tf_pegasus.layers.kv_cache import GrowingCache
from tf_pegasus.layers.layer import PegasusEncoderLayer
from tf_pegasus.layers.outputs import TFBaseModelOutput
from tf_pegasus.layers.stack import PegasusStack, padding_mask
from tf_pegasus.layers.unpack_inputs import TensorLike, unpack_inputs
from tf_pegasus.utils.compat import set_mask


@keras.saving.register_keras_serializable(package="tf_pegasus")
class TFPegasusEncoder(PegasusStack):
    """PEGASUS encoder (Zhang et al., 2020, section 3; pre-layer-norm transformer).

    Args:
        config: `PegasusConfig`, or a dict of its values.
        embed_tokens: `PegasusSharedEmbedding` to share; by default a new one.
        **kwargs: arguments of `keras.layers.Layer`.

    Example:
        >>> encoder = TFPegasusEncoder(config)
        >>> encoder(input_ids, attention_mask).last_hidden_state
    """

    layer_class = PegasusEncoderLayer

    @unpack_inputs
    def call(
        self,
        input_ids: TensorLike | None = None,
        attention_mask: TensorLike | None = None,
        head_mask: TensorLike | None = None,
        inputs_embeds: TensorLike | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        position_ids: TensorLike | None = None,
        training: bool = False,
    ) -> TFBaseModelOutput | tuple:
        """Encodes a batch.

        Args:
            input_ids: int `(batch, length)`; or a dict, list or tuple of the inputs.
            attention_mask: int or bool `(batch, length)`, nonzero for tokens to attend to; by
                default all.
            head_mask: `(layers, heads)`, 0 disables a head, 1 keeps it.
            inputs_embeds: float `(batch, length, d_model)`, instead of `input_ids`: their
                embeddings, multiplied by sqrt(d_model) already if `scale_embedding` is set.
            output_attentions, output_hidden_states, return_dict: bool; default to the
                configuration's values.
            position_ids: int `(batch, length)` or `(length,)`; by default 0, 1, …
            training: bool, whether to apply dropout.

        Returns:
            `TFBaseModelOutput`, or a tuple if `return_dict` is False.

        Raises:
            ValueError: if an input is missing, has a wrong shape or dtype, is too long, or
                holds ids outside the vocabulary.
        """
        embedded = self.embed_inputs(input_ids, inputs_embeds, position_ids=position_ids)
        cache = GrowingCache(padding_mask(attention_mask, length=embedded.shape[1]))
        calls = [
            functools.partial(layer, cache=cache, head_mask=heads, training=training)
            for layer, heads in zip(
                self.layers, self.head_masks("head_mask", head_mask), strict=True
            )
        ]
        recompute = training and self.gradient_checkpointing and not output_attentions
        states, outputs = self.run_layers(embedded, calls, recompute=recompute, training=training)
        if attention_mask is not None:
            # For layers that heed masks, such as Keras' pooling.
            set_mask(states[-1], tf.cast(attention_mask, tf.bool))
        output = TFBaseModelOutput(
            last_hidden_state=states[-1],
            hidden_states=states if output_hidden_states else None,
            attentions=tuple(o.attentions for o in outputs) if output_attentions else None,
        )
        return output.in_form(return_dict)
