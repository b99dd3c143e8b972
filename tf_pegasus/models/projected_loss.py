"""The loss of hidden states, without the logits of all tokens at once."""

import tensorflow as tf

from tf_pegasus.models.losses import error_of, targets_of

# Of logits at once, by default.
LOGITS_BYTES = 2**27

_NO_SECOND_DERIVATIVE = (
    "the loss has no second derivative: compile the model with run_eagerly=True or with a metric, "
    "where the loss is computed from the logits"
)


def projected_cross_entropy(
    labels,
    states,
    table,
    bias,
    weights,
    label_smoothing=0.0,
    logits_bytes=LOGITS_BYTES,
    gradient_dtype=tf.float32,
    with_gradient=True,
):
    """Computes the weighted sum of `token_cross_entropy` of the logits `states · tableᵀ + bias`.

    The tokens are divided into chunks. Loss and gradient of a chunk are computed from the same
    logits, which are then dropped: the backward pass only scales the gradient (after Hsu et al.,
    2024, "Liger Kernel", section 3.2). At no time are there the logits of more than one chunk.

    Args:
        labels: int `(batch, length)`, see `token_cross_entropy`.
        states: float32 `(batch, length, d_model)`.
        table: float32 `(vocab_size, d_model)`.
        bias: float32 `(vocab_size,)`, to which no gradient flows; or None.
        weights: float32 `(batch, length)`, factors of the tokens' losses; no gradient flows to
            them.
        label_smoothing: float in [0, 1).
        logits_bytes: int, the most bytes of a chunk's logits, but at least one token's.
        gradient_dtype: dtype of the products in the gradient.
        with_gradient: bool, whether to compute the gradient, too.

    Returns:
        float32 scalar. It has no second derivative: TensorFlow raises `LookupError`.
    """
    vocab_size, d_model = table.shape

    def loss_and_gradients(states, targets, weights, is_wrong, table):
        """Returns the loss of a chunk, and its gradients for the table and the states."""
        logits = tf.matmul(states, table, transpose_b=True)
        log_probabilities = tf.nn.log_softmax(logits if bias is None else logits + bias)
        losses = -tf.gather(log_probabilities, targets, axis=-1, batch_dims=1)
        if label_smoothing:
            uniform_losses = -tf.reduce_mean(log_probabilities, axis=-1)
            losses += label_smoothing * (uniform_losses - losses)
        loss = tf.reduce_sum(tf.where(is_wrong, float("nan"), losses) * weights)
        if not with_gradient:
            return (loss,)
        # After the loss, what follows can write into the memory of the log-probabilities.
        with tf.control_dependencies([loss]):
            probabilities = tf.exp(log_probabilities)
        error = error_of(probabilities, targets, label_smoothing)
        error = tf.cast(error * tf.where(is_wrong, 0.0, weights)[:, None], gradient_dtype)
        return (
            loss,
            tf.cast(tf.matmul(error, tf.cast(states, error.dtype), transpose_a=True), tf.float32),
            tf.cast(tf.matmul(error, tf.cast(table, error.dtype)), tf.float32),
        )

    @tf.custom_gradient
    def cross_entropy(states, table):
        targets, counts, exists = targets_of(labels, vocab_size)
        factors = tf.cast(weights, tf.float32) * counts
        rows, number = _chunks(
            [tf.reshape(states, (-1, d_model))]
            + [tf.reshape(values, [-1]) for values in (targets, factors, ~exists)],
            max(1, logits_bytes // (4 * vocab_size)),
        )

        def of_chunk(index):
            return loss_and_gradients(*(values[index] for values in rows), table)

        def add(index, loss, *gradients):
            chunk_loss, *chunk_gradients = of_chunk(index)
            if not with_gradient:
                return index + 1, loss + chunk_loss
            (to_table, to_states), (chunk_to_table, chunk_to_states) = gradients, chunk_gradients
            to_states = tf.tensor_scatter_nd_update(to_states, [[index]], [chunk_to_states])
            return index + 1, loss + chunk_loss, to_table + chunk_to_table, to_states

        # The first chunk, which often is the only one, has nothing to be added to.
        loss, *gradients = of_chunk(0)
        if with_gradient:
            to_states = tf.zeros_like(rows[0])
            gradients[1] = tf.tensor_scatter_nd_update(to_states, [[0]], [gradients[1]])
        if not (isinstance(number, int) and number == 1):
            _, loss, *gradients = tf.while_loop(
                lambda index, *_: index < number, add, (1, loss, *gradients), parallel_iterations=1
            )

        def gradient(upstream):
            if not with_gradient:
                raise LookupError(
                    "the loss has no gradient: it was computed with with_gradient=False, as by "
                    "compute_loss(training=False)"
                )
            to_table, to_states = gradients
            to_states = tf.reshape(to_states, (-1, d_model))[: tf.size(targets)]
            to_states = tf.reshape(to_states, tf.shape(states))
            return tuple(
                upstream * tf.raw_ops.PreventGradient(input=values, message=_NO_SECOND_DERIVATIVE)
                for values in (to_states, to_table)
            )

        return loss, gradient

    return cross_entropy(states, table)


def projected_predictions(logits, states, logits_bytes=LOGITS_BYTES):
    """Returns the ids with the largest logits, without the logits of all tokens at once.

    Args:
        logits: function from states `(rows, d_model)` to logits `(rows, vocab_size)`.
        states: float `(batch, length, d_model)`.
        logits_bytes: int, the most bytes of logits at once, but at least one token's.

    Returns:
        int32 `(batch, length)`.
    """
    rows = tf.reshape(tf.stop_gradient(states), (-1, states.shape[-1]))
    vocab_size = logits(rows[:0]).shape[-1]
    (chunks,), _ = _chunks([rows], max(1, logits_bytes // (4 * vocab_size)))
    found = tf.map_fn(
        lambda chunk: tf.argmax(logits(chunk), axis=-1, output_type=tf.int32),
        chunks,
        fn_output_signature=tf.int32,
        parallel_iterations=1,
    )
    shape = tf.shape(states)[:2]
    return tf.reshape(tf.reshape(found, [-1])[: tf.reduce_prod(shape)], shape)


def _chunks(tensors, most_rows):
    """Divides the rows of tensors into chunks of nearly equal size, at most `most_rows`.

    Returns:
        A list of tensors `(chunks, size, …)`, the last chunk padded with zeros; and the number of
        chunks, an int if it is known.
    """
    count = tensors[0].shape[0]
    if count is None:
        count = tf.shape(tensors[0])[0]
        number = tf.maximum(1, -(-count // most_rows))
        # Without rows, one of zeros.
        size = tf.maximum(1, -(-count // number))
    else:
        number = max(1, -(-count // most_rows))
        size = max(1, -(-count // number))
    chunks = []
    for tensor in tensors:
        inner = tensor.shape[1:]
        paddings = [[0, number * size - count]] + [[0, 0]] * len(inner)
        chunks.append(tf.reshape(tf.pad(tensor, paddings), (number, size, *inner)))
    return chunks, number
