"""The pre-training model: gap sentences from the decoder, masked words from the encoder."""

from typing import Any

import keras
import tensorflow as tf

from tf_pegasus.layers.outputs import TFPegasusForPreTrainingOutput
from tf_pegasus.layers.unpack_inputs import TensorLike, as_ids, extends, unpack_inputs
from tf_pegasus.models.conditional_generation import TFPegasusForConditionalGeneration
from tf_pegasus.models.losses import (
    masked_cross_entropy,
    token_cross_entropy,
    token_weights,
)
from tf_pegasus.models.metrics import Perplexity, TokenAccuracy
from tf_pegasus.tokenizers.padding import IGNORED_LABEL


@keras.saving.register_keras_serializable(package="tf_pegasus")
class TFPegasusForPreTraining(TFPegasusForConditionalGeneration):
    """PEGASUS with both pre-training objectives (Zhang et al., 2020, figure 1, section 3).

    The decoder writes the gap sentences, `labels`; the encoder predicts masked words, `mlm_labels`,
    by the product of its output and the shared embedding. The loss is the cross-entropy of the
    former plus `config.mlm_loss_weight` times that of the latter. Without `mlm_labels` this is
    `TFPegasusForConditionalGeneration`.

    There are no other weights than those of `TFPegasusForConditionalGeneration`, so that
    `from_pretrained` of every class loads what `save_pretrained` of any other has written.

    `fit` and `evaluate` report the metrics `gsg_perplexity` and, with `mlm_labels`, `mlm_accuracy`,
    over the tokens whose labels are not -100; `sample_weight` weighs examples, in both losses.

    Args:
        config: `PegasusConfig`, or a dict of its values.
        parts: dict with `model`, a `TFPegasusModel` to use instead of a new one.
        **kwargs: arguments of `keras.Model`.

    Example:
        >>> model = TFPegasusForPreTraining(config)
        >>> model.compile("adafactor", jit_compile=False)
        >>> model.fit(pretraining_dataset("corpus.txt", tokenizer))
        >>> model.save_pretrained("pre-trained")
        >>> model = TFPegasusForConditionalGeneration.from_pretrained("pre-trained")
    """

    def __init__(self, config, parts=None, **kwargs):
        super().__init__(config, parts, **kwargs)
        self.gsg_perplexity = Perplexity("gsg_perplexity")
        self.mlm_accuracy = TokenAccuracy("mlm_accuracy")

    @unpack_inputs
    @extends(TFPegasusForConditionalGeneration.call, mlm_labels=TensorLike | None)
    def call(
        self, mlm_labels: TensorLike | None, return_dict: bool, training: bool, **inputs: Any
    ) -> TFPegasusForPreTrainingOutput | tuple:
        """Computes the logits of gap sentences and masked words, and the loss.

        Args:
            input_ids … position_ids: see `TFPegasusForConditionalGeneration.call`.
            mlm_labels: int `(batch, source_length)`, the id of each masked token, -100 elsewhere.
            training: bool, whether to apply dropout and label smoothing.

        Returns:
            `TFPegasusForPreTrainingOutput`, or a tuple if `return_dict` is False.

        Raises:
            ValueError: see `TFPegasusForConditionalGeneration.call`; also if `mlm_labels` are no
                ids, or have another shape than the source.
        """
        outputs = super().call(**inputs, return_dict=True, training=training)
        loss, mlm_logits = outputs.pop("loss", None), None
        if mlm_labels is not None:
            states = outputs.encoder_last_hidden_state
            mlm_labels = self._checked_mlm_labels(mlm_labels, states)
            # Only of what is masked: all logits of the source would be most of the step's memory.
            mlm_logits = self.mlm_logits(tf.boolean_mask(states, mlm_labels != IGNORED_LABEL))
            mlm_loss = masked_cross_entropy(_counted(mlm_labels)[None], mlm_logits[None])
            mlm_loss = self.config.mlm_loss_weight * mlm_loss[None]
            loss = mlm_loss if loss is None else loss + mlm_loss
        outputs = TFPegasusForPreTrainingOutput(outputs, loss=loss, mlm_logits=mlm_logits)
        return outputs.in_form(return_dict)

    def mlm_logits(self, hidden_states):
        """Projects encoder states `(..., d_model)` to float32 `(..., vocab_size)`."""
        return self.get_input_embeddings().logits(hidden_states)

    def _checked_mlm_labels(self, mlm_labels, states):
        labels = self.checked_labels(mlm_labels)
        if not labels.shape.is_compatible_with(states.shape[:2]):
            raise ValueError(
                f"mlm_labels have the shape {tuple(labels.shape)}, expected that of the source, "
                f"{tuple(states.shape[:2])}"
            )
        return labels

    # Keras

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        if "mlm_labels" not in x:
            return loss
        labels = as_ids("mlm_labels", x["mlm_labels"])
        losses, _ = token_cross_entropy(_counted(labels)[None], y_pred[2][None])
        shares = self.token_shares(x, "mlm_labels")
        if sample_weight is not None:
            shares *= token_weights(sample_weight, labels)
        mlm_loss = tf.reduce_sum(losses * _counted(labels, shares)[None])
        return loss + self.config.mlm_loss_weight * mlm_loss

    def counted_tokens(self, inputs):
        counted = super().counted_tokens(inputs)
        if "mlm_labels" in inputs:
            is_masked = as_ids("mlm_labels", inputs["mlm_labels"]) != IGNORED_LABEL
            counted["mlm_labels"] = tf.cast(is_masked, tf.float32)
        return counted

    def _needs_logits(self, logits):
        return True  # for gsg_perplexity

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        labels, logits, _ = self._scored(x, y_pred, None)
        self.gsg_perplexity.update_state(labels, logits)
        if "mlm_labels" in x:
            labels = as_ids("mlm_labels", x["mlm_labels"])
            self.mlm_accuracy.update_state(_counted(labels)[None], y_pred[2][None])
        return super().compute_metrics(x, y, y_pred, sample_weight)


def _counted(labels, values=None):
    """Returns those of the values, by default the labels themselves, whose labels count."""
    return tf.boolean_mask(labels if values is None else values, labels != IGNORED_LABEL)
