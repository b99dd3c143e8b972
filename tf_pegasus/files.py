"""Writing files and directories so that no half-written one is ever seen."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path


def write_bytes_atomically(path, content):
    """Writes `content` to a temporary neighbour of `path`, then renames it over `path`."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        _make_as_readable_as_any_other(temporary, 0o666)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _make_as_readable_as_any_other(path, mode):
    # Temporary files and directories are made private.
    umask = os.umask(0)
    os.umask(umask)
    os.chmod(path, mode & ~umask)


def write_text_atomically(path, text):
    """`write_bytes_atomically` for UTF-8 text."""
    write_bytes_atomically(path, text.encode("utf-8"))


@contextlib.contextmanager
def new_directory_atomically(path):
    """Yields a temporary directory that becomes `path` when the block ends without error.

    Raises:
        FileExistsError: `path` exists and is not an empty directory.
    """
    path = Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(f"{str(path)!r} exists already and is not an empty directory")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield temporary
        _make_as_readable_as_any_other(temporary, 0o777)
        if path.exists():
            path.rmdir()
        os.rename(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
