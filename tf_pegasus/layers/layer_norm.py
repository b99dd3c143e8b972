"""Layer normalization whose gradient keeps less for the backward pass."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="tf_pegasus")
class PegasusLayerNorm(keras.layers.LayerNormalization):
    """`keras.layers.LayerNormalization` over the last axis, with a gradient of its own in training.

    TensorFlow's own gradient takes twice as many passes over the memory, and keeps two tensors of
    the size of the input.

    Args:
        **kwargs: arguments of `keras.layers.LayerNormalization`, without `axis`.

    Reference:
        Ba et al., 2016, "Layer Normalization".
    """

    def call(self, inputs, training=False):
        """Maps float `(..., width)` to the same shape.

        Args:
            inputs: float tensor.
            training: bool, whether a gradient is needed; without, the result is the same.
        """
        gamma, beta = tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)
        if not training:
            return self._normalized(inputs)[0] * gamma + beta

        @tf.custom_gradient
        def normalize(inputs, gamma, beta):
            def gradient(upstream):
                # Computed from the inputs, so that it has a gradient, too. In a graph, TensorFlow
                # finds that the forward pass has computed these already.
                normalized, scale = self._normalized(inputs)
                inner = upstream * gamma
                spread = tf.reduce_mean(inner, axis=-1, keepdims=True)
                aligned = tf.reduce_mean(inner * normalized, axis=-1, keepdims=True)
                to_inputs = scale * (inner - spread - normalized * aligned)
                leading = list(range(inputs.shape.rank - 1))
                return (
                    to_inputs,
                    tf.reduce_sum(upstream * normalized, axis=leading),
                    tf.reduce_sum(upstream, axis=leading),
                )

            return self._normalized(inputs)[0] * gamma + beta, gradient

        return normalize(inputs, gamma, beta)

    def _normalized(self, inputs):
        """Returns the inputs with mean 0 and variance 1, and the factor that gave the latter."""
        centered = inputs - tf.reduce_mean(inputs, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centered), axis=-1, keepdims=True)
        scale = tf.math.rsqrt(variance + self.epsilon)
        return centered * scale, scale
