"""Multi-head attention over separate query, key, value and output projections."""

import keras
import tensorflow as tf

from tf_pegasus.layers.half_precision import finite, widened


@keras.saving.register_keras_serializable(package="tf_pegasus")
class PegasusAttention(keras.layers.Layer):
    """Scaled dot-product attention with several heads (Vaswani et al., 2017, section 3.2).

    Projections run in the compute dtype, scores and softmax in float32.

    Args:
        embed_dim: int, width of queries and output.
        num_heads: int, must divide `embed_dim`.
        dropout: float, dropout of the attention weights.
        init_std: float, standard deviation of the kernels' initializer.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, embed_dim, num_heads, dropout=0.0, init_std=0.02, **kwargs):
        super().__init__(autocast=False, **kwargs)
        if embed_dim % num_heads:
            raise ValueError(f"num_heads={num_heads} must divide embed_dim={embed_dim}")
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.dropout = dropout
        self.init_std = init_std
        self.q_proj = self._projection("q_proj")
        self.k_proj = self._projection("k_proj")
        self.v_proj = self._projection("v_proj")
        self.out_proj = self._projection("out_proj")
        self.weights_dropout = keras.layers.Dropout(dropout, dtype="float32")

    def _projection(self, name):
        return keras.layers.Dense(
            self.embed_dim,
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=self.init_std),
            dtype=self.dtype_policy,
            name=name,
        )

    def build(self, input_shape=None):
        for projection in (self.q_proj, self.k_proj, self.v_proj, self.out_proj):
            projection.build((None, None, self.embed_dim))
        self.built = True

    def _split_heads(self, states):
        # (batch, length, embed_dim) -> (batch, heads, length, head_dim)
        shape = tf.shape(states)
        states = finite(states)
        heads = tf.reshape(states, (shape[0], shape[1], self.num_heads, self.head_dim))
        return tf.transpose(heads, (0, 2, 1, 3))

    def query(self, states):
        """Projects `(batch, length, embed_dim)` to scaled `(batch, heads, length, head_dim)`."""
        # Scaling before the product keeps float16 scores small.
        return self._split_heads(self.q_proj(states) * self.head_dim**-0.5)

    def key_value(self, states):
        """Projects `(batch, length, embed_dim)` to keys and values, each
        `(batch, heads, length, head_dim)`."""
        return self._split_heads(self.k_proj(states)), self._split_heads(self.v_proj(states))

    def attend(self, query, key, value, attention_mask=None, head_mask=None, training=False):
        """Mixes `value` by the agreement of `query` and `key`, and projects the result.

        Args:
            query: `(batch, heads, queries, head_dim)`.
            key, value: `(batch, heads, keys, head_dim)`.
            attention_mask: bool, broadcastable to `(batch, heads, queries, keys)`; False hides.
            head_mask: `(heads,)`, what each head's weights are multiplied by, or None.
            training: bool.

        Returns:
            float32 `(batch, queries, embed_dim)`, and the float32 weights
            `(batch, heads, queries, keys)`. A row whose mask hides all keys gets the keys'
            mean, never NaN.
        """
        scores = tf.matmul(query, key, transpose_b=True)  # (batch, heads, queries, keys)
        scores = tf.cast(finite(scores), tf.float32)
        if attention_mask is not None:
            scores = tf.where(attention_mask, scores, scores.dtype.min)
        weights = tf.nn.softmax(scores)
        if head_mask is not None:
            weights *= tf.cast(head_mask, weights.dtype)[:, None, None]
        dropped = self.weights_dropout(weights, training=training)
        context = tf.matmul(tf.cast(dropped, value.dtype), value)
        context = tf.transpose(context, (0, 2, 1, 3))  # (batch, queries, heads, head_dim)
        shape = tf.shape(context)
        context = tf.reshape(context, (shape[0], shape[1], self.embed_dim))
        return widened(self.out_proj, context), weights

    def call(
        self,
        hidden_states,
        key_value_states=None,
        attention_mask=None,
        head_mask=None,
        training=False,
    ):
        """Self-attention, or cross-attention where `key_value_states` is given.

        Args:
            hidden_states: `(batch, queries, embed_dim)`.
            key_value_states: `(batch, keys, embed_dim)` or None.
            attention_mask, head_mask, training: see `attend`.

        Returns:
            See `attend`.
        """
        key, value = self.key_value(hidden_states if key_value_states is None else key_value_states)
        query = self.query(hidden_states)
        return self.attend(query, key, value, attention_mask, head_mask, training)

    def get_config(self):
        return {
            **super().get_config(),
            "embed_dim": self.embed_dim,
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "init_std": self.init_std,
        }
