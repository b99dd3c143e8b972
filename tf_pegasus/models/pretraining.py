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
from tf_pegasus.models.metrics import TokenMean
from tf_pegasus.models.projected_loss import projected_cross_entropy, projected_predictions
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

    `fit` and `evaluate` report two metrics, over the tokens whose labels are not -100:
    `gsg_perplexity`, the exponential of the decoder's loss (with its weights and label smoothing;
    `Perplexity` in `compile` has neither, but needs all logits), and, with `mlm_labels`,
    `mlm_accuracy`. `sample_weight` weighs examples, in both losses.

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
        self.gsg_perplexity = _ExponentialOfMean("gsg_perplexity")
        self.mlm_accuracy = TokenMean("mlm_accuracy")

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
            mlm_labels, masked_states = _masked(mlm_labels, states)
            mlm_logits = self.mlm_logits(masked_states)
            # For `compute_loss`; a graph then leaves out the logits.
            mlm_logits.projected_states = states
            mlm_loss = masked_cross_entropy(mlm_labels[None], mlm_logits[None])
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
        counts = self.counted_tokens(x)["labels"]
        mean = tf.math.divide_no_nan(loss, tf.reduce_sum(self.token_shares(x, "labels")))
        self.gsg_perplexity.update_state(mean, sample_weight=tf.reduce_sum(counts))
        if "mlm_labels" not in x:
            return loss
        return loss + self._mlm_loss(x, y_pred[2], sample_weight, training)

    def _mlm_loss(self, x, mlm_logits, sample_weight, training):
        labels = as_ids("mlm_labels", x["mlm_labels"])
        weights = self.config.mlm_loss_weight * self.token_shares(x, "mlm_labels")
        if sample_weight is not None:
            weights *= token_weights(sample_weight, labels)
        table = self.get_input_embeddings()
        if table.scale is not None:  # int8
            labels, weights = _masked(labels, weights)
            return tf.reduce_sum(token_cross_entropy(labels[None], mlm_logits[None])[0] * weights)
        labels, states, weights = self._compact(labels, mlm_logits.projected_states, weights)
        return projected_cross_entropy(
            labels,
            states,
            tf.cast(tf.convert_to_tensor(table.embeddings), tf.float32),
            None,
            weights,
            logits_bytes=self.logits_bytes,
            gradient_dtype=self.gradient_dtype,
            with_gradient=training,
        )

    def counted_tokens(self, inputs):
        counted = super().counted_tokens(inputs)
        if "mlm_labels" in inputs:
            is_masked = as_ids("mlm_labels", inputs["mlm_labels"]) != IGNORED_LABEL
            counted["mlm_labels"] = tf.cast(is_masked, tf.float32)
        return counted

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        if "mlm_labels" in x:
            labels = as_ids("mlm_labels", x["mlm_labels"])
            labels, states = self._compact(labels, y_pred[2].projected_states)
            found = projected_predictions(self.mlm_logits, states, self.logits_bytes)
            self.mlm_accuracy.add(found == labels, labels != IGNORED_LABEL)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def _compact(self, labels, *values):
        """Returns labels and values of masked tokens only, `(1, masked, …)`; under XLA of all."""
        if self.jit_compile:
            # It would compute as many as there could be in any case, but not in chunks.
            return labels, *values
        return tuple(found[None] for found in _masked(labels, *values))


class _ExponentialOfMean(keras.metrics.Mean):
    def result(self):
        return tf.exp(super().result())


def _masked(labels, *values):
    """Returns labels that are not -100, `(masked,)`, and the values at their places."""
    where = labels != IGNORED_LABEL
    return tuple(tf.boolean_mask(value, where) for value in (labels, *values))
