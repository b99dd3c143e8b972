"""The common part of models with a language-model head: loss, output, Keras training."""

import inspect

import keras
import tensorflow as tf

from tf_pegasus.layers.dense import PegasusDense
from tf_pegasus.layers.embeddings import check_ids
from tf_pegasus.layers.unpack_inputs import as_ids, check_no_strings, gather_inputs, pad_ragged
from tf_pegasus.models import training_step
from tf_pegasus.models.losses import (
    masked_cross_entropy,
    token_cross_entropy,
    token_weights,
    tokens_of_all_replicas,
)
from tf_pegasus.models.metrics import for_token_labels, metrics_for_token_labels
from tf_pegasus.models.projected_loss import LOGITS_BYTES, projected_cross_entropy
from tf_pegasus.tokenizers.padding import IGNORED_LABEL
from tf_pegasus.utils.compat import build_compiled, reducible_logs, set_mask
from tf_pegasus.utils.forks import check_not_forked


class LanguageModelMixin:
    """Trains on the built-in loss.

    For a model with `logits`, `logits_bias`, `counted_labels` and a `call` that is decorated with
    `unpack_inputs`.

    The built-in loss needs no logits. Where nothing else does, that is, without metrics and in a
    graph, they are computed in chunks of at most `logits_bytes`, see `projected_cross_entropy`.
    """

    # The most bytes of logits at once, if only the built-in loss needs them.
    logits_bytes: int = LOGITS_BYTES

    # `PegasusDense.structure_changes` when the training step was last traced.
    traced_changes: int | None = None
    # See `compile`.
    micro_batches = 1

    def with_logits(self, output_class, outputs, labels, return_dict, training):
        """Builds the output with logits and loss from the output of the bare model.

        Args:
            output_class: class with the fields `loss` and `logits`, followed by the fields of
                `outputs` except for its first.
            outputs: output whose first field is the hidden states, `(batch, length, d_model)`.
            labels: int32 `(batch, length)`, or None.
            return_dict: bool, whether to return an object or a tuple.
            training: bool, whether to smooth the labels.
        """
        logits = self.logits(outputs[0])
        # For `compute_loss`; a graph then leaves out the logits if nothing else needs them.
        logits.projected_states = outputs[0]
        loss = None
        if labels is not None:
            # Of the shape that the TensorFlow reference returns.
            loss = masked_cross_entropy(labels, logits, self._smoothing(training))[None]
        rest = dict(list(outputs.items())[1:])
        outputs = output_class(loss=loss, logits=logits, **rest)
        return outputs.in_form(return_dict)

    def counted_labels(self, labels):
        """Returns labels in which every token that is ignored is -100."""
        return labels

    def checked_labels(self, labels):
        """Returns labels as int32 `(batch, length)`.

        Raises:
            ValueError: if they are not ids of the vocabulary or -100.
        """
        labels = as_ids("labels", labels)
        check_ids(tf.where(labels == IGNORED_LABEL, 0, labels), self.config.vocab_size, "labels")
        return labels

    def _smoothing(self, training):
        return self.config.label_smoothing if training else 0.0

    # Keras

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        *args,
        micro_batches=1,
        **kwargs,
    ):
        """See `keras.Model.compile`; without `loss`, the model trains on its own.

        Losses and metrics get `(labels, logits)`. Tokens with the labels -100 and pad do not
        count in Keras' losses and metrics, nor in what functions return for them.

        Args:
            optimizer, loss, loss_weights, metrics, weighted_metrics, *args, **kwargs: see
                `keras.Model.compile`.
            micro_batches: int, parts of each batch of `fit` that are computed one after the other,
                with one update for all of them: the memory of a part with the results of the
                whole batch.

        Raises:
            ValueError: if a loss or metric takes probabilities, not logits, there are
                `loss_weights` without a loss, or `micro_batches` is not positive, or more than 1
                where `compute_loss` is overridden.
        """
        if loss is None and loss_weights is not None:
            raise ValueError(f"loss_weights={loss_weights!r} has no effect without a loss")
        if not isinstance(micro_batches, int) or micro_batches < 1:
            raise ValueError(f"micro_batches={micro_batches!r} must be an int of at least 1")
        if micro_batches > 1 and not self.compute_loss.__module__.startswith("tf_pegasus."):
            raise ValueError(
                f"micro_batches={micro_batches} needs the share of a part in the loss of its "
                f"batch, which the compute_loss of {type(self).__name__} does not know: leave it 1"
            )
        self.micro_batches = micro_batches
        self.has_metrics = bool(metrics or weighted_metrics)
        super().compile(
            optimizer,
            for_token_labels(loss),
            loss_weights,
            metrics_for_token_labels(metrics),
            metrics_for_token_labels(weighted_metrics),
            *args,
            **kwargs,
        )

    def get_compile_config(self):
        config = super().get_compile_config()
        return {**config, "micro_batches": self.micro_batches} if config else config

    def compile_from_config(self, config):
        # Keras does not call a `compile` of one's own when it loads a model.
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def fit(self, x=None, y=None, *args, **kwargs):
        """See `keras.Model.fit`; `x` and `y` are ids.

        `sample_weight` has a weight for each example, `(batch,)`, or for each token,
        `(batch, target_length)`. As in Keras, the weighted losses of the tokens are divided by the
        number of tokens that count, not by the sum of the weights.

        Raises:
            TypeError: if `x` or `y` are texts.
            ValueError: if `class_weight` is given.
            RuntimeError: if the call would hang, see `tf_pegasus.utils.forks`.
        """
        check_not_forked("fit")
        check_no_strings("x", x)
        check_no_strings("y", y)
        bound = inspect.signature(keras.Model.fit).bind(self, x, y, *args, **kwargs)
        given = bound.arguments
        check_no_class_weight(given.get("class_weight"))
        given["x"], given["y"] = labels_apart(x, y, given.get("sample_weight"))
        validation = given.get("validation_data")
        if isinstance(validation, tuple) and len(validation) == 3:
            given["validation_data"] = (*labels_apart(*validation), validation[2])
        return super().fit(*bound.args[1:], **bound.kwargs)

    def evaluate(self, x=None, y=None, *args, **kwargs):
        """See `keras.Model.evaluate`, and `fit` for `sample_weight`."""
        bound = inspect.signature(keras.Model.evaluate).bind(self, x, y, *args, **kwargs)
        given = bound.arguments
        given["x"], given["y"] = labels_apart(x, y, given.get("sample_weight"))
        return super().evaluate(*bound.args[1:], **bound.kwargs)

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """See `keras.Model.train_on_batch`, and `fit`."""
        check_no_class_weight(class_weight)
        return super().train_on_batch(x, y, sample_weight, return_dict=return_dict)

    def make_train_function(self, force=False):
        # A function that was traced before a layer was quantized or got an adapter would continue
        # to train the old weights.
        changes = PegasusDense.structure_changes
        force = force or changes != self.traced_changes
        self.traced_changes = changes
        if self.optimizer is not None and not self.optimizer.built:
            # Variables that are made in the first step make TensorFlow trace it twice.
            with self.distribute_strategy.scope():
                self.optimizer.build(self.trainable_variables)
        return super().make_train_function(force)

    def train_step(self, data):
        inputs, weights = self._with_labels_inside(data)
        training_step.train_step(self, inputs, weights, self.micro_batches)
        return reducible_logs(self.distribute_strategy, self.get_metrics_result())

    def test_step(self, data):
        inputs, weights = self._with_labels_inside(data)
        training_step.test_step(self, inputs, weights)
        return reducible_logs(self.distribute_strategy, self.get_metrics_result())

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the compiled loss of `(labels, logits)`, or the built-in loss without one.

        Losses of layers, as of `add_loss` and of regularizers, are added.
        """
        labels, logits, weights = self._scored(x, y_pred, sample_weight)
        if self.loss is not None:
            loss = super().compute_loss(x, x["labels"], logits, weights, training)
            return loss * self._weight_of_means(x)
        labels = self.counted_labels(labels)
        shares = self.token_shares(x, "labels")
        if weights is not None:
            shares *= weights
        if self._needs_logits(logits):
            losses, _ = token_cross_entropy(labels, logits, self._smoothing(training))
            loss = tf.reduce_sum(losses * shares)
        else:
            loss = self._projected_loss(labels, logits.projected_states, shares, training)
        if self.losses:
            added = super().compute_loss(x, None, None, None, training)
            loss += added * self._weight_of_means(x)
        return loss

    def counted_tokens(self, inputs):
        """Returns a dict from each name of labels to float32, 1 for the tokens that count."""
        counted = self.counted_labels(inputs["labels"]) != IGNORED_LABEL
        return {"labels": tf.cast(counted, tf.float32)}

    def token_shares(self, inputs, name):
        """Returns the factor of each token's loss in the mean over the tokens of all replicas.

        The replicas' weighted sums add up to that mean, and so do their gradients, which
        `tf.distribute` sums. A mean for each replica would depend on how a batch is divided.

        Args:
            inputs: dict of tensors; of a `training_step.CountedBatch` the totals are known.
            name: str, one of the names of `counted_tokens`.

        Returns:
            float32, of the shape of the labels; without a strategy the sum of losses with these
            factors is their mean.
        """
        counts = self.counted_tokens(inputs)[name]
        if isinstance(inputs, training_step.CountedBatch):
            return counts / inputs.totals[name]
        return counts / tokens_of_all_replicas(counts)

    def _weight_of_means(self, inputs):
        """Returns the factor of a loss that is a mean over the tokens of the inputs."""
        if not getattr(inputs, "is_part", False):
            return 1.0
        # Keras divides it by the number of replicas.
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        return replicas * tf.reduce_sum(self.token_shares(inputs, "labels"))

    def _needs_logits(self, logits):
        """Returns whether the logits are computed in any case, or the loss cannot do without."""
        return (
            tf.executing_eagerly()
            or not hasattr(logits, "projected_states")
            or self.has_metrics
            or self.get_output_embeddings().scale is not None  # an int8 table
        )

    def _projected_loss(self, labels, states, weights, training):
        head = self.get_output_embeddings()
        return projected_cross_entropy(
            labels,
            states,
            tf.cast(tf.convert_to_tensor(head.embeddings), tf.float32),
            self.logits_bias(),
            weights,
            self._smoothing(training),
            self.logits_bytes,
            self.gradient_dtype,
            with_gradient=training,
        )

    @property
    def gradient_dtype(self):
        """The dtype of the products in the gradient of the built-in loss."""
        # As for all other gradients of products. In float16 they could underflow: the factor
        # of loss scaling comes only after them.
        return tf.bfloat16 if self.compute_dtype == "bfloat16" else tf.float32

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Returns the compiled metrics of `(labels, logits)`."""
        labels, logits, weights = self._scored(x, y_pred, sample_weight)
        return super().compute_metrics(x, labels, logits, weights)

    def _scored(self, x, y_pred, sample_weight):
        """Returns labels, logits with a mask of the tokens that count, and weights or None."""
        labels, logits = x["labels"], y_pred[1]
        set_mask(logits, self.counted_labels(labels) != IGNORED_LABEL)
        weights = None if sample_weight is None else token_weights(sample_weight, labels)
        return labels, logits, weights

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Keras calls the model here on the mean of the first batch's ids in all replicas. The model
        # is built; only what `compile` was given is not, and its shapes are known without data.
        if self.distribute_strategy.num_replicas_in_sync > 1 or self.micro_batches > 1:
            labels = keras.KerasTensor((None, None), "int32")
            logits = keras.KerasTensor((None, None, self.config.vocab_size), "float32")
            with self.distribute_strategy.scope():
                build_compiled(self, labels, logits)

    def _with_labels_inside(self, data):
        """Returns inputs with `y`, of which the decoder's inputs may be made, and the weights."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        if hasattr(y, "keys"):
            if set(y) != {"labels"}:
                raise ValueError(f"y has {sorted(y)}, expected ids or a dict with 'labels' alone")
            y = y["labels"]
        names = type(self).call.input_names
        inputs = gather_inputs(names, x, {"labels": y})
        pad_ragged(inputs)
        for name in ("input_ids", "labels"):
            check_no_strings(name, inputs[name])
        if inputs["labels"] is None:
            raise ValueError("labels are missing: pass them inside the inputs or as y")
        present = {name: value for name, value in inputs.items() if value is not None}
        present["labels"] = as_ids("labels", present["labels"])
        return present, sample_weight


def check_no_class_weight(class_weight):
    if class_weight is not None:
        raise ValueError(
            "class_weight has no effect on token labels: give sample_weight, of the shape (batch,) "
            "or (batch, target_length)"
        )


def labels_apart(x, y, sample_weight):
    """Returns `x` and `y`, with labels that are inside `x` moved to `y` if there are weights.

    Keras drops `sample_weight` without a word where `y` is None.
    """
    if sample_weight is None or y is not None or not hasattr(x, "keys") or "labels" not in x:
        return x, y
    return {name: x[name] for name in x if name != "labels"}, x["labels"]
