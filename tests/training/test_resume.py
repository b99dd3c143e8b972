import os
import signal

import keras
import pytest

from tf_pegasus import TFPegasusForConditionalGeneration
from tf_pegasus.cli import messages
from tf_pegasus.training.config import TrainingArguments
from tf_pegasus.training.interruption import Interruption, TrainingInterrupted
from tf_pegasus.training.resume import Resume
from tf_pegasus.training.run_directory import RunDirectory
from tf_pegasus.training.train import train

DAMAGES = {
    "short": lambda content: content[: len(content) // 2],
    "flipped": lambda content: bytes(255 - byte for byte in content),
    "empty": lambda content: b"",
    "one byte": lambda content: b"".join(
        (content[: len(content) // 2], b"\xfe", content[len(content) // 2 + 1 :])
    ),
    "gone": None,
}


def restore(run, model=None, save_after=None):
    """Opens a run and restores; saves where it is said after which interval."""
    model = model or keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(300)])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    with RunDirectory(run, {}) as directory:
        directory.start()
        resume = Resume(model, directory.checkpoint, 1, Interruption())
        done = resume.restore()
        if save_after is not None:
            resume.on_epoch_end(save_after, {})
    return done


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    run = tmp_path_factory.mktemp("damaged") / "run"
    restore(run, save_after=2)
    assert restore(run) == 3
    return run


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (name, damage)
        for name in ("checkpoint", "ckpt-1.index", "ckpt-1.data-00000-of-00001")
        for damage in DAMAGES
        # As after a kill while the first one is written.
        if (name, damage) != ("checkpoint", "gone")
    ],
)
def test_a_damaged_checkpoint(run, name, damage):
    """The error says where, in a line, and nothing is removed."""
    checkpoint = run / "training" / "checkpoint"
    whole = {path: path.read_bytes() for path in checkpoint.iterdir()}
    file = checkpoint / name
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(DAMAGES[damage](whole[file]))
    try:
        with pytest.raises(ValueError, match=r"damaged.* remove '.*' to start again") as raised:
            restore(run)
        assert str(checkpoint) in messages.describe(raised.value)
        assert set(checkpoint.iterdir()) == {p for p in whole if damage != "gone" or p != file}
    finally:
        for path, content in whole.items():
            path.write_bytes(content)
    assert restore(run) == 3


def test_a_checkpoint_of_another_model(run):
    other = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match="is a checkpoint of another model"):
        restore(run, other)


def test_a_first_checkpoint_that_was_not_finished(tmp_path):
    restore(tmp_path / "run", save_after=0)
    checkpoint = tmp_path / "run" / "training" / "checkpoint"
    (checkpoint / "checkpoint").unlink()
    assert restore(tmp_path / "run") == 0
    assert list(checkpoint.iterdir()) == []


class SignalAt(keras.callbacks.Callback):
    """Sends a signal after so many steps, or validation steps, of the process."""

    def __init__(self, number, step, validates=False):
        super().__init__()
        self.number = number
        self.left = step
        self.validates = validates

    def count(self, is_one):
        self.left -= is_one
        if self.left == 0 and is_one:
            os.kill(os.getpid(), self.number)

    def on_train_batch_end(self, batch, logs=None):
        self.count(not self.validates)

    def on_test_batch_end(self, batch, logs=None):
        self.count(self.validates)


def stopped(arguments, monkeypatch, callback):
    """Runs a training until a signal stops it; returns the message."""
    fit = TFPegasusForConditionalGeneration.fit

    def fit_with_callback(self, *args, callbacks, **kwargs):
        return fit(self, *args, callbacks=[*callbacks, callback], **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(TFPegasusForConditionalGeneration, "fit", fit_with_callback)
        with pytest.raises(TrainingInterrupted) as raised:
            train(TrainingArguments.from_flags(**arguments))
    assert raised.value.signal == callback.number
    return str(raised.value)


@pytest.mark.slow
def test_signals_stop_at_once_and_change_nothing(arguments, tmp_path, monkeypatch, capsys):
    """Of a training with an interval of 3 steps, in the middle of one and in a validation."""
    whole = {**arguments, "output_dir": str(tmp_path / "whole")}
    train(TrainingArguments.from_flags(**whole))
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    message = stopped(arguments, monkeypatch, SignalAt(signal.SIGTERM, 5))
    assert message == "saved after step 5; repeat the command to resume"
    message = stopped(arguments, monkeypatch, SignalAt(signal.SIGINT, 1, validates=True))
    assert message == "saved after step 6; repeat the command to resume"
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    train(TrainingArguments.from_flags(**arguments))
    captured = capsys.readouterr()
    assert captured.err.count("saving after this step; another signal stops at once") == 2
    assert "resuming after 5" in captured.out
    assert "resuming after 6" in captured.out
    for name in ("model.safetensors", "training/log.csv", "spiece.model", "config.json"):
        same = (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
        assert same, name


def test_a_second_signal_acts_as_before():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append("before"))
    try:
        with Interruption() as interruption:
            os.kill(os.getpid(), signal.SIGTERM)
            assert interruption.is_requested
            assert not seen
            os.kill(os.getpid(), signal.SIGTERM)
            assert seen == ["before"]
    finally:
        signal.signal(signal.SIGTERM, before)
