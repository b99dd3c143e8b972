import os
import subprocess
import sys

import pytest

from tf_pegasus.utils.locks import LockedError, is_lock_file, locked

HOLD = """
import sys
from tf_pegasus.utils.locks import locked
with locked(sys.argv[1], "it"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_one_is_refused_with_the_holder_and_a_kill_releases(tmp_path):
    lock = tmp_path / "lock"
    command = [sys.executable, "-c", HOLD, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LockedError, match=rf"^x is in use by process {holder.pid} on .*since"):
            locked(lock, "x").__enter__()
        holder.kill()
    with locked(lock, "x"):
        assert str(os.getpid()) in (tmp_path / "lock.holder").read_text()
        assert all(is_lock_file(path.name, "lock") for path in tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


def test_within_one_process(tmp_path):
    with locked(tmp_path / "lock", "x"), pytest.raises(LockedError, match=str(os.getpid())):
        locked(tmp_path / "lock", "x").__enter__()
    with locked(tmp_path / "lock", "x"):
        pass


def test_what_belongs_to_a_lock():
    assert [is_lock_file(n, "lock") for n in ("lock", "lock.holder", ".lock.holder.abc")] == [
        True
    ] * 3
    assert not is_lock_file("locks", "lock")
