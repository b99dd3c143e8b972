"""What appears whole, and what a killed process left."""

import os
import subprocess
import sys

import pytest

from tf_pegasus.utils.directories import (
    files_together,
    new_directory_atomically,
    temporary_directory,
)

KILLED = """
import os, signal, sys
from tf_pegasus.utils import directories
with getattr(directories, sys.argv[1])(sys.argv[2]) as temporary:
    (temporary / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names(directory):
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("name", ["new_directory_atomically", "files_together"])
def test_what_a_killed_process_left_is_removed_by_the_next(name, tmp_path):
    target = tmp_path / "parent" / "model"
    parent = target.parent if name.startswith("new") else target
    for _ in range(2):
        subprocess.run([sys.executable, "-c", KILLED, name, str(target)], check=False)
        # The first one's is gone.
        assert len(names(parent)) == 1
    write = {"new_directory_atomically": new_directory_atomically, "files_together": files_together}
    with write[name](target) as temporary:
        (temporary / "whole").write_text("whole")
        assert names(parent) == [temporary.name]
    assert names(target) == ["whole"]
    assert names(target.parent) == ["model"]


def test_what_is_in_use_or_not_ours_stays(tmp_path):
    for name, mode in ((".x.abcdefgh", 0o755), (".x.longer_than_8", 0o700), (".y.abcdefgh", 0o700)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    (tmp_path / ".x.12345678").write_text("a file")
    before = names(tmp_path)
    with temporary_directory(tmp_path, ".x.") as first:
        (first / "a").touch()
        with temporary_directory(tmp_path, ".x.") as second:
            assert {first.name, second.name} < set(names(tmp_path))
        assert names(first) == ["a"]
    assert names(tmp_path) == before


def test_where_directories_cannot_be_locked(tmp_path, monkeypatch):
    def cannot(*_):
        raise OSError("no locks here")

    (tmp_path / ".x.abcdefgh").mkdir(0o700)
    monkeypatch.setattr("fcntl.flock", cannot)
    with temporary_directory(tmp_path, ".x.") as path:
        assert path.is_dir()
    assert names(tmp_path) == [".x.abcdefgh"]


def test_files_appear_together_or_not_at_all(tmp_path):
    for name in ("a", "b-1", "b-2", "c"):
        (tmp_path / name).write_text("old")

    def fail():
        with files_together(tmp_path, ["b-.*"]) as temporary:
            (temporary / "a").write_text("new")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert {path.read_text() for path in tmp_path.iterdir()} == {"old"}
    assert names(tmp_path) == ["a", "b-1", "b-2", "c"]
    with files_together(tmp_path, ["b-.*"]) as temporary:
        (temporary / "a").write_text("new")
        (temporary / "b-2").write_text("new")
    assert names(tmp_path) == ["a", "b-2", "c"]
    assert [(tmp_path / name).read_text() for name in names(tmp_path)] == ["new", "new", "old"]
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o666 & ~umask
