import contextlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.cluster import cluster
from safetensors.numpy import load_file

import tf_pegasus
from tf_pegasus.training.config import TrainingArguments
from tf_pegasus.training.config_file import dump
from tf_pegasus.training.train import train
from tf_pegasus.training.workers import Workers


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (None, "strategy='multiworker' needs the environment variable TF_CONFIG, such as {"),
        ("{", "is no description of a cluster"),
        ('{"cluster": {}}', "is no description of a cluster: KeyError"),
        (
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
            "must have workers only, and the index of one of them",
        ),
        (
            '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "ps", "index": 0}}',
            "must have workers only",
        ),
    ],
)
def test_what_is_no_cluster(monkeypatch, config, message):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ValueError, match=message):
        Workers("multiworker")


@contextlib.contextmanager
def workers(*arguments):
    """Two processes that train together, with their output."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tf_pegasus", "train", *map(str, arguments)],
            env={
                **os.environ,
                "PYTHONPATH": str(Path(tf_pegasus.__file__).parents[1]),
                "TF_CONFIG": config,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for config in cluster(2)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


@pytest.mark.slow
def test_two_workers_train_as_one_after_one_was_killed(arguments, tmp_path):
    """Without the biases of keys, whose gradients are rounding errors, which Adam amplifies."""
    arguments |= {"dropout": 0.0, "epochs": 2, "ema_momentum": 0.9, "average_last": 2}
    alone = train(TrainingArguments.from_flags(**arguments))
    arguments |= {"strategy": "multiworker", "output_dir": str(tmp_path / "two")}
    settings = tmp_path / "run.yaml"
    settings.write_text(dump(TrainingArguments.from_flags(**arguments).to_sections()))
    with workers(settings) as (chief, other):
        for line in chief.stdout:
            if line.startswith("Epoch 2/"):
                other.kill()
        assert chief.wait(60) == 1
        assert "a worker was lost: start all of them again to resume" in chief.stderr.read()
    with workers(settings) as (chief, other):
        output, errors = chief.communicate(timeout=120)
        assert chief.returncode == 0, errors
        assert other.communicate(timeout=60)[0] == ""
    assert "resuming after 3" in output
    log = np.genfromtxt(tmp_path / "two" / "training" / "log.csv", delimiter=",", names=True)
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(log[name], alone[name], rtol=1e-5)
    files = (tmp_path / name / "model.safetensors" for name in ("two", "run"))
    found, expected = map(load_file, files)
    for name, value in expected.items():
        if not name.endswith("k_proj.bias"):
            np.testing.assert_allclose(found[name], value, atol=2e-6, err_msg=name)
