"""The bare model: encoder and decoder with a shared embedding."""

from typing import Any

import keras

from tf_pegasus.layers.decoder import TFPegasusDecoder
from tf_pegasus.layers.encoder import TFPegasusEncoder
from tf_pegasus.layers.outputs import (
    TFBaseModelOutput,
    TFSeq2SeqModelOutput,
    as_encoder_output,
)
from tf_pegasus.layers.stack import shared_embedding
from tf_pegasus.layers.unpack_inputs import TensorLike, unpack_inputs
from tf_pegasus.models.encode_decode import EncodeDecodeMixin
from tf_pegasus.models.pretrained import TFPegasusPreTrainedModel
from tf_pegasus.utils.compat import name_scope


@keras.saving.register_keras_serializable(package="tf_pegasus")
class TFPegasusModel(EncodeDecodeMixin, TFPegasusPreTrainedModel):
    """The bare PEGASUS encoder-decoder (Zhang et al., 2020, section 3).

    Args:
        config: `PegasusConfig`, or a dict of its values.
        parts: dict with `encoder` and `decoder`, or one of them, to use instead of new ones.
        **kwargs: arguments of `keras.Model`.

    Example:
        >>> model = TFPegasusModel(PegasusConfig(vocab_size=1000, d_model=64))
        >>> model(input_ids, decoder_input_ids=targets).last_hidden_state
    """

    part_names = ("encoder", "decoder")

    def __init__(self, config, parts=None, **kwargs):
        super().__init__(config, **kwargs)
        self.config.is_encoder_decoder = True
        with name_scope(self):
            given = dict(parts or {})
            tables = [stack.embed_tokens for stack in given.values()]
            self.shared = tables[0] if tables else shared_embedding(self.config)
            stack = {"embed_tokens": self.shared, "dtype": self.dtype_policy}
            for name, stack_class in (("encoder", TFPegasusEncoder), ("decoder", TFPegasusDecoder)):
                if name not in given:
                    given[name] = stack_class(self.config, **stack, name=name)
            self.encoder, self.decoder = given["encoder"], given["decoder"]
        self._finish()

    @unpack_inputs
    def call(
        self,
        input_ids: TensorLike | None = None,
        attention_mask: TensorLike | None = None,
        decoder_input_ids: TensorLike | None = None,
        decoder_attention_mask: TensorLike | None = None,
        decoder_position_ids: TensorLike | None = None,
        head_mask: TensorLike | None = None,
        decoder_head_mask: TensorLike | None = None,
        cross_attn_head_mask: TensorLike | None = None,
        encoder_outputs: Any = None,
        past_key_values: Any = None,
        inputs_embeds: TensorLike | None = None,
        decoder_inputs_embeds: TensorLike | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        position_ids: TensorLike | None = None,
        training: bool = False,
    ) -> TFSeq2SeqModelOutput | tuple:
        """Encodes the source and decodes given target ids.

        Args:
            input_ids: int `(batch, source_length)`; or a dict of the inputs, or a list or
                tuple of them in this order.
            attention_mask: int or bool `(batch, source_length)`, nonzero for tokens to attend
                to; by default all.
            decoder_input_ids: int `(batch, target_length)`; with a cache only the ids that follow.
            decoder_attention_mask: int or bool `(batch, target_length)`, including the positions
                of the cache.
            decoder_position_ids: int `(batch, target_length)`; by default 0, 1, …, or the
                positions that follow those of the cache.
            head_mask: `(encoder_layers, encoder_attention_heads)`, 0 disables a head.
            decoder_head_mask, cross_attn_head_mask: `(decoder_layers,
                decoder_attention_heads)`.
            encoder_outputs: the encoder's output for this source, or its `last_hidden_state`;
                the encoder is then not run, and `input_ids` have no effect.
            past_key_values: the cache that an earlier call returned, see
                `tf_pegasus.layers.kv_cache`. If it contains the source, neither the source nor
                `encoder_outputs` are needed.
            inputs_embeds, decoder_inputs_embeds: float `(batch, length, d_model)` instead
                of ids, see `TFPegasusEncoder.call`.
            use_cache: bool, whether to return `past_key_values`.
            output_attentions, output_hidden_states: bool, whether to return those of each layer.
            return_dict: bool, whether to return a `TFSeq2SeqModelOutput` or a tuple. These four
                default to the configuration's values.
            position_ids: int `(batch, source_length)`; by default 0, 1, …
            training: bool, whether to apply dropout.

        Returns:
            `TFSeq2SeqModelOutput`, or a tuple if `return_dict` is False.

        Raises:
            ValueError: if an input is missing, given twice, of a wrong shape or dtype, too
                long, or holds ids outside the vocabulary.
        """
        if (decoder_input_ids is None) == (decoder_inputs_embeds is None):
            raise ValueError(
                "decoder_input_ids is missing: give the ids that the decoder reads"
                if decoder_input_ids is None
                else "decoder_input_ids and decoder_inputs_embeds exclude each other: give only one"
            )
        options = {
            "output_attentions": output_attentions,
            "output_hidden_states": output_hidden_states,
            "return_dict": True,
            "training": training,
        }
        has_source = input_ids is not None or inputs_embeds is not None
        if encoder_outputs is not None:
            encoded = as_encoder_output(encoder_outputs)
        elif not has_source and past_key_values is not None:
            # The cache contains the keys and values of the source.
            encoded = TFBaseModelOutput()
        else:
            encoded = self.encoder(
                input_ids,
                attention_mask=attention_mask,
                head_mask=head_mask,
                inputs_embeds=inputs_embeds,
                position_ids=position_ids,
                **options,
            )
        decoded = self.decoder(
            decoder_input_ids,
            attention_mask=decoder_attention_mask,
            encoder_hidden_states=encoded.last_hidden_state,
            encoder_attention_mask=attention_mask,
            head_mask=decoder_head_mask,
            cross_attn_head_mask=cross_attn_head_mask,
            past_key_values=past_key_values,
            inputs_embeds=decoder_inputs_embeds,
            use_cache=use_cache,
            position_ids=decoder_position_ids,
            **options,
        )
        output = TFSeq2SeqModelOutput(
            last_hidden_state=decoded.last_hidden_state,
            past_key_values=decoded.past_key_values,
            decoder_hidden_states=decoded.hidden_states,
            decoder_attentions=decoded.attentions,
            cross_attentions=decoded.cross_attentions,
            encoder_last_hidden_state=encoded.last_hidden_state,
            encoder_hidden_states=encoded.hidden_states,
            encoder_attentions=encoded.attentions,
        )
        return output.in_form(return_dict)
