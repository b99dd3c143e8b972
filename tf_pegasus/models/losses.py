"""The training loss."""

import tensorflow as tf

from tf_pegasus.tokenizers.padding import IGNORED_LABEL


def ignore_padding(labels, pad_token_id):
    """Replaces padding in `labels` by -100, as `transformers`' TensorFlow class does.

    Args:
        labels: int `(batch, length)`.
        pad_token_id: int; None if there is no padding.
    """
    if pad_token_id is None:
        return labels
    return tf.where(labels == pad_token_id, IGNORED_LABEL, labels)


def token_cross_entropy(labels, logits, label_smoothing=0.0):
    """Computes the cross-entropy of each token.

    With smoothing, the target distribution is (1 - s) on the label plus s spread evenly over the
    vocabulary (Szegedy et al., 2016, section 7; PEGASUS paper, appendix C, uses s = 0.1).

    Args:
        labels: `(batch, length)` of integral numbers (Keras passes them as floats); -100 is
            ignored. The loss of a label outside of the vocabulary is NaN.
        logits: float `(batch, length, vocab_size)`.
        label_smoothing: float in [0, 1).

    Returns:
        float32 `(batch, length)`, which is 0 for ignored tokens, and float32 of the same shape, 1
        for the tokens that count and 0 for others.
    """
    targets, counts, exists = targets_of(labels, tf.shape(logits)[-1])

    @tf.custom_gradient
    def cross_entropy(logits):
        def gradient(upstream):
            # TensorFlow's own would make five tensors of the size of the logits, not one.
            error = error_of(tf.nn.softmax(logits), targets, label_smoothing)
            return error * upstream[..., None]

        log_normalizer = tf.reduce_logsumexp(logits, axis=-1)
        losses = log_normalizer - tf.gather(logits, targets, axis=-1, batch_dims=2)
        if label_smoothing:
            uniform_losses = log_normalizer - tf.reduce_mean(logits, axis=-1)
            losses += label_smoothing * (uniform_losses - losses)
        return losses, gradient

    losses = cross_entropy(tf.cast(logits, tf.float32))
    losses = tf.where(exists, losses, float("nan"))
    return losses * counts, counts


def targets_of(labels, vocab_size):
    """Returns int32 ids, float32 1 for tokens that count, and bool False for labels out of range.

    The ids exist: 0 stands for ignored labels and for those out of range.
    """
    labels = tf.cast(labels, tf.int32)
    is_ignored = labels == IGNORED_LABEL
    # XLA drops assertions and clamps look-ups: a label that does not exist makes the loss NaN.
    exists = is_ignored | ((labels >= 0) & (labels < vocab_size))
    targets = tf.where(exists & ~is_ignored, labels, 0)
    return targets, tf.cast(~is_ignored, tf.float32), exists


def error_of(probabilities, targets, label_smoothing):
    """Returns probabilities less the target distribution, `(..., vocab_size)`.

    TensorFlow writes the result into the memory of `probabilities`.
    """
    shape = tf.shape(probabilities)
    if label_smoothing:
        probabilities -= label_smoothing / tf.cast(shape[-1], tf.float32)
    rows = tf.reshape(probabilities, (-1, shape[-1]))
    targets = tf.reshape(targets, [-1])
    places = tf.stack([tf.range(tf.size(targets)), targets], axis=1)
    mass = tf.fill(tf.shape(targets), 1.0 - label_smoothing)
    return tf.reshape(tf.tensor_scatter_nd_sub(rows, places, mass), shape)


def masked_cross_entropy(labels, logits, label_smoothing=0.0):
    """Averages `token_cross_entropy` over the tokens that are not ignored.

    Returns:
        float32 scalar; 0 if all tokens are ignored.
    """
    losses, counts = token_cross_entropy(labels, logits, label_smoothing)
    return tf.reduce_sum(losses) / tf.maximum(tf.reduce_sum(counts), 1.0)


def tokens_of_all_replicas(counts):
    """Returns the sum of `counts` on all replicas.

    Args:
        counts: float32 of any shape, 1 for the tokens that count.

    Returns:
        float32 scalar, at least 1.
    """
    tokens = tf.reduce_sum(counts)
    replica = tf.distribute.get_replica_context()
    if replica is not None and replica.num_replicas_in_sync > 1:
        tokens = replica.all_reduce(tf.distribute.ReduceOp.SUM, tokens)
    return tf.maximum(tokens, 1.0)


def token_weights(sample_weight, labels):
    """Returns the weight of each token from Keras' `sample_weight`.

    Args:
        sample_weight: `(batch,)` or `(batch, 1)`, one for each example; or `(batch, length)`, one
            for each token.
        labels: `(batch, length)`.

    Returns:
        float32 `(batch, length)`.

    Raises:
        ValueError: if it has another shape.
    """
    weights = tf.cast(tf.convert_to_tensor(sample_weight), tf.float32)
    if weights.shape.rank == 1:
        weights = weights[:, None]
    if weights.shape.rank != 2 or weights.shape[1] not in (None, 1, labels.shape[1]):
        raise ValueError(
            f"sample_weight has the shape {tuple(weights.shape)}, expected (batch,) or "
            f"(batch, target_length) for labels of the shape {tuple(labels.shape)}"
        )
    return tf.broadcast_to(weights, tf.shape(labels))


def shift_tokens_right(labels, pad_token_id, decoder_start_token_id):
    """Returns decoder inputs that predict `labels`: the start id, then all labels but the last.

    Args:
        labels: int `(batch, length)`; -100 becomes pad.
        pad_token_id, decoder_start_token_id: int.

    Returns:
        int32 `(batch, length)`.

    Raises:
        ValueError: if `pad_token_id` is None.
    """
    if pad_token_id is None:
        raise ValueError(
            "config.pad_token_id=None: decoder inputs cannot be made from labels without the id "
            "that stands for -100; set it, or give decoder_input_ids"
        )
    labels = tf.cast(labels, tf.int32)
    start = tf.fill([tf.shape(labels)[0], 1], tf.constant(decoder_start_token_id, tf.int32))
    shifted = tf.concat([start, labels[:, :-1]], axis=1)
    return tf.where(shifted == IGNORED_LABEL, pad_token_id, shifted)
