import pytest

from tf_pegasus.training.run_directory import RunDirectory
from tf_pegasus.utils.locks import LockedError

ARGUMENTS = {"run": {"batch_size": 2}}


def start(path, arguments=ARGUMENTS):
    with RunDirectory(path, arguments) as directory:
        directory.start()
    return directory


@pytest.mark.parametrize(
    "left",
    [[], ["lock"], ["lock", "lock.holder"], ["lock", ".config.yaml.ab_c1234", "command.txt"]],
)
def test_a_kill_before_the_arguments_were_written(tmp_path, left):
    state = tmp_path / "run" / "training"
    state.mkdir(parents=True)
    for name in left:
        (state / name).write_text("")
    start(tmp_path / "run")
    assert "config.yaml" in {path.name for path in state.iterdir()}
    with pytest.raises(ValueError, match="batch_size=2 there"):
        start(tmp_path / "run", {"run": {"batch_size": 3}})


@pytest.mark.parametrize("name", ["precious.txt", "training/precious.txt", "training/checkpoint"])
def test_what_is_no_run(tmp_path, name):
    file = tmp_path / "run" / name
    file.parent.mkdir(parents=True)
    file.write_text("x")
    with pytest.raises(ValueError, match="not a training run"):
        start(tmp_path / "run")
    assert file.read_text() == "x"


def test_one_training_at_a_time(tmp_path):
    with RunDirectory(tmp_path / "run", ARGUMENTS) as first:
        assert not (tmp_path / "run").exists()
        with RunDirectory(tmp_path / "run", ARGUMENTS) as second:
            first.start()
            message = r"output_dir='.*run' is in use by process \d+ on .*, since "
            with pytest.raises(LockedError, match=message):
                second.start()
        # At once, before any work.
        with pytest.raises(LockedError, match=message):
            RunDirectory(tmp_path / "run", ARGUMENTS).__enter__()
    start(tmp_path / "run")


def test_leftovers_go_and_the_rest_stays(tmp_path):
    run = tmp_path / "run"
    start(run)
    gone = [
        ".config.json.abcd1234",
        ".spiece.model.abcd1234",
        ".saving-abcd1234/model.safetensors",
        "training/.config.yaml.abcd1234",
        "training/checkpoint/ckpt-4.index",
        "training/checkpoint/ckpt-5.data-00000-of-00001.tempstate12",
        "training/checkpoint/ckpt-55.index",
        "training/checkpoint/ckpt-6_temp/part",
        "training/checkpoint/checkpoint.tmp0123abcdef",
    ]
    kept = [
        ".gitignore",
        ".notes.json.old",
        "model.safetensors",
        "training/checkpoint/ckpt-5.index",
        "training/checkpoint/ckpt-5.data-00000-of-00001",
        "training/checkpoint/notes",
    ]
    for name in gone + kept:
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text("x")
    (run / "training/checkpoint/checkpoint").write_text('model_checkpoint_path: "ckpt-5"\n')
    start(run)
    assert [name for name in gone if (run / name).exists()] == []
    assert [name for name in kept if not (run / name).exists()] == []
    assert not (run / ".saving-abcd1234").exists()


def test_rows_that_will_be_written_again_go(tmp_path):
    directory = start(tmp_path / "run")
    directory.cut_log(3)
    assert not directory.log.exists()
    header = "epoch,loss,val_loss"
    directory.log.write_text(f"{header}\n0,5.0,4\n1,4.0,3\n1,4.0,3\n2,3.0,2\n3,2.0,1\n4,1.")
    directory.cut_log(3)
    assert directory.log.read_text().split() == [header, "0,5.0,4", "1,4.0,3", "2,3.0,2"]
    for content in ("", "epo", f"{header}\n0,5.0,4\n"):
        directory.log.write_text(content)
        directory.cut_log(0)
        assert directory.log.read_text() == ""
