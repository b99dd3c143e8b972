"""Encoder and decoder over one shared embedding."""

import keras

from tf_pegasus.layers.decoder import TFPegasusDecoder
from tf_pegasus.layers.encoder import TFPegasusEncoder
from tf_pegasus.layers.inputs import named_inputs
from tf_pegasus.layers.stack import shared_embedding
from tf_pegasus.models.pretrained import TFPegasusPreTrainedModel
from tf_pegasus.outputs import TFSeq2SeqModelOutput

INPUT_NAMES = (
    "input_ids",
    "attention_mask",
    "decoder_input_ids",
    "decoder_attention_mask",
    "encoder_outputs",
)


@keras.saving.register_keras_serializable(package="tf_pegasus")
class TFPegasusModel(TFPegasusPreTrainedModel):
    """The bare PEGASUS encoder-decoder (Zhang et al., 2020, section 3).

    Args:
        config: `PegasusConfig` or a dict that makes one.
        **kwargs: of `keras.Model`.

    Example:
        >>> model = TFPegasusModel(PegasusConfig(vocab_size=1000, d_model=64))
        >>> model(input_ids, decoder_input_ids=targets).last_hidden_state
    """

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        self.shared = shared_embedding(self.config)
        stack = {"embed_tokens": self.shared, "dtype": self.dtype_policy}
        self.encoder = TFPegasusEncoder(self.config, **stack, name="encoder")
        self.decoder = TFPegasusDecoder(self.config, **stack, name="decoder")
        self.built = True

    def call(
        self,
        input_ids=None,
        attention_mask=None,
        decoder_input_ids=None,
        decoder_attention_mask=None,
        encoder_outputs=None,
        training=False,
    ):
        """Encodes the source and decodes known target ids.

        Args:
            input_ids: int `(batch, source_length)`; or a dict of the inputs, or a list or
                tuple of them in this order.
            attention_mask: int or bool `(batch, source_length)`, nonzero where a token
                counts; by default all count.
            decoder_input_ids: int `(batch, target_length)`.
            decoder_attention_mask: int or bool `(batch, target_length)`.
            encoder_outputs: what the encoder returned for this source, or its
                `last_hidden_state`; the encoder is then not run.
            training: bool, applies dropout.

        Returns:
            `TFSeq2SeqModelOutput`.

        Raises:
            ValueError: an input is missing, given twice, of a wrong shape or dtype, too
                long, or holds ids outside the vocabulary.
        """
        inputs = named_inputs(
            INPUT_NAMES,
            input_ids,
            attention_mask=attention_mask,
            decoder_input_ids=decoder_input_ids,
            decoder_attention_mask=decoder_attention_mask,
            encoder_outputs=encoder_outputs,
        )
        if inputs["decoder_input_ids"] is None:
            raise ValueError("decoder_input_ids is missing: what should the decoder see?")
        encoder_outputs = inputs["encoder_outputs"]
        if encoder_outputs is None:
            encoder_outputs = self.encoder(
                inputs["input_ids"], inputs["attention_mask"], training=training
            )
        elif inputs["input_ids"] is not None:
            raise ValueError("input_ids and encoder_outputs exclude each other, give one")
        states = encoder_hidden_states(encoder_outputs)
        decoded = self.decoder(
            inputs["decoder_input_ids"],
            inputs["decoder_attention_mask"],
            encoder_hidden_states=states,
            encoder_attention_mask=inputs["attention_mask"],
            training=training,
        )
        return TFSeq2SeqModelOutput(
            last_hidden_state=decoded.last_hidden_state, encoder_last_hidden_state=states
        )


def encoder_hidden_states(encoder_outputs):
    """The tensor in what an encoder returned: an output, a tuple, or the tensor itself."""
    if isinstance(encoder_outputs, (list, tuple)):
        return encoder_outputs[0]
    if hasattr(encoder_outputs, "keys"):
        return encoder_outputs["last_hidden_state"]
    return encoder_outputs
