import keras
import numpy as np
import tensorflow as tf

from tf_pegasus.layers.layer_norm import PegasusLayerNorm

random = np.random.default_rng(0)
INPUTS = tf.constant(random.normal(3.0, 2.0, (2, 3, 8)).astype("float32"))
UPSTREAM, GAMMA, BETA = (random.normal(size=s).astype("float32") for s in ((2, 3, 8), 8, 8))


def derivatives(layer, **options):
    layer.build(INPUTS.shape)
    layer.gamma.assign(GAMMA)
    layer.beta.assign(BETA)
    parameters = [layer.gamma.value, layer.beta.value]
    with tf.GradientTape() as second:
        second.watch(INPUTS)
        with tf.GradientTape() as first:
            first.watch(INPUTS)
            outputs = layer(INPUTS, **options)
            loss = tf.reduce_sum(outputs * UPSTREAM)
        gradients = first.gradient(loss, [INPUTS, *parameters])
        curvature = tf.reduce_sum(gradients[0] ** 2)
    return [outputs, *gradients, second.gradient(curvature, INPUTS)]


def test_outputs_and_derivatives_are_those_of_keras():
    expected = derivatives(keras.layers.LayerNormalization(epsilon=1e-5))
    for training in (True, False):
        found = derivatives(PegasusLayerNorm(epsilon=1e-5), training=training)
        for value, wanted in zip(found, expected, strict=True):
            np.testing.assert_allclose(value, wanted, rtol=1e-4, atol=2e-5)
