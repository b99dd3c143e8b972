"""Directories, and sets of files in one, that are written elsewhere first and appear together."""

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tf_pegasus.utils.files import StrPath, make_readable
from tf_pegasus.utils.leftovers import RANDOM, is_private_directory

try:
    import fcntl
except ImportError:  # Windows, where nothing is taken for abandoned
    fcntl = None  # type: ignore[assignment]

# What the names of unfinished directories end with, besides random characters.
PARTIAL = "partial-"


@contextlib.contextmanager
def new_directory_atomically(path: StrPath) -> Iterator[Path]:
    """Yields a temporary directory that becomes `path` if the block ends without error.

    Raises:
        FileExistsError: if `path` exists and is not an empty directory.
    """
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(f"{str(path)!r} exists already and is not an empty directory")
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary_directory(path.parent, f".{path.name}.{PARTIAL}") as temporary:
        yield temporary
        make_readable(temporary, 0o777)
        # Replaces an empty directory, but not one that another process has filled meanwhile.
        try:
            os.rename(temporary, path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            raise FileExistsError(
                f"{str(path)!r} was created by another process meanwhile"
            ) from error


@contextlib.contextmanager
def files_together(directory: StrPath, replaced: Iterable[str] = ()) -> Iterator[Path]:
    """Yields a temporary directory whose files move to `directory` if the block ends well.

    Args:
        directory: path, created if missing.
        replaced: patterns of the names of older files that are removed, unless the block has
            written files of the same names.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    with temporary_directory(directory, ".saving-") as temporary:
        yield temporary
        written = sorted(path.name for path in temporary.iterdir())
        for name in written:
            make_readable(temporary / name)
            os.replace(temporary / name, directory / name)
        for path in list(directory.iterdir()):
            is_older = any(re.fullmatch(pattern, path.name) for pattern in replaced)
            if is_older and path.name not in written:
                path.unlink(missing_ok=True)


@contextlib.contextmanager
def temporary_directory(parent: StrPath, prefix: str) -> Iterator[Path]:
    """Yields a new directory, which is removed at the end unless it has been renamed.

    Directories of the same prefix are removed first, if the process that made them was killed.

    Args:
        parent: path of an existing directory.
        prefix: of the name.
    """
    _remove_abandoned(Path(parent), re.escape(prefix) + RANDOM)
    path, lock = _make_locked(parent, prefix)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _make_locked(parent, prefix):
    """Makes a directory; returns its path and what holds its lock, None if it cannot be locked."""
    while True:
        path = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
        try:
            lock = _lock(path)
        except OSError:
            return path, None
        # Another process may have found it before it was locked, and removed it.
        if lock is not None and path.exists():
            return path, lock
        if lock is not None:
            os.close(lock)


def _lock(path):
    """Locks a directory until the process ends or closes the handle, which is returned.

    Returns None if another process has the lock, and raises OSError where there are no locks.
    """
    if fcntl is None:
        raise OSError("directories cannot be locked")
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:
        os.close(handle)
        raise
    return handle


def _remove_abandoned(parent, pattern):
    for path in list(parent.iterdir()):
        if not re.fullmatch(pattern, path.name):
            continue
        # Where directories cannot be locked, nobody knows whether they are abandoned.
        with contextlib.suppress(OSError):
            lock = _lock(path) if is_private_directory(path) else None
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)
