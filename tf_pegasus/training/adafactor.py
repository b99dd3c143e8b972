"""Adafactor without a second moment for each weight."""

import keras
import tensorflow as tf

from tf_pegasus.training.clipping import GlobalNormClippingMixin


@keras.saving.register_keras_serializable(package="tf_pegasus")
class Adafactor(GlobalNormClippingMixin, keras.optimizers.Adafactor):
    """`keras.optimizers.Adafactor` (Shazeer and Stern, 2018) with the memory that it is known for.

    Arguments and updates are those of Keras' class. That one stores, besides the factors of the
    second moments, their product, which is as large as the weights; and it computes an update from
    twice as many operations.

    Args:
        **kwargs: arguments of `keras.optimizers.Adafactor`.
    """

    def build(self, var_list):
        if self.built:
            return
        # Not that of Keras' Adafactor, which creates more.
        super(keras.optimizers.Adafactor, self).build(var_list)
        self._moments = [
            [
                self.add_variable(shape, dtype=variable.dtype, name=f"{variable.name}_{axis}")
                for axis, shape in _moment_shapes(variable.shape).items()
            ]
            for variable in var_list
        ]

    def apply(self, grads, trainable_variables=None):
        # Once for all variables.
        step = tf.cast(self.iterations + 1, tf.float32)
        self._fresh = tf.pow(step, self.beta_2_decay)
        self._highest_rate = tf.math.rsqrt(step)
        super().apply(grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        gradient = tf.cast(tf.convert_to_tensor(gradient), dtype)
        rate = tf.minimum(tf.cast(learning_rate, dtype), tf.cast(self._highest_rate, dtype))
        fresh = tf.cast(self._fresh, dtype)
        moments = self._moments[self._get_variable_index(variable)]
        squares = tf.square(gradient) + self.epsilon_1
        if len(moments) == 2:
            rows, columns = (
                _moved(moment, tf.reduce_mean(squares, axis=axis), fresh)
                for moment, axis in zip(moments, (-1, -2), strict=True)
            )
            rows /= tf.reduce_mean(rows, axis=-1, keepdims=True)
            update = (
                gradient * tf.math.rsqrt(rows)[..., None] * tf.math.rsqrt(columns)[..., None, :]
            )
        else:
            update = gradient * tf.math.rsqrt(_moved(moments[0], squares, fresh))
        rate *= tf.maximum(tf.cast(self.epsilon_2, dtype), _rms(variable))
        rate /= tf.maximum(tf.ones((), dtype), _rms(update) / self.clip_threshold)
        self.assign_sub(variable, rate * update)


def _moment_shapes(shape):
    """Returns the shapes of a variable's moments: two factors, or one for each weight."""
    if len(shape) < 2:
        return {"moment": shape}
    return {"rows": shape[:-1], "columns": (*shape[:-2], shape[-1])}


def _moved(moment, new, fresh):
    """Moves a moment towards `new` by the share `fresh`, and returns it."""
    moved = tf.convert_to_tensor(moment)
    moved += fresh * (new - moved)
    moment.assign(moved)
    return moved


def _rms(tensor):
    """Returns the root of the mean square."""
    tensor = tf.convert_to_tensor(tensor)
    return tf.sqrt(2 * tf.nn.l2_loss(tensor) / tf.cast(tf.size(tensor), tensor.dtype))
