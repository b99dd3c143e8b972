"""Training with `tf.distribute` gives the losses and weights of one device."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import distributed_fit
from helpers.cluster import cluster

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def alone():
    return distributed_fit.train("none")


@pytest.fixture
def start(tmp_path):
    """Starts a training in a process of its own; returns its process and its output's path."""
    tests, started = Path(distributed_fit.__file__).parents[1], []

    def start(strategy, **environment):
        output = tmp_path / f"{len(started)}.npz"
        paths = [str(tests.parent), str(tests), os.environ.get("PYTHONPATH", "")]
        environment |= {"PYTHONPATH": os.pathsep.join(paths)}
        command = [sys.executable, distributed_fit.__file__, strategy, str(output)]
        started.append(subprocess.Popen(command, env=os.environ | environment))
        return started[-1], output

    yield start
    for process in started:
        process.kill()
        process.wait()


def check_equal(output, expected):
    with np.load(output) as results:
        assert set(results.files) == set(expected)
        for name in results.files:
            np.testing.assert_allclose(results[name], expected[name], atol=2e-6, err_msg=name)


def test_mirrored_replicas_train_as_one_device(alone, start):
    process, output = start("mirrored")
    assert process.wait(120) == 0
    check_equal(output, alone)


def test_two_workers_train_as_one(alone, start):
    workers = [start("multiworker", TF_CONFIG=config) for config in cluster(2)]
    for process, _ in workers:
        assert process.wait(120) == 0
    for _, output in workers:
        check_equal(output, alone)
