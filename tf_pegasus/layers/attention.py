"""Multi-head attention over separate query, key, value and output projections."""

from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tf_pegasus.layers.dense import PegasusDense


class AttentionProjections(NamedTuple):
    """The four projections of an attention layer, as dense layers or frozen."""

    query: Callable
    key: Callable
    value: Callable
    out: Callable


@keras.saving.register_keras_serializable(package="tf_pegasus")
class PegasusAttention(keras.layers.Layer):
    """Scaled dot-product attention with several heads (Vaswani et al., 2017, section 3.2).

    Projections run in the compute dtype, scores and softmax in float32. The cache determines which
    keys and values are attended to, see `tf_pegasus.layers.kv_cache`.

    Args:
        embed_dim: int, width of queries and output.
        num_heads: int, must divide `embed_dim`.
        dropout: float, dropout of the attention weights.
        init_std: float, standard deviation of the kernels' initializer.
        **kwargs: arguments of `keras.layers.Layer`.

    Raises:
        ValueError: if `num_heads` does not divide `embed_dim`.
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
        dense = {"init_std": init_std, "dtype": self.dtype_policy}
        self.q_proj = PegasusDense(embed_dim, **dense, name="q_proj")
        self.k_proj = PegasusDense(embed_dim, **dense, name="k_proj")
        self.v_proj = PegasusDense(embed_dim, **dense, name="v_proj")
        self.out_proj = PegasusDense(embed_dim, output_dtype="float32", **dense, name="out_proj")
        self.weights_dropout = keras.layers.Dropout(dropout, dtype="float32")

    def build(self, input_shape=None):
        for projection in self._projections():
            projection.build((None, None, self.embed_dim))
        self.built = True

    def _projections(self):
        return AttentionProjections(self.q_proj, self.k_proj, self.v_proj, self.out_proj)

    def freeze(self) -> AttentionProjections:
        """See `PegasusDense.freeze`."""
        return AttentionProjections(*(dense.freeze() for dense in self._projections()))

    def prune_heads(self, heads):
        """Sets what some heads contribute to zero, for good.

        Their values and their part of the output projection become zero. The gradients of these
        weights are then zero, too, so that they stay zero in training.

        Args:
            heads: iterable of int in [0, num_heads).

        Raises:
            ValueError: if a head does not exist, or the layer is quantized or has an adapter.
        """
        if self.v_proj.quantization_mode is not None or self.v_proj.lora_enabled:
            raise ValueError("heads must be pruned before quantize() and enable_lora()")
        kept = np.ones(self.num_heads, "float32")
        for head in heads:
            if not 0 <= head < self.num_heads:
                raise ValueError(f"there is no head {head}: there are {self.num_heads}")
            kept[head] = 0
        kept = tf.constant(np.repeat(kept, self.head_dim))
        for variable, factors in (
            (self.v_proj.kernel, kept),
            (self.v_proj.bias, kept),
            (self.out_proj.kernel, kept[:, None]),
        ):
            variable.assign(variable.value * tf.cast(factors, variable.dtype))

    def key_value(self, states, frozen=None):
        """Projects states to keys and values.

        Args:
            states: float `(batch, length, embed_dim)`.
            frozen: see `call`.

        Returns:
            Keys and values, each `(batch, heads, length, head_dim)` in the compute dtype.
        """
        projections = frozen or self._projections()
        return self._split_heads(projections.key(states)), self._split_heads(
            projections.value(states)
        )

    def call(self, hidden_states, cache, head_mask=None, frozen=None, training=False):
        """Attends to the keys and values of a cache.

        Args:
            hidden_states: `(batch, queries, embed_dim)`.
            cache: provides the keys and values to attend to, and stores those of
                `hidden_states`; see `tf_pegasus.layers.kv_cache`.
            head_mask: float32 `(heads,)`, factors of the heads' attention weights, or None.
            frozen: the result of `freeze`, or None to use the weights as they are.
            training: bool, applies dropout.

        Returns:
            A tuple of the output, float32 `(batch, queries, embed_dim)`; the attention weights,
            float32 `(batch, heads, queries, keys)`; and the next cache.
        """
        projections = frozen or self._projections()
        # Scaling before the product keeps float16 scores small.
        query = projections.query(hidden_states) * self.head_dim**-0.5

        def modify(weights):
            if head_mask is not None:
                weights *= head_mask[:, None, None]
            return weights, self.weights_dropout(weights, training=training)

        context, weights, cache = cache.attend(
            self._split_heads(query),
            lambda: self.key_value(hidden_states, projections),
            modify if training or head_mask is not None else None,
        )
        return projections.out(self._join_heads(context)), weights, cache

    def _split_heads(self, states):
        # (batch, length, embed_dim) -> (batch, heads, length, head_dim)
        length = states.shape[1] or tf.shape(states)[1]
        heads = tf.reshape(states, (-1, length, self.num_heads, self.head_dim))
        return tf.transpose(heads, (0, 2, 1, 3))

    def _join_heads(self, context):
        # (batch, heads, length, head_dim) -> (batch, length, embed_dim)
        length = context.shape[2] or tf.shape(context)[2]
        return tf.reshape(tf.transpose(context, (0, 2, 1, 3)), (-1, length, self.embed_dim))

    def get_config(self):
        return {
            **super().get_config(),
            "embed_dim": self.embed_dim,
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "init_std": self.init_std,
        }
