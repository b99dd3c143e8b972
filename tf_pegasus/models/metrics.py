"""Metrics of tokens, and losses and metrics of others, made to ignore what the loss ignores.

`LanguageModelMixin` gives Keras the logits with a mask of the labels that count. Keras' own metrics
heed it; what they need beyond that is added here.
"""

import inspect

import keras
import tensorflow as tf

from tf_pegasus.models.losses import token_cross_entropy, token_weights
from tf_pegasus.tokenizers.padding import IGNORED_LABEL
from tf_pegasus.utils.compat import ignore_class, mask_of

_PROBABILITY_NAMES = ("sparse_categorical_crossentropy", "crossentropy", "ce")
# Of Keras, but for those that call a function of the user.
_LOSSES = {
    name
    for name, value in vars(keras.losses).items()
    if isinstance(value, type) and value not in (keras.losses.Loss,)
}
_CROSS_ENTROPIES = (
    keras.losses.SparseCategoricalCrossentropy,
    keras.metrics.SparseCategoricalCrossentropy,
)


def _counted(labels, logits, sample_weight):
    """Returns the weight of each token, float32 `(batch, length)`; 0 for ignored ones."""
    counts = tf.cast(tf.cast(labels, tf.int32) != IGNORED_LABEL, tf.float32)
    mask = mask_of(logits)
    if mask is not None:
        counts *= tf.cast(mask, tf.float32)
    if sample_weight is not None:
        counts *= token_weights(sample_weight, labels)
    return counts


class TokenMean(keras.metrics.Mean):
    """A mean over all tokens that count, however they are divided into batches.

    Args:
        name: str.
        dtype: of the result.
    """

    def __init__(self, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)

    def token_values(self, labels, logits):
        """Returns a value for each token, float `(batch, length)`."""
        raise NotImplementedError

    def update_state(self, y_true, y_pred, sample_weight=None):
        weights = _counted(y_true, y_pred, sample_weight)
        self.add(self.token_values(y_true, y_pred), weights)

    def add(self, values, weights):
        """Adds the value of each token, with its weight; both `(batch, length)`."""
        # Keras would divide the sums of an example by its length, padding included.
        super().update_state(tf.reshape(values, [-1]), sample_weight=tf.reshape(weights, [-1]))


@keras.saving.register_keras_serializable(package="tf_pegasus")
class TokenAccuracy(TokenMean):
    """Share of the tokens whose label has the largest logit; -100 and pad do not count.

    Args:
        name: str.
        dtype: of the result.

    Example:
        >>> model.compile("adamw", weighted_metrics=[TokenAccuracy(), Perplexity()])
    """

    def __init__(self, name="token_accuracy", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self._direction = "up"

    def token_values(self, labels, logits):
        best = tf.argmax(logits, axis=-1, output_type=tf.int32)
        return tf.cast(best == tf.cast(labels, tf.int32), tf.float32)


@keras.saving.register_keras_serializable(package="tf_pegasus")
class Perplexity(TokenMean):
    """Exponential of the mean cross-entropy of all tokens; -100 and pad do not count.

    Labels are not smoothed.

    Args:
        name: str.
        dtype: of the result.
    """

    def __init__(self, name="perplexity", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self._direction = "down"

    def token_values(self, labels, logits):
        # Padding that is not -100 has a loss here, and a weight of 0.
        return token_cross_entropy(labels, logits)[0]

    def result(self):
        return tf.exp(super().result())


@keras.saving.register_keras_serializable(package="tf_pegasus")
class FunctionMetric(keras.metrics.Mean):
    """The mean of a function of labels and logits.

    Args:
        fn: function `(labels, logits)` that returns a value for each token, `(batch, length)`,
            for each example, `(batch,)`, or for the batch, a scalar. Values of tokens that are
            ignored do not count; in `labels` they are as they were given.
        name: str; the function's by default.
        dtype: of the result.
    """

    def __init__(self, fn, name=None, dtype=None):
        super().__init__(name=name or fn.__name__, dtype=dtype)
        self.fn = fn

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = tf.convert_to_tensor(self.fn(y_true, y_pred))
        weights = _counted(y_true, y_pred, sample_weight)
        if values.shape.rank == 0:
            values = tf.fill(tf.shape(weights), values)
        elif values.shape.rank == 1:
            weights = tf.reduce_max(weights, axis=1)
        super().update_state(values, sample_weight=weights)

    def get_config(self):
        fn = keras.saving.serialize_keras_object(self.fn)
        return {"name": self.name, "dtype": self.dtype, "fn": fn}

    @classmethod
    def from_config(cls, config):
        fn = keras.saving.deserialize_keras_object(config["fn"])
        return cls(**{**config, "fn": fn})


def for_token_labels(losses_or_metrics):
    """Returns losses or metrics as `compile` takes them, which ignore the labels -100.

    Raises:
        ValueError: if one takes probabilities: the outputs are logits; or if it is one of Keras
            that compares numbers or probabilities with numbers or probabilities, not with ids.
    """
    return keras.tree.map_structure(_for_token_labels, losses_or_metrics)


def metrics_for_token_labels(metrics):
    """`for_token_labels`, with functions made metrics."""

    def as_metric(metric):
        is_function = callable(metric) and not isinstance(metric, (str, keras.metrics.Metric, type))
        return FunctionMetric(metric) if is_function else metric

    return keras.tree.map_structure(as_metric, for_token_labels(metrics))


def _takes_no_ids(loss):
    """Whether it is a loss of Keras, or a metric named like one, for targets that are no ids."""
    if isinstance(loss, str):
        try:
            loss = keras.losses.get(loss)
        except ValueError:
            # A metric's name, or one that Keras will refuse.
            return False
    named = loss if isinstance(loss, type) or inspect.isfunction(loss) else type(loss)
    if not named.__module__.startswith("keras.") or "sparse" in named.__name__.lower():
        return False
    return inspect.isfunction(named) or named.__name__ in _LOSSES


def _for_token_labels(loss):
    is_cross_entropy = isinstance(loss, _CROSS_ENTROPIES)
    if (
        (is_cross_entropy and not loss.from_logits)
        or loss is keras.losses.sparse_categorical_crossentropy
        or (isinstance(loss, str) and loss.lower() in _PROBABILITY_NAMES)
    ):
        raise ValueError(
            f"{loss!r} takes probabilities, but the outputs are logits: use "
            "keras.losses.SparseCategoricalCrossentropy(from_logits=True), or for a metric "
            "keras.metrics.SparseCategoricalCrossentropy(from_logits=True)"
        )
    if _takes_no_ids(loss):
        raise ValueError(
            f"{loss!r} compares arrays of one shape, but labels are ids, (batch, length), and "
            "outputs are logits, (batch, length, vocab_size): leave the loss out for the built-in "
            "one, or use keras.losses.SparseCategoricalCrossentropy(from_logits=True)"
        )
    if is_cross_entropy:
        ignore_class(loss, IGNORED_LABEL)
    return loss
