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
        # Once for all variables: every operation takes its time to trace.
        step = tf.cast(self.iterations + 1, tf.float32)
        rate = tf.cast(self.learning_rate, tf.float32)
        self._scalars = {
            "rate": tf.minimum(rate, tf.math.rsqrt(step)),
            "fresh": tf.pow(step, self.beta_2_decay),
            "epsilon_1": tf.constant(self.epsilon_1),
            "epsilon_2": tf.constant(self.epsilon_2),
            "threshold": tf.constant(self.clip_threshold),
        }
        super().apply(grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        dtype = variable.dtype
        scalars = {name: tf.cast(value, dtype) for name, value in self._scalars.items()}
        gradient = tf.cast(tf.convert_to_tensor(gradient), dtype)
        moments = self._moments[self._get_variable_index(variable)]
        squares = tf.square(gradient) + scalars["epsilon_1"]
        if len(moments) == 2:
            rows, columns = (
                _moved(moment, tf.reduce_mean(squares, axis=axis), scalars["fresh"])
                for moment, axis in zip(moments, (-1, -2), strict=True)
            )
            rows /= tf.reduce_mean(rows, axis=-1, keepdims=True)
            update = gradient * tf.expand_dims(tf.math.rsqrt(rows), -1)
            update *= tf.expand_dims(tf.math.rsqrt(columns), -2)
        else:
            update = gradient * tf.math.rsqrt(_moved(moments[0], squares, scalars["fresh"]))
        # The rate grows with the weights, and shrinks where the update is large.
        rate = scalars["rate"] * tf.maximum(scalars["epsilon_2"], _rms(variable))
        rate *= scalars["threshold"] / tf.maximum(scalars["threshold"], _rms(update))
        variable.assign_sub(rate * update, read_value=False)


def _moment_shapes(shape):
    """Returns the shapes of a variable's moments: two factors, or one for each weight."""
    if len(shape) < 2:
        return {"moment": shape}
    return {"rows": shape[:-1], "columns": (*shape[:-2], shape[-1])}


def _moved(moment, new, fresh):
    """Moves a moment towards `new` by the share `fresh`, and returns it."""
    before = tf.convert_to_tensor(moment)
    after = before + fresh * (new - before)
    moment.value.assign(after, read_value=False)
    return after


def _rms(tensor):
    """Returns the root of the mean square."""
    tensor = tf.convert_to_tensor(tensor)
    return tf.sqrt(tf.nn.l2_loss(tensor) * (2 / tensor.shape.num_elements()))
