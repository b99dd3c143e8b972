import types

import pytest
import tensorflow as tf

from tf_pegasus.training import callbacks
from tf_pegasus.training.callbacks import KeepBest, TimeLeft, duration


@pytest.mark.parametrize(
    ("metric", "values", "saved"),
    [("val_loss", [3.0, 4.0, 2.0, 2.0], [0, 2]), ("val_rougeL", [3.0, 4.0, 2.0, 5.0], [0, 1, 3])],
)
def test_what_is_best(metric, values, saved):
    found, best, waited = [], tf.Variable(float("inf")), tf.Variable(0, dtype=tf.int64)
    keep = KeepBest(metric, lambda: found.append(epoch), best, waited)
    keep.set_model(types.SimpleNamespace(stop_training=False))
    for epoch, value in enumerate(values):
        keep.on_epoch_end(epoch, {metric: value})
    assert found == saved
    assert not keep.is_over


def test_the_time_left_is_told_once(monkeypatch, capsys):
    clock = iter(range(0, 1000, 4))
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: next(clock))
    left = TimeLeft(total_steps=1000, interval=50)
    left.on_epoch_begin(1)
    for batch in range(20):
        left.on_train_batch_end(batch)
    assert capsys.readouterr().out.count("s a step: about") == 1


def test_durations():
    assert [duration(s) for s in (5.4, 65, 7500)] == ["5 s", "1 min 5 s", "2 h 5 min"]
