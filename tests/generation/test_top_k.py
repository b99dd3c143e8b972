import math

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus.generation.top_k import best_continuations


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 700),
    st.integers(1, 16),
    st.integers(0, 2**31),
    st.sampled_from([1, 5, 1000]),
)
def test_best_continuations_equal_top_k_of_all(batch, rows, n, k, seed, distinct):
    k = min(k, rows * n)
    random = np.random.default_rng(seed)
    scores = random.integers(0, distinct, (batch, rows, n)).astype("float32")
    scores[random.random(scores.shape) < 0.3] = -math.inf
    offsets = random.integers(0, 3, (batch, rows, 1)).astype("float32")
    values, indices = best_continuations(tf.constant(scores), tf.constant(offsets), k)
    expected = tf.math.top_k((scores + offsets).reshape(batch, rows * n), k)
    np.testing.assert_array_equal(values, expected.values)
    np.testing.assert_array_equal(indices, expected.indices)
