"""A new version in a directory of exports: its number, and its files, which appear at once."""

import contextlib
import re
from pathlib import Path

from tf_pegasus.serving.manifest import versions
from tf_pegasus.utils.directories import PARTIAL, new_directory_atomically
from tf_pegasus.utils.leftovers import RANDOM, is_private_directory, remove
from tf_pegasus.utils.locks import LockedError, locked

# What `new_directory_atomically` names the directory that a version is written in, and what an
# export puts there.
_LEFTOVER = re.compile(rf"\.([1-9]\d*)\.(?:lock|{PARTIAL}{RANDOM})")
_CONTENTS = {"assets", "assets.extra", "fingerprint.pb", "saved_model.pb", "variables"}


@contextlib.contextmanager
def new_version(directory, version=None):
    """Takes a number for the block, and yields a directory that becomes it at the end.

    Exports at the same time take different numbers. What killed ones left is removed.

    Args:
        directory: path that holds the versions, made if missing.
        version: int, at least 1; by default one more than there is, or is being written.

    Yields:
        (`Path` of the version, `Path` of the directory to write into).

    Raises:
        ValueError: `version` is out of range.
        FileExistsError: the version exists.
        LockedError: another export is writing the version.
    """
    if version is not None and (not isinstance(version, int) or version < 1):
        raise ValueError(f"version={version!r} must be an int of at least 1")
    directory = Path(directory)
    with contextlib.ExitStack() as stack:
        directory.mkdir(parents=True, exist_ok=True)
        number = _take_number(directory, version, stack)
        _remove_leftovers(directory, number)
        path = directory / str(number)
        temporary = stack.enter_context(new_directory_atomically(path))
        yield path, temporary


def _take_number(directory, version, stack):
    """Locks a number that is free; the lock is released with `stack`."""
    if version is not None:
        stack.enter_context(_locked(directory, version))
        return version
    number = max(versions(directory), default=0) + 1
    while True:
        # Whoever else writes it has the lock, and has it no more when the version is there.
        with contextlib.suppress(LockedError), contextlib.ExitStack() as attempt:
            attempt.enter_context(_locked(directory, number))
            if number > max(versions(directory), default=0):
                stack.push(attempt.pop_all())
                return number
        number += 1


def _locked(directory, number):
    return locked(directory / f".{number}.lock", f"version {number} of {str(directory)!r}")


def _remove_leftovers(directory, own_number):
    """Removes what exports that were killed left: directories, and locks that nobody has."""
    found = {}
    for path in directory.iterdir():
        if match := _LEFTOVER.fullmatch(path.name):
            found.setdefault(int(match[1]), []).append(path)
    for number, paths in found.items():
        with contextlib.ExitStack() as stack:
            if number != own_number:
                try:
                    # Which goes at the end.
                    stack.enter_context(_locked(directory, number))
                except LockedError:
                    continue
            for path in filter(_is_ours, paths):
                remove(path)


def _is_ours(path):
    try:
        return is_private_directory(path) and {p.name for p in path.iterdir()} <= _CONTENTS
    except FileNotFoundError:
        # It became a version, or was removed, meanwhile.
        return False
