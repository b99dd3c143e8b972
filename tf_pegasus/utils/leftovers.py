"""Removing what a killed process left half-written.

The callers hold a lock that excludes whoever might still be writing.
"""

import re
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from tf_pegasus.utils.files import StrPath

# The end of the names that the module `tempfile` makes.
RANDOM = "[a-z0-9_]{8}"


def remove_matching(directory: StrPath, patterns: Iterable[str]) -> None:
    """Removes the files and directories of a directory whose whole names match a pattern."""
    for path in Path(directory).iterdir():
        if any(re.fullmatch(pattern, path.name) for pattern in patterns):
            remove(path)


def remove(path: Path) -> None:
    """Removes a file, a link, or a directory with what is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def is_private_directory(path: Path) -> bool:
    """Whether it is a directory for its owner alone, as `tempfile` makes them."""
    found = path.lstat().st_mode
    return stat.S_ISDIR(found) and stat.S_IMODE(found) == 0o700
