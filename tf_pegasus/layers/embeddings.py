"""Token and position embeddings."""

import keras
import numpy as np
import tensorflow as tf

from tf_pegasus.layers.dense import int8_product
from tf_pegasus.utils.compat import add_weight, replace_weight


@keras.saving.register_keras_serializable(package="tf_pegasus")
class PegasusSharedEmbedding(keras.layers.Layer):
    """The token embedding shared by encoder, decoder and output projection.

    An untied output projection is a second table of this kind.

    Args:
        vocab_size: int, number of rows.
        d_model: int, width.
        init_std: float, standard deviation of the truncated normal initializer.
        pad_token_id: int or None, the row that is initialized to zeros.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, vocab_size, d_model, init_std=0.02, pad_token_id=0, **kwargs):
        super().__init__(**kwargs)
        self.vocab_size = vocab_size
        self.d_model = d_model
        self.init_std = init_std
        self.pad_token_id = pad_token_id

    def build(self, input_shape=None):
        def initializer(shape, dtype=None):
            rows = self._draw(shape, dtype)
            if self.pad_token_id is None:
                return rows
            keep = np.ones((shape[0], 1), "float32")
            keep[self.pad_token_id] = 0.0
            return rows * tf.cast(keep, rows.dtype)

        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.vocab_size, self.d_model),
            initializer=initializer,
            # The residual stream and the logits are float32 under any compute dtype.
            autocast=False,
        )
        self.scale = None
        self.built = True
        # Keras would train it in a model all the same.
        self.embeddings.trainable = self.trainable

    def _draw(self, shape, dtype):
        return keras.initializers.TruncatedNormal(stddev=self.init_std)(shape, dtype=dtype)

    def to_int8(self):
        """Quantizes each row to int8, scaled so that its largest absolute entry is 127."""
        rows, scale = keras.quantizers.abs_max_quantize(self.embeddings, axis=1, to_numpy=True)
        replace_weight(self, "embeddings", rows, "int8", trainable=False)
        self.scale = add_weight(self, "scale", tf.cast(scale[:, 0], tf.float32), "float32", False)

    def resize(self, vocab_size):
        """Resizes the table to `vocab_size` rows; remaining rows keep their values.

        Raises:
            ValueError: if the table is quantized.
        """
        if self.scale is not None:
            raise ValueError("the embedding is quantized to int8: resize it before quantizing")
        rows = self.embeddings.value[:vocab_size]
        missing = vocab_size - rows.shape[0]
        if missing > 0:
            rows = tf.concat([rows, self._draw((missing, self.d_model), rows.dtype)], axis=0)
        replace_weight(self, "embeddings", rows)
        self.vocab_size = vocab_size

    def call(self, input_ids):
        """Maps int ids of any shape to float32 `(*shape, d_model)`."""
        check_ids(input_ids, self.vocab_size)
        # The variable's own look-up would have TensorFlow copy the table at every other use.
        table = tf.convert_to_tensor(self.embeddings)
        rows = tf.cast(tf.gather(table, input_ids), tf.float32)
        if self.scale is None:
            return rows
        return rows / tf.gather(self.scale.value, input_ids)[..., None]

    def logits(self, hidden_states):
        """Projects `(..., d_model)` to the vocabulary in float32: `(..., vocab_size)`."""
        states = tf.reshape(tf.cast(hidden_states, tf.float32), (-1, self.d_model))
        if self.scale is not None:
            scores = self._int8_logits(states)
        else:
            table = tf.cast(self.embeddings.value, tf.float32)
            scores = tf.matmul(states, table, transpose_b=True)
        shape = tf.concat([tf.shape(hidden_states)[:-1], [self.vocab_size]], axis=0)
        scores = tf.reshape(scores, shape)
        scores.set_shape([*hidden_states.shape[:-1], self.vocab_size])
        return scores

    def _int8_logits(self, rows):
        return int8_product(rows, self.embeddings.value, self.scale.value, transpose_kernel=True)

    def next_logits(self, hidden_states, bias):
        """Returns `logits` plus a bias; faster than `logits` for a few tens of rows.

        Args:
            hidden_states: float32 `(batch, beams, d_model)`.
            bias: float32 `(vocab_size,)`.

        Returns:
            float32 `(batch, beams, vocab_size)`.
        """
        rows = tf.reshape(hidden_states, (-1, self.d_model))
        if self.scale is not None:
            scores = self._int8_logits(rows) + bias
        else:
            table = tf.cast(self.embeddings.value, tf.float32)
            # As the left operand, the table is read in place; as the right one it would be
            # transposed and repacked at every step. The bias is added in between because XLA would
            # otherwise swap the operands of a product that is followed by a transposition.
            scores = tf.transpose(tf.matmul(table, rows, transpose_b=True) + bias[:, None])
        return tf.reshape(scores, (-1, hidden_states.shape[1], self.vocab_size))

    def compute_output_spec(self, input_ids):
        return keras.KerasTensor((*input_ids.shape, self.d_model), dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "vocab_size": self.vocab_size,
            "d_model": self.d_model,
            "init_std": self.init_std,
            "pad_token_id": self.pad_token_id,
        }


def check_ids(ids, vocab_size, name="input_ids", what="the model's vocabulary"):
    """Checks that ids are in [0, vocab_size).

    XLA drops the assertion (and clamps look-ups), so ids must be checked before they enter an
    XLA program.

    Raises:
        ValueError: if an id is out of range; `InvalidArgumentError` in a graph.
    """
    message = f"{name} holds ids outside [0, {vocab_size}), {what}"
    inside = tf.reduce_all((ids >= 0) & (ids < vocab_size))
    if tf.executing_eagerly():
        if not inside:
            lowest, highest = tf.reduce_min(ids).numpy(), tf.reduce_max(ids).numpy()
            raise ValueError(f"{message}: they range from {lowest} to {highest}")
    else:
        tf.debugging.Assert(inside, [message])


def sinusoidal_positions(length, d_model, variant="huggingface"):
    """Returns position embeddings: sines in the first half of the width, cosines in the second.

    Args:
        length: int, number of positions.
        d_model: int, even.
        variant: `"huggingface"`: frequency i is 10000^(-2i/d); `"original"` (the authors'
            TF1 code, after Tensor2Tensor): 10000^(-i/(d/2-1)).

    Returns:
        float32 numpy array `(length, d_model)`.
    """
    half = d_model // 2
    steps = half if variant == "huggingface" else max(half - 1, 1)
    frequencies = np.power(10000.0, -np.arange(half) / steps)
    angles = np.arange(length)[:, None] * frequencies[None, :]
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1).astype("float32")


@keras.saving.register_keras_serializable(package="tf_pegasus")
class PegasusSinusoidalPositionalEmbedding(keras.layers.Layer):
    """Fixed sinusoidal position embeddings (paper, section 3; Vaswani et al., 2017, section 3.5).

    Args:
        num_positions: int, length of the longest sequence.
        d_model: int, width.
        variant: see `sinusoidal_positions`.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, num_positions, d_model, variant="huggingface", **kwargs):
        super().__init__(**kwargs)
        self.num_positions = num_positions
        self.d_model = d_model
        self.variant = variant
        self.resize(num_positions)
        self.built = True

    def resize(self, num_positions):
        """Resizes the table to `num_positions` rows."""
        self.num_positions = num_positions
        self.table = sinusoidal_positions(num_positions, self.d_model, self.variant)

    def call(self, embeddings, start=0, position_ids=None):
        """Adds the embeddings of positions start, start + 1, …, or of `position_ids`.

        Args:
            embeddings: float32 `(batch, length, d_model)`, token embeddings.
            start: int or int scalar tensor.
            position_ids: int `(batch, length)` or `(length,)`, or None.

        Returns:
            float32 `(batch, length, d_model)`.

        Raises:
            ValueError: if the positions exceed `num_positions` (`InvalidArgumentError` if they are
                known only when a graph runs).
        """
        if position_ids is not None:
            position_ids = tf.convert_to_tensor(position_ids)
            check_ids(position_ids, self.num_positions, "position_ids", "its positions")
            return embeddings + tf.gather(tf.constant(self.table), position_ids)
        length = embeddings.shape[1]
        limit = f"is too long: the model has max_position_embeddings={self.num_positions}"
        checks = []
        if length is None:
            length = tf.shape(embeddings)[1]
        if isinstance(start, int) and isinstance(length, int):
            if start + length > self.num_positions:
                raise ValueError(f"a sequence of {start + length} tokens {limit}")
        else:
            message = ["a sequence of", start + length, "tokens", limit]
            checks.append(tf.debugging.Assert(start + length <= self.num_positions, message))
        # Without the dependency, slicing would fail first, with a less helpful message.
        with tf.control_dependencies([check for check in checks if check is not None]):
            positions = tf.slice(tf.constant(self.table), [start, 0], [length, self.d_model])
        return embeddings + positions

    def get_config(self):
        return {
            **super().get_config(),
            "num_positions": self.num_positions,
            "d_model": self.d_model,
            "variant": self.variant,
        }
