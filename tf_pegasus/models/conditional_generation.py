"""The summarizer: encoder, decoder and output projection."""

import keras
import tensorflow as tf

from tf_pegasus.generation.generate import GenerationMixin
from tf_pegasus.layers.inputs import as_ids, named_inputs
from tf_pegasus.models.losses import masked_cross_entropy, shift_tokens_right
from tf_pegasus.models.pegasus_model import INPUT_NAMES, TFPegasusModel
from tf_pegasus.models.pretrained import TFPegasusPreTrainedModel
from tf_pegasus.outputs import TFSeq2SeqLMOutput

LM_INPUT_NAMES = (*INPUT_NAMES, "labels")


@keras.saving.register_keras_serializable(package="tf_pegasus")
class TFPegasusForConditionalGeneration(GenerationMixin, TFPegasusPreTrainedModel):
    """PEGASUS with the language-model head: trains, scores and generates summaries.

    `compile(optimizer)` without a loss trains on the built-in one (token cross-entropy,
    -100 ignored, `config.label_smoothing` while training); labels come inside the inputs
    or as `y`. A loss or metric of one's own gets `(labels, logits)`.

    Args:
        config: `PegasusConfig` or a dict that makes one.
        **kwargs: of `keras.Model`.

    Example:
        >>> model = TFPegasusForConditionalGeneration(config)
        >>> model.compile("adafactor")
        >>> model.fit({"input_ids": sources, "labels": targets})
        >>> model.generate(sources, num_beams=4)
    """

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        self.model = TFPegasusModel(self.config, dtype=self.dtype_policy, name="model")
        self.final_logits_bias = self.add_weight(
            name="final_logits_bias",
            shape=(1, self.config.vocab_size),
            initializer="zeros",
            trainable=False,
            autocast=False,
        )
        self.built = True

    def call(
        self,
        input_ids=None,
        attention_mask=None,
        decoder_input_ids=None,
        decoder_attention_mask=None,
        encoder_outputs=None,
        labels=None,
        training=False,
    ):
        """Scores known target ids, and computes the loss where labels are given.

        Args:
            input_ids, attention_mask, decoder_input_ids, decoder_attention_mask,
            encoder_outputs: see `TFPegasusModel.call`. `decoder_input_ids` are made from
                `labels` (shifted right) when absent.
            labels: int `(batch, target_length)`, -100 where there is nothing to learn.
            training: bool, applies dropout and label smoothing.

        Returns:
            `TFSeq2SeqLMOutput`.

        Raises:
            ValueError: see `TFPegasusModel.call`; also labels that are no ids.
        """
        inputs = named_inputs(
            LM_INPUT_NAMES,
            input_ids,
            attention_mask=attention_mask,
            decoder_input_ids=decoder_input_ids,
            decoder_attention_mask=decoder_attention_mask,
            encoder_outputs=encoder_outputs,
            labels=labels,
        )
        labels = inputs.pop("labels")
        if labels is not None:
            labels = as_ids("labels", labels)
            if inputs["decoder_input_ids"] is None:
                config = self.config
                inputs["decoder_input_ids"] = shift_tokens_right(
                    labels, config.pad_token_id, config.decoder_start_token_id
                )
        elif inputs["decoder_input_ids"] is None:
            raise ValueError(
                "decoder_input_ids and labels are both missing: give one, or call generate()"
            )
        outputs = self.model(inputs, training=training)
        logits = self.logits(outputs.last_hidden_state)
        loss = None
        if labels is not None:
            smoothing = self.config.label_smoothing if training else 0.0
            loss = masked_cross_entropy(labels, logits, smoothing)
        return TFSeq2SeqLMOutput(
            loss=loss, logits=logits, encoder_last_hidden_state=outputs.encoder_last_hidden_state
        )

    def logits(self, hidden_states):
        """Projects decoder states `(..., d_model)` to float32 `(..., vocab_size)`."""
        bias = tf.cast(self.final_logits_bias.value[0], tf.float32)
        return self.model.shared.logits(hidden_states) + bias

    # Training

    def train_step(self, data):
        return super().train_step(_with_labels_inside(data))

    def test_step(self, data):
        return super().test_step(_with_labels_inside(data))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The compiled loss on `(labels, logits)`; without one, the built-in loss."""
        if self.loss is None:
            if y_pred.loss is None:
                raise ValueError("labels are missing: put them inside the inputs, or give y")
            return y_pred.loss
        return super().compute_loss(x, x["labels"], y_pred["logits"], sample_weight, training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """The compiled metrics on `(labels, logits)`."""
        labels = x.get("labels") if hasattr(x, "get") else None
        return super().compute_metrics(x, labels, y_pred["logits"], sample_weight)


def _with_labels_inside(data):
    """Moves `y` into the inputs, where the decoder's inputs are made from it."""
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    inputs = named_inputs(LM_INPUT_NAMES, x)
    if y is not None:
        inputs = named_inputs(tuple(inputs), inputs, labels=y)
    present = {name: value for name, value in inputs.items() if value is not None}
    return present, None, sample_weight
