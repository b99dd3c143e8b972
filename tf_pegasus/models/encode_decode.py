"""Separate encoding and decoding, as in the Flax classes of `transformers`."""

from tf_pegasus.layers.outputs import as_encoder_output


class EncodeDecodeMixin:
    """Adds `encode`, `decode` and `init_cache` to a model with encoder and decoder."""

    def encode(self, input_ids=None, attention_mask=None, position_ids=None, **options):
        """Runs the encoder alone, with the arguments and output of `TFPegasusEncoder.call`."""
        return self.get_encoder()(
            input_ids, attention_mask=attention_mask, position_ids=position_ids, **options
        )

    def init_cache(self, batch_size, max_length, encoder_outputs):
        """Returns an empty cache of fixed size for the `past_key_values` of `decode`.

        Its shapes never change, so that a loop over `decode` can be compiled.

        Args:
            batch_size: int or int scalar tensor.
            max_length: int, number of positions to allocate.
            encoder_outputs: see `decode`.

        Returns:
            `tf_pegasus.layers.kv_cache.StaticCache`.
        """
        states = encoder_hidden_states(encoder_outputs)
        return self.get_decoder().init_cache(batch_size, max_length, states)

    def decode(
        self,
        decoder_input_ids,
        encoder_outputs,
        encoder_attention_mask=None,
        decoder_attention_mask=None,
        decoder_position_ids=None,
        past_key_values=None,
        deterministic=None,
        training=None,
        **options,
    ):
        """Runs the decoder on an encoded source.

        Args:
            decoder_input_ids: int `(batch, length)`, the ids that follow those in the cache.
            encoder_outputs: the output of `encode`, or its `last_hidden_state`.
            encoder_attention_mask: int or bool `(batch, source_length)`.
            decoder_attention_mask: see `TFPegasusDecoder.call`.
            decoder_position_ids: int `(batch, length)`; by default the positions that follow
                those of the cache.
            past_key_values: the cache of an earlier call or of `init_cache`.
            deterministic: bool, False applies dropout, as in Flax.
            training: bool, True applies dropout, as in Keras; by default there is none.
            **options: `use_cache`, `output_attentions`, `output_hidden_states`,
                `return_dict` and the head masks of `TFPegasusDecoder.call`.

        Returns:
            `TFBaseModelOutputWithPastAndCrossAttentions`, or with a language-model head
            `TFCausalLMOutputWithCrossAttentions`; a tuple if `return_dict` is False.

        Raises:
            ValueError: see `TFPegasusDecoder.call`; also if `deterministic` and `training`
                contradict each other.
        """
        if None not in (deterministic, training) and bool(deterministic) == bool(training):
            raise ValueError(f"deterministic={deterministic} and training={training} contradict")
        has_dropout = training if deterministic is None else not deterministic
        return self.get_decoder()(
            decoder_input_ids,
            attention_mask=decoder_attention_mask,
            encoder_hidden_states=encoder_hidden_states(encoder_outputs),
            encoder_attention_mask=encoder_attention_mask,
            past_key_values=past_key_values,
            position_ids=decoder_position_ids,
            training=bool(has_dropout),
            **options,
        )


def encoder_hidden_states(encoder_outputs):
    """Returns the hidden states of the output of an encoder."""
    return as_encoder_output(encoder_outputs).last_hidden_state
