"""`tools/training_memory.py` compares the estimates with measurements."""

import keras
import pytest

from tf_pegasus.training.estimates import estimate_memory


def test_estimates(model):
    def estimate(**changes):
        arguments = {"batch_size": 8, "source_length": 32, "target_length": 16, **changes}
        return estimate_memory(model, **arguments)

    model.compile(keras.optimizers.Adam(), micro_batches=1)
    model.optimizer.build(model.trainable_variables)
    base, trained = estimate(), 4 * model.num_parameters(only_trainable=True)
    assert base.gradients == trained
    assert base.optimizer == pytest.approx(2 * trained, abs=16)
    assert estimate(averages=True).optimizer == base.optimizer + trained
    assert estimate(batch_size=16).activations == 2 * base.activations
    assert estimate(recomputes=True).activations < base.activations
    assert base.total == sum(vars(base).values())
    assert f"weights {base.weights / 1e6:,.0f}, " in str(base)
    model.compile(keras.optimizers.Adam(), micro_batches=4)
    assert estimate(batch_size=2).gradients == 2 * trained
