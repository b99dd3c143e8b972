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
        # Once for all variables: every operation takes its time to trace.
        step = tf.cast(self.iterations + 1, tf.float32)
        rate = tf.cast(self.learning_rate, tf.float32)
        self._scalars = {
            "beta1_power": tf.pow(self.beta_1, step),
            "beta2_power": tf.pow(self.beta_2, step),
            "lr": rate,
            "beta1": tf.constant(self.beta_1),
            "beta2": tf.constant(self.beta_2),
            "epsilon": tf.constant(self.epsilon),
            "kept": 1 - self.weight_decay * rate,
        }
        super().apply(grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        if self.amsgrad:
            super().update_step(gradient, variable, learning_rate)
            return
        dtype = variable.dtype
        gradient = tf.cast(tf.convert_to_tensor(gradient), dtype)
        scalars = {name: tf.cast(value, dtype) for name, value in self._scalars.items()}
        kept = scalars.pop("kept")
        index = self._get_variable_index(variable)
        with tf.control_dependencies([gradient]):
            if self._use_weight_decay(variable):
                variable.assign(variable * kept, read_value=False)
            tf.raw_ops.ResourceApplyAdam(
                var=handle(variable),
                m=handle(self._momentums[index]),
                v=handle(self._velocities[index]),
                grad=gradient,
                **scalars,
            )


def handle(variable):
    """Returns the resource of a variable of TensorFlow or Keras."""
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle
