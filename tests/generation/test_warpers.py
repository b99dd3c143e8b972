"""The warpers that have no test in plain Python, compared with the reference implementation."""

import numpy as np
import pytest
from helpers.tiny import GOLDENS

from tf_pegasus.generation.warpers import keep_above_epsilon, keep_above_eta


@pytest.mark.parametrize(
    ("name", "warp"),
    [
        ("epsilon", keep_above_epsilon(0.03, 2)),
        ("epsilon-most", keep_above_epsilon(0.9, 2)),
        ("eta", keep_above_eta(0.05, 1)),
        ("eta-most", keep_above_eta(0.9, 2)),
    ],
)
def test_the_tokens_of_the_reference_are_kept(name, warp):
    arrays = np.load(GOLDENS / "options.npz")
    found = warp(None, None, arrays["warpers:scores"]).numpy()
    expected = arrays[f"warpers:{name}"]
    np.testing.assert_array_equal(np.isfinite(found), expected)
    np.testing.assert_array_equal(found[expected], arrays["warpers:scores"][expected])
    assert 1 <= expected.sum(axis=1).min() < 40
