"""Compares the weights of models."""

import numpy as np


def assert_same_weights(model, other):
    assert len(model.weights) == len(other.weights)
    for expected, found in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(found, expected, err_msg=expected.path)
