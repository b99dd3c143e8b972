"""The decoder as a causal language model."""

from typing import Any

import keras
import tensorflow as tf

from tf_pegasus.generation.causal_generate import CausalGenerationMixin
from tf_pegasus.layers.decoder import TFPegasusDecoder
from tf_pegasus.layers.outputs import TFCausalLMOutputWithCrossAttentions
from tf_pegasus.layers.stack import output_head
from tf_pegasus.layers.unpack_inputs import TensorLike, unpack_inputs
from tf_pegasus.models.generating import GeneratingMixin
from tf_pegasus.models.language_model import LanguageModelMixin
from tf_pegasus.models.pretrained import TFPegasusPreTrainedModel
from tf_pegasus.utils.compat import name_scope


@keras.saving.register_keras_serializable(package="tf_pegasus")
class TFPegasusForCausalLM(
    CausalGenerationMixin, GeneratingMixin, LanguageModelMixin, TFPegasusPreTrainedModel
):
    """PEGASUS decoder with a language-model head, tied to its embedding by default.

    With `encoder_hidden_states` it attends to them; without, it is a plain language model.
    `transformers` has this class in PyTorch only; weights and results are the same as there.

    Args:
        config: `PegasusConfig`, or a dict of its values.
        parts: dict with `decoder`, a `TFPegasusDecoder` to use instead of a new one.
        **kwargs: arguments of `keras.Model`.
    """

    stack_names = ("decoder",)
    has_head = True

    part_names = ("decoder",)

    def __init__(self, config, parts=None, **kwargs):
        super().__init__(config, **kwargs)
        self.config.is_encoder_decoder = False
        self.config.is_decoder = True
        with name_scope(self):
            self.decoder = (parts or {}).get("decoder") or TFPegasusDecoder(
                self.config, dtype=self.dtype_policy, name="decoder"
            )
            self.lm_head = output_head(self.config)
        self.init_generation()
        self._finish()

    def get_encoder(self):
        raise ValueError("TFPegasusForCausalLM has no encoder")

    @unpack_inputs
    def call(
        self,
        input_ids: TensorLike | None = None,
        attention_mask: TensorLike | None = None,
        encoder_hidden_states: TensorLike | None = None,
        encoder_attention_mask: TensorLike | None = None,
        head_mask: TensorLike | None = None,
        cross_attn_head_mask: TensorLike | None = None,
        past_key_values: Any = None,
        inputs_embeds: TensorLike | None = None,
        labels: TensorLike | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        position_ids: TensorLike | None = None,
        training: bool = False,
    ) -> TFCausalLMOutputWithCrossAttentions | tuple:
        """Computes the logits of the next token at every position.

        Args:
            input_ids … position_ids: see `TFPegasusDecoder.call`.
            labels: int `(batch, length)`, the label of each position; as published, they are
                *not* shifted here. -100 is ignored.
            training: bool, whether to apply dropout and label smoothing.

        Returns:
            `TFCausalLMOutputWithCrossAttentions`, or a tuple if `return_dict` is False.

        Raises:
            ValueError: see `TFPegasusDecoder.call`; also if labels are not ids.
        """
        if labels is not None:
            labels = self.checked_labels(labels)
        outputs = self.decoder(
            input_ids,
            attention_mask=attention_mask,
            encoder_hidden_states=encoder_hidden_states,
            encoder_attention_mask=encoder_attention_mask,
            head_mask=head_mask,
            cross_attn_head_mask=cross_attn_head_mask,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache and labels is None,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
            position_ids=position_ids,
            training=training,
        )
        return self.with_logits(
            TFCausalLMOutputWithCrossAttentions, outputs, labels, return_dict, training
        )

    def logits_bias(self):
        """Returns None: nothing is added to the logits."""

    def logits(self, hidden_states):
        """Projects decoder states `(..., d_model)` to float32 `(..., vocab_size)`."""
        return self.get_output_embeddings().logits(hidden_states)

    def next_logits(self, hidden_states):
        """Returns `logits` for one position of every beam, `(batch, beams, d_model)`."""
        bias = tf.zeros((self.config.vocab_size,))
        return self.get_output_embeddings().next_logits(hidden_states, bias)
