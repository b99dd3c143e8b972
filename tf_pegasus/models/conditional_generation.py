"""The summarization model: encoder, decoder and output projection."""

from typing import Any

import keras
import tensorflow as tf

from tf_pegasus.generation.generate import GenerationMixin
from tf_pegasus.layers.outputs import TFCausalLMOutputWithCrossAttentions, TFSeq2SeqLMOutput
from tf_pegasus.layers.stack import output_head
from tf_pegasus.layers.unpack_inputs import TensorLike, unpack_inputs
from tf_pegasus.models.backbone import TFPegasusModel
from tf_pegasus.models.encode_decode import EncodeDecodeMixin
from tf_pegasus.models.generating import GeneratingMixin
from tf_pegasus.models.language_model import LanguageModelMixin
from tf_pegasus.models.losses import ignore_padding, shift_tokens_right
from tf_pegasus.models.pretrained import TFPegasusPreTrainedModel
from tf_pegasus.models.string_inputs import StringInputsMixin
from tf_pegasus.models.summarize import SummarizeMixin
from tf_pegasus.utils.compat import name_scope


@keras.saving.register_keras_serializable(package="tf_pegasus")
class TFPegasusForConditionalGeneration(
    GenerationMixin,
    GeneratingMixin,
    SummarizeMixin,
    StringInputsMixin,
    LanguageModelMixin,
    EncodeDecodeMixin,
    TFPegasusPreTrainedModel,
):
    """PEGASUS with a language-model head, for training, scoring and generating summaries.

    `compile(optimizer)` without a loss trains on the built-in one (token cross-entropy, ignoring
    -100 and pad, with `config.label_smoothing` in training); labels are passed inside the inputs
    or as `y`. Custom losses and metrics get `(labels, logits)`. With a `PegasusPreprocessor` as
    `preprocessor`, `fit`, `evaluate` and `predict` also take strings.

    Args:
        config: `PegasusConfig`, or a dict of its values.
        parts: dict with `model`, a `TFPegasusModel` to use instead of a new one.
        **kwargs: arguments of `keras.Model`.

    Example:
        >>> model = TFPegasusForConditionalGeneration(config)
        >>> model.compile("adafactor")
        >>> model.fit({"input_ids": sources, "labels": targets})
        >>> model.generate(sources, num_beams=4)
        >>> model = TFPegasusForConditionalGeneration.from_pretrained("google/pegasus-xsum")
        >>> model.summarize(texts)
    """

    has_head = True
    has_logits_bias = True

    part_names = ("model",)

    def __init__(self, config, parts=None, **kwargs):
        super().__init__(config, **kwargs)
        self.config.is_encoder_decoder = True
        with name_scope(self):
            self.model = (parts or {}).get("model") or TFPegasusModel(
                self.config, dtype=self.dtype_policy, name="model"
            )
            self.lm_head = output_head(self.config)
            self.final_logits_bias = self.add_weight(
                name="final_logits_bias",
                shape=(1, self.config.vocab_size),
                initializer="zeros",
                trainable=False,
                autocast=False,
            )
        self.init_generation()
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
        labels: TensorLike | None = None,
        position_ids: TensorLike | None = None,
        training: bool = False,
    ) -> TFSeq2SeqLMOutput | tuple:
        """Computes the logits of given target ids, and the loss if labels are given.

        Args:
            input_ids … return_dict: see `TFPegasusModel.call`. `decoder_input_ids` are
                made from `labels` (shifted right) if absent.
            labels: int `(batch, target_length)`; -100 and pad are ignored. With labels, no cache
                is returned.
            position_ids: see `TFPegasusModel.call`.
            training: bool, whether to apply dropout and label smoothing.

        Returns:
            `TFSeq2SeqLMOutput`, or a tuple if `return_dict` is False.

        Raises:
            ValueError: see `TFPegasusModel.call`; also if labels are not ids.
        """
        is_bare = decoder_input_ids is None and decoder_inputs_embeds is None
        if labels is not None:
            labels = self.counted_labels(self.checked_labels(labels))
            if is_bare:
                decoder_input_ids = self.prepare_decoder_input_ids_from_labels(labels)
        elif is_bare:
            raise ValueError(
                "decoder_input_ids and labels are both missing: give one, or call generate()"
            )
        outputs = self.model(
            input_ids,
            attention_mask=attention_mask,
            decoder_input_ids=decoder_input_ids,
            decoder_attention_mask=decoder_attention_mask,
            decoder_position_ids=decoder_position_ids,
            head_mask=head_mask,
            decoder_head_mask=decoder_head_mask,
            cross_attn_head_mask=cross_attn_head_mask,
            encoder_outputs=encoder_outputs,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            decoder_inputs_embeds=decoder_inputs_embeds,
            position_ids=position_ids,
            use_cache=use_cache and labels is None,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
            training=training,
        )
        return self.with_logits(TFSeq2SeqLMOutput, outputs, labels, return_dict, training)

    def decode(self, decoder_input_ids, encoder_outputs, *args, return_dict=None, **kwargs):
        outputs = super().decode(
            decoder_input_ids, encoder_outputs, *args, return_dict=True, **kwargs
        )
        return_dict = self.config.return_dict if return_dict is None else return_dict
        return self.with_logits(
            TFCausalLMOutputWithCrossAttentions, outputs, None, return_dict, training=False
        )

    decode.__doc__ = EncodeDecodeMixin.decode.__doc__

    def counted_labels(self, labels):
        return ignore_padding(labels, self.config.pad_token_id)

    def prepare_decoder_input_ids_from_labels(self, labels):
        """Returns the decoder inputs, int32 `(batch, length)`, that predict `labels`."""
        config = self.config
        return shift_tokens_right(labels, config.pad_token_id, config.decoder_start_token_id)

    def logits_bias(self):
        """Returns what is added to the logits of each token: float32 `(vocab_size,)`."""
        return tf.cast(self.final_logits_bias.value[0], tf.float32)

    def logits(self, hidden_states):
        """Projects decoder states `(..., d_model)` to float32 `(..., vocab_size)`."""
        return self.get_output_embeddings().logits(hidden_states) + self.logits_bias()

    def next_logits(self, hidden_states):
        """Returns `logits` for one position of every beam, `(batch, beams, d_model)`."""
        return self.get_output_embeddings().next_logits(hidden_states, self.logits_bias())
