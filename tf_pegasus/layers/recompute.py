"""Recomputes a layer's activations in the backward pass (Chen et al., 2016)."""

import keras
import numpy as np
import tensorflow as tf

# An upper bound of the random draws in one layer's call.
_DRAWS = 64


def recomputed(layer, call, *tensors):
    """Runs `call(*tensors)`, a call of `layer`, and recomputes its activations for the gradient.

    `tf.recompute_grad` alone would draw new dropout masks in the second run, which would give the
    gradient of another function. Here both runs start from the same seeds.

    Args:
        layer: the layer, whose seed generators are reset for the second run.
        call: function of the tensors that returns tensors.
        *tensors: all tensors, besides variables, that a gradient must flow to.
    """
    weights = {id(weight) for weight in layer.weights}
    seed_states = [variable for variable in layer.variables if id(variable) not in weights]
    seeds = [(state, state.value * 1) for state in seed_states]

    def body(*inner):
        with keras.StatelessScope(state_mapping=seeds):
            return call(*inner)

    outputs = tf.recompute_grad(body)(*tensors)
    for state in seed_states:
        state.assign(state.value + tf.cast(np.array([0, _DRAWS]), state.value.dtype))
    return outputs
