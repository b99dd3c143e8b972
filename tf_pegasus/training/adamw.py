"""AdamW with one operation for a variable's update."""

import keras
import tensorflow as tf

from tf_pegasus.training.clipping import GlobalNormClippingMixin


@keras.saving.register_keras_serializable(package="tf_pegasus")
class AdamW(GlobalNormClippingMixin, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` (Loshchilov and Hutter, 2019) that starts sooner and needs less.

    Arguments, updates and state are those of Keras' class. That one computes an update from about
    thirty operations for each variable; this one from six, of which TensorFlow's `ApplyAdam` does
    the most in one pass over the memory.

    Args:
        **kwargs: arguments of `keras.optimizers.AdamW`.
    """

    def _apply_weight_decay(self, variables):
        # Overrides a method of Keras' optimizers, seen in Keras 3.13 to 3.15, which decays before
        # the gradients are known. The weights that the backward pass still reads would be copied.
        if self.amsgrad:
            super()._apply_weight_decay(variables)

    def apply(self, grads, trainable_variables=None):
        # Once for all variables.
        step = tf.cast(self.iterations + 1, tf.float32)
        self._powers = tf.pow(self.beta_1, step), tf.pow(self.beta_2, step)
        super().apply(grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        if self.amsgrad:
            super().update_step(gradient, variable, learning_rate)
            return
        dtype = variable.dtype
        gradient = tf.cast(tf.convert_to_tensor(gradient), dtype)
        learning_rate = tf.cast(learning_rate, dtype)
        index = self._get_variable_index(variable)
        with tf.control_dependencies([gradient]):
            if self._use_weight_decay(variable):
                variable.assign(variable * (1 - self.weight_decay * learning_rate))
            tf.raw_ops.ResourceApplyAdam(
                var=handle(variable),
                m=handle(self._momentums[index]),
                v=handle(self._velocities[index]),
                beta1_power=tf.cast(self._powers[0], dtype),
                beta2_power=tf.cast(self._powers[1], dtype),
                lr=learning_rate,
                beta1=tf.cast(self.beta_1, dtype),
                beta2=tf.cast(self.beta_2, dtype),
                epsilon=tf.cast(self.epsilon, dtype),
                grad=gradient,
            )


def handle(variable):
    """Returns the resource of a variable of TensorFlow or Keras."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
