"""Training steps over a batch at once or in parts, on one device or on several."""

import warnings
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tf_pegasus.models.losses import tokens_of_all_replicas
from tf_pegasus.utils.compat import clipped_gradients, clips_gradients, loss_of, track_loss

# Inputs with a value for each layer and head, not for each example.
_NOT_DIVIDED = ("head_mask", "decoder_head_mask", "cross_attn_head_mask")


class CountedBatch(dict):
    """The inputs of a batch or of a part of one, of which `compute_loss` returns the share.

    Args:
        inputs: dict of tensors.
        totals: dict from a name of labels to a float32 scalar, the tokens of the whole batch on
            all devices that count. They are asked for once; in the loop over parts they cannot be.
        is_part: bool, whether it is a part of a batch.
    """

    def __init__(
        self, inputs: Mapping[str, Any], totals: Mapping[str, tf.Tensor], is_part: bool = False
    ):
        super().__init__(inputs)
        self.totals = totals
        self.is_part = is_part


def train_step(model: Any, inputs: Mapping[str, Any], sample_weight: Any, parts: int) -> None:
    """Updates weights and metrics from a batch, as `keras.Model.train_step` does.

    The loss in the logs is the mean over the tokens of all batches; that of Keras would be the mean
    of the batches' means, and depend on how examples are divided into batches.

    Args:
        model: compiled model with a `LanguageModelMixin`.
        inputs: dict of tensors `(batch, …)`, `labels` among them.
        sample_weight: `(batch,)`, `(batch, target_length)` or None.
        parts: int, see `train_in_parts`.
    """
    batch = _counted(model, inputs)
    if parts > 1:
        loss = train_in_parts(model, batch, sample_weight, parts)
    else:
        loss, outputs, gradients = _loss_and_gradients(model, batch, sample_weight)
        _apply(model.optimizer, gradients, model.trainable_variables)
        model.compute_metrics(inputs, None, outputs, sample_weight)
    _track(model, loss, batch)


def test_step(model: Any, inputs: Mapping[str, Any], sample_weight: Any) -> None:
    """Updates the metrics from a batch, as `keras.Model.test_step` does; see `train_step`."""
    batch = _counted(model, inputs)
    outputs = model(inputs, training=False)
    loss = loss_of(model, batch, outputs, sample_weight, training=False)
    model.compute_metrics(inputs, None, outputs, sample_weight)
    _track(model, loss, batch)


def train_in_parts(model: Any, batch: CountedBatch, sample_weight: Any, parts: int) -> tf.Tensor:
    """Computes the gradients of a batch part by part, and updates weights and metrics.

    There is one update, and the memory of the activations is that of one part. The loss is the mean
    over the tokens that count of all parts and devices, as in one go. (The mean of the parts'
    means, which the `gradient_accumulation_steps` of Keras' optimizers give, would make tokens
    count more that are in a part with few of them.)

    Args:
        model, sample_weight: see `train_step`.
        batch: `CountedBatch`, the whole one.
        parts: int, number of parts; there are fewer if the batch has fewer examples.

    Returns:
        float32 scalar, this device's share of the loss.
    """
    labels = batch["labels"]
    # A number if the shape is known, so that XLA compiles it.
    rows = tf.shape(labels)[0] if labels.shape[0] is None else labels.shape[0]
    size = -(-rows // parts)
    is_even = isinstance(rows, int) and rows % size == 0
    variables = model.trainable_variables
    has_gradient: list[bool] = []

    def take(value, start):
        count = size if is_even else tf.minimum(size, rows - start)
        shape = tf.unstack(tf.shape(value))
        return tf.slice(value, [start] + [0] * (len(shape) - 1), [count, *shape[1:]])

    def train_part(start, loss, totals):
        part = {n: v if n in _NOT_DIVIDED else take(v, start) for n, v in batch.items()}
        weights = None if sample_weight is None else take(sample_weight, start)
        counted_part = CountedBatch(part, batch.totals, is_part=True)
        share, outputs, gradients = _loss_and_gradients(model, counted_part, weights)
        metrics = model.compute_metrics(part, None, outputs, weights)
        # TensorFlow does not wait for what the last round of a loop writes into variables.
        with tf.control_dependencies(tf.nest.flatten(metrics)):
            end = start + size
        has_gradient[:] = [gradient is not None for gradient in gradients]
        totals = [
            total if gradient is None else total + tf.cast(gradient, total.dtype)
            for total, gradient in zip(totals, gradients, strict=True)
        ]
        return end, loss + share, totals

    zeros = [tf.zeros(variable.shape, variable.dtype) for variable in variables]
    _, loss, totals = tf.while_loop(
        lambda start, *_: start < rows,
        train_part,
        (tf.constant(0), tf.constant(0.0), zeros),
        parallel_iterations=1,
        maximum_iterations=parts,
    )
    gradients = [total if has else None for total, has in zip(totals, has_gradient, strict=True)]
    _apply(model.optimizer, gradients, variables)
    return loss


def _counted(model, inputs):
    """Returns the `CountedBatch` of the inputs."""
    counts = model.counted_tokens(inputs)
    return CountedBatch(
        inputs, {name: tokens_of_all_replicas(count) for name, count in counts.items()}
    )


def _loss_and_gradients(model, batch, sample_weight):
    """Returns the share of a `CountedBatch` in the loss, the outputs, and the scaled gradients."""
    with tf.GradientTape() as tape:
        # To Keras, a subclass of dict is a leaf.
        outputs = model(dict(batch), training=True)
        loss = loss_of(model, batch, outputs, sample_weight, training=True)
        scaled = model.optimizer.scale_loss(loss)
    return loss, outputs, tape.gradient(scaled, model.trainable_variables)


def _apply(optimizer, gradients, variables):
    """Updates the weights with the gradients, clipped after those of all devices are added up.

    Keras' optimizers clip the gradients of each device, and check whether they are finite, before.
    """
    if not variables:
        warnings.warn("the model has no trainable weights", stacklevel=2)
        return
    replica = tf.distribute.get_replica_context()
    if replica.num_replicas_in_sync > 1 and clips_gradients(optimizer):
        present = [tf.convert_to_tensor(each) for each in gradients if each is not None]
        reduced = replica.all_reduce(tf.distribute.ReduceOp.SUM, present)
        reduced = iter(clipped_gradients(optimizer, reduced))
        # The optimizer adds up those of all devices again.
        gradients = [
            None if gradient is None else next(reduced) / replica.num_replicas_in_sync
            for gradient in gradients
        ]
    optimizer.apply_gradients(zip(gradients, variables, strict=True))


def _track(model, loss, batch):
    """Updates the mean loss with this device's share of the loss of a batch."""
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    track_loss(model, loss * replicas, batch.totals["labels"] / replicas)
