"""Locks between processes. A lock ends with the process that holds it, also if that is killed."""

import contextlib
import os
import platform
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import filelock

from tf_pegasus.utils.files import StrPath, write_text_atomically


class LockedError(RuntimeError):
    """Another process has the lock."""


@contextlib.contextmanager
def locked(path: StrPath, what: str) -> Iterator[None]:
    """Holds a lock within the block; fails at once if it is taken.

    Args:
        path: path of the lock file, in an existing directory.
        what: str, what is locked, for the message, such as `"output_dir='run'"`.

    Raises:
        LockedError: if another process or thread has the lock; the message names the holder if
            it is known.
    """
    path = Path(path)
    # A singleton would let two threads of this process in.
    lock = filelock.FileLock(path, is_singleton=False)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise LockedError(f"{what} is in use by {_holder(path)}") from None
    try:
        write_text_atomically(
            _holder_file(path),
            f"process {os.getpid()} on {platform.node()}, since "
            f"{datetime.now().isoformat(' ', 'seconds')}",
        )
        yield
    finally:
        # Before the release, so that a process that has opened the file sees that it was removed.
        for file in (_holder_file(path), path):
            file.unlink(missing_ok=True)
        lock.release()


def is_lock_file(name: str, lock: str) -> bool:
    """Whether a file named `name` belongs to the lock file named `lock`, next to it."""
    holder = f"{lock}.holder"
    return name in (lock, holder) or name.startswith(f".{holder}.")


def _holder_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.holder")


def _holder(path: Path) -> str:
    try:
        return _holder_file(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return "another process"
