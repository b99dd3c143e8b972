import keras
import pytest

from tf_pegasus.cli import messages
from tf_pegasus.training.callbacks import Resume
from tf_pegasus.training.run_directory import RunDirectory

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
    with RunDirectory(run, {}) as directory:
        directory.start()
        resume = Resume(model, directory.checkpoint)
        done = resume.restore()
        if save_after is not None:
            resume.callback().on_epoch_end(save_after, {})
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
