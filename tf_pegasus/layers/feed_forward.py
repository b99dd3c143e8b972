"""The position-wise feed-forward block."""

from collections.abc import Callable
from typing import NamedTuple

import keras

from tf_pegasus.layers.activations import activation_function, activation_name
from tf_pegasus.layers.dense import PegasusDense


class FeedForwardProjections(NamedTuple):
    """The two projections of a feed-forward block, as dense layers or frozen."""

    first: Callable
    second: Callable


@keras.saving.register_keras_serializable(package="tf_pegasus")
class PegasusFeedForward(keras.layers.Layer):
    """Position-wise feed-forward block (Vaswani et al., 2017, section 3.3).

    Args:
        hidden_dim: int, width between the two projections.
        embed_dim: int, width of input and output.
        activation: str or function, see `tf_pegasus.layers.activations`.
        dropout: float, dropout after the activation.
        init_std: float, standard deviation of the kernels' initializer.
        **kwargs: arguments of `keras.layers.Layer`.
    """

    def __init__(self, hidden_dim, embed_dim, activation, dropout=0.0, init_std=0.02, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.hidden_dim = hidden_dim
        self.embed_dim = embed_dim
        self.activation = activation_name(activation)
        self.dropout = dropout
        self.init_std = init_std
        dense = {"init_std": init_std, "dtype": self.dtype_policy}
        self.fc1 = PegasusDense(hidden_dim, **dense, name="fc1")
        self.fc2 = PegasusDense(embed_dim, output_dtype="float32", **dense, name="fc2")
        self.activation_dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def build(self, input_shape=None):
        self.fc1.build((None, None, self.embed_dim))
        self.fc2.build((None, None, self.hidden_dim))
        self.built = True

    def freeze(self) -> FeedForwardProjections:
        """See `PegasusDense.freeze`."""
        return FeedForwardProjections(self.fc1.freeze(), self.fc2.freeze())

    def call(self, hidden_states, frozen=None, training=False):
        """Maps `(..., embed_dim)` to the same shape, float32.

        Args:
            hidden_states: float `(..., embed_dim)`.
            frozen: the result of `freeze`, or None to use the weights as they are.
            training: bool, whether to apply dropout.
        """
        projections = frozen or FeedForwardProjections(self.fc1, self.fc2)
        hidden_states = activation_function(self.activation)(projections.first(hidden_states))
        hidden_states = self.activation_dropout(hidden_states, training=training)
        return projections.second(hidden_states)

    def get_config(self):
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "embed_dim": self.embed_dim,
            "activation": self.activation,
            "dropout": self.dropout,
            "init_std": self.init_std,
        }
