import time

import numpy as np
import pytest
import tensorflow as tf
from helpers.fake_decoding import FakeDecoding, at_random

from tf_pegasus.generation.beam_search import beam_search
from tf_pegasus.generation.greedy import greedy_or_sampled


@pytest.mark.parametrize("num_beams", [1, 3])
def test_time_limits_the_search(num_beams):
    def slow(row, tokens):
        time.sleep(0.02)
        return at_random(0)(row, tokens)

    # Nothing may end before, so only the time ends the search.
    options = {"num_beams": num_beams, "max_length": 400, "min_length": 400, "max_time": 0.2}
    search = beam_search if num_beams > 1 else greedy_or_sampled
    hypotheses, _, steps = search(FakeDecoding(slow, **options))
    assert 1 <= int(steps) <= 10
    tokens = hypotheses.sequences.numpy()[0, 0]
    assert np.isfinite(hypotheses.scores).all()
    assert not tokens[1 + int(steps) :].any()


def test_limits_share_a_program(model):
    ids = np.array([[5, 6]])
    expected = model.generate(ids, max_length=6, engine="eager")
    # The automatic choice is not XLA.
    for max_time in (1e4, 1e3):
        found = model.generate(ids, max_length=6, max_time=max_time)
        np.testing.assert_array_equal(found, expected)
    assert len(model.programs) == 1
    short = model.generate(ids, max_length=20, min_length=20, max_time=1e-4)
    assert short.shape[1] == 2


def test_xla_has_no_clock(model):
    with pytest.raises(ValueError, match=r"max_time needs a clock.*engine='graph'"):
        model.generate(np.array([[5]]), max_time=1.0, engine="xla")

    @tf.function(jit_compile=True)
    def function(ids):
        return model.generate(ids, max_time=1.0)

    with pytest.raises(ValueError, match="max_time needs a clock"):
        function(tf.constant([[5]]))
