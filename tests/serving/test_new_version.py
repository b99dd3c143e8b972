"""The numbers that exports take, and what killed ones leave."""

import subprocess
import sys
import threading

import pytest

from tf_pegasus.serving.new_version import new_version
from tf_pegasus.utils.locks import LockedError

KILLED = """
import os, signal, sys
from tf_pegasus.serving.new_version import new_version
with new_version(sys.argv[1], int(sys.argv[2]) or None) as (path, temporary):
    (temporary / "saved_model.pb").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def write(directory, version=None):
    with new_version(directory, version) as (path, temporary):
        (temporary / "saved_model.pb").write_text("whole")
    return int(path.name)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_exports_at_the_same_time_take_different_numbers(tmp_path):
    with new_version(tmp_path) as (first, temporary):
        (temporary / "saved_model.pb").write_text("first")
        assert write(tmp_path) == 2
        with pytest.raises(LockedError, match=r"^version 1 of .* is in use by process \d+"):
            write(tmp_path, 1)
    assert (first / "saved_model.pb").read_text() == "first"
    assert write(tmp_path) == 3
    with pytest.raises(FileExistsError):
        write(tmp_path, 2)
    assert names(tmp_path) == ["1", "2", "3"]


def test_many_at_once(tmp_path):
    taken = []
    threads = [
        threading.Thread(target=lambda: taken.append(write(tmp_path / "x"))) for _ in range(24)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(taken)) == 24
    assert names(tmp_path / "x") == sorted(map(str, taken))


def test_what_a_kill_left_is_removed_by_the_next(tmp_path):
    for version in (9, 0):
        subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(version)], check=False)
        prefix = f".{version or 1}."
        assert len(names(tmp_path)) == 3
        assert all(name.startswith(prefix) for name in names(tmp_path))
    assert write(tmp_path) == 1
    assert names(tmp_path) == ["1"]


def test_what_is_in_use_or_not_ours_stays(tmp_path):
    backup = tmp_path / ".1.backup00"
    backup.mkdir(0o700)
    (backup / "precious.txt").write_text("x")
    public = tmp_path / ".2.backup00"
    public.mkdir()
    with new_version(tmp_path, 5) as (_, temporary):
        assert write(tmp_path) == 1
        assert {backup, public, temporary} <= set(tmp_path.iterdir())
    assert names(tmp_path) == [".1.backup00", ".2.backup00", "1", "5"]


def test_a_failed_one_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), new_version(tmp_path):
        raise ZeroDivisionError
    assert names(tmp_path) == []


@pytest.mark.parametrize("version", [0, -1, "1", 1.5])
def test_a_version_out_of_range(version, tmp_path):
    with pytest.raises(ValueError, match=r"version=.* must be an int of at least 1"):
        write(tmp_path / "x", version)
    assert not (tmp_path / "x").exists()
