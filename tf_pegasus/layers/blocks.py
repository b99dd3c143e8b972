"""What encoder and decoder layers are made of besides attention."""

import keras
import tensorflow as tf

from tf_pegasus.layers.activations import ACTIVATIONS
from tf_pegasus.layers.half_precision import finite, widened


def layer_norm(config, name):
    """A layer normalization over `d_model`; float32 under every dtype policy."""
    norm = keras.layers.LayerNormalization(
        epsilon=config.layer_norm_epsilon, dtype="float32", name=name
    )
    norm.build((None, None, config.d_model))
    return norm


def residual_dropout(config):
    """The dropout in front of every residual addition, on the float32 residual stream."""
    return keras.layers.Dropout(config.dropout, dtype="float32")


@keras.saving.register_keras_serializable(package="tf_pegasus")
class PegasusFeedForward(keras.layers.Layer):
    """Position-wise feed-forward block (Vaswani et al., 2017, section 3.3).

    Args:
        hidden_dim: int, width between the two products.
        embed_dim: int, width of input and output.
        activation: str, a name of `ACTIVATIONS`.
        dropout: float, dropout after the activation.
        init_std: float, standard deviation of the kernels' initializer.
        **kwargs: of `keras.layers.Layer`.
    """

    def __init__(self, hidden_dim, embed_dim, activation, dropout=0.0, init_std=0.02, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.hidden_dim = hidden_dim
        self.embed_dim = embed_dim
        self.activation = activation
        self.dropout = dropout
        self.init_std = init_std
        initializer = keras.initializers.TruncatedNormal(stddev=init_std)
        self.fc1 = keras.layers.Dense(
            hidden_dim,
            activation=ACTIVATIONS[activation],
            kernel_initializer=initializer,
            dtype=self.dtype_policy,
            name="fc1",
        )
        self.fc2 = keras.layers.Dense(
            embed_dim,
            kernel_initializer=initializer.clone(),
            dtype=self.dtype_policy,
            name="fc2",
        )
        self.activation_dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def build(self, input_shape=None):
        self.fc1.build((None, None, self.embed_dim))
        self.fc2.build((None, None, self.hidden_dim))
        self.built = True

    def call(self, hidden_states, training=False):
        """Maps `(..., embed_dim)` to the same shape, float32."""
        hidden_states = finite(self.fc1(hidden_states))
        hidden_states = self.activation_dropout(hidden_states, training=training)
        return widened(self.fc2, hidden_states)

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "embed_dim": self.embed_dim,
            "activation": self.activation,
            "dropout": self.dropout,
            "init_std": self.init_std,
        }


class LayerDrop(keras.layers.Layer):
    """Skips a whole layer with probability `rate` while training (Fan et al., 2020)."""

    def __init__(self, rate, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator()
        self.built = True

    def call(self, before, after, training=False):
        """Returns `after`, or `before` where the layer is skipped."""
        if not training or self.rate == 0.0:
            return after
        keep = keras.random.uniform((), seed=self.seed_generator) >= self.rate
        return tf.where(keep, after, before)

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}
