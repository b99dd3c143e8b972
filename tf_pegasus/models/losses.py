"""The training loss."""

import tensorflow as tf

from tf_pegasus.tokenizers.padding import IGNORED_LABEL


def ignore_padding(labels, pad_token_id):
    """Replaces padding in `labels` by -100, as `transformers`' TensorFlow class does."""
    return tf.where(labels == pad_token_id, IGNORED_LABEL, labels)


def masked_cross_entropy(labels, logits, label_smoothing=0.0):
    """Computes token cross-entropy, averaged over the tokens that are not ignored.

    With smoothing, the target distribution is (1 - s) on the label plus s spread evenly over the
    vocabulary (Szegedy et al., 2016, section 7; PEGASUS paper, appendix C, uses s = 0.1).

    Args:
        labels: `(batch, length)` of integral numbers (Keras passes them as floats); -100 is
            ignored.
        logits: float `(batch, length, vocab_size)`.
        label_smoothing: float in [0, 1).

    Returns:
        float32 scalar; 0 if all tokens are ignored.
    """
    labels = tf.cast(labels, tf.int32)
    counts = labels != IGNORED_LABEL
    logits = tf.cast(logits, tf.float32)
    log_normalizer = tf.reduce_logsumexp(logits, axis=-1)
    targets = tf.where(counts, labels, 0)
    target_logits = tf.gather(logits, targets, axis=-1, batch_dims=2)
    losses = log_normalizer - target_logits
    if label_smoothing:
        uniform_losses = log_normalizer - tf.reduce_mean(logits, axis=-1)
        losses += label_smoothing * (uniform_losses - losses)
    weights = tf.cast(counts, tf.float32)
    return tf.reduce_sum(losses * weights) / tf.maximum(tf.reduce_sum(weights), 1.0)


def shift_tokens_right(labels, pad_token_id, decoder_start_token_id):
    """Returns decoder inputs that predict `labels`: the start id, then all labels but the last.

    Args:
        labels: int `(batch, length)`; -100 becomes pad.
        pad_token_id, decoder_start_token_id: int.

    Returns:
        int32 `(batch, length)`.
    """
    labels = tf.cast(labels, tf.int32)
    start = tf.fill([tf.shape(labels)[0], 1], tf.constant(decoder_start_token_id, tf.int32))
    shifted = tf.concat([start, labels[:, :-1]], axis=1)
    return tf.where(shifted == IGNORED_LABEL, pad_token_id, shifted)
