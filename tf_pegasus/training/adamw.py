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

    def update_step(self, gradient, variable, learning_rate):
        if self.amsgrad:
            super().update_step(gradient, variable, learning_rate)
            return
        gradient = tf.cast(tf.convert_to_tensor(gradient), variable.dtype)
        learning_rate = tf.cast(learning_rate, variable.dtype)
        step = tf.cast(self.iterations + 1, variable.dtype)
        beta_1, beta_2 = (tf.cast(beta, variable.dtype) for beta in (self.beta_1, self.beta_2))
        index = self._get_variable_index(variable)
        momentum, velocity = self._momentums[index], self._velocities[index]
        with tf.control_dependencies([gradient]):
            if self._use_weight_decay(variable):
                keep = 1 - tf.cast(self.weight_decay, variable.dtype) * learning_rate
                variable.assign(variable * keep)
            tf.raw_ops.ResourceApplyAdam(
                var=handle(variable),
                m=handle(momentum),
                v=handle(velocity),
                beta1_power=tf.pow(beta_1, step),
                beta2_power=tf.pow(beta_2, step),
                lr=learning_rate,
                beta1=beta_1,
                beta2=beta_2,
                epsilon=tf.cast(self.epsilon, variable.dtype),
                grad=gradient,
            )


def handle(variable):
    """Returns the resource of a variable of TensorFlow or Keras."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
