"""The manifest of an exported version: its settings and the checksums of its files."""

import hashlib
import re
from pathlib import Path

import tensorflow as tf

from tf_pegasus.serving.manifest_fields import check_fields
from tf_pegasus.utils.files import read_json_object

EXTRA = "assets.extra"
MANIFEST_FILE = f"{EXTRA}/tf_pegasus.json"
# What every SavedModel with a model in it has.
_REQUIRED = (
    "saved_model.pb",
    "variables/variables.index",
    "assets/spiece.model",
)
# TensorFlow writes as many as there are devices that hold variables.
_SHARD = re.compile(r"variables/variables\.data-(\d{5})-of-(\d{5})")


def versions(directory):
    """Returns the version numbers in a directory, ascending."""
    directory = Path(directory)
    if not directory.is_dir():
        return []
    names = (path.name for path in directory.iterdir() if path.is_dir())
    return sorted(int(name) for name in names if name.isascii() and name.isdecimal())


def version_directory(path):
    """Returns `path` if it is a version, otherwise the latest version in it.

    Raises:
        FileNotFoundError: if it is neither a version nor contains one.
    """
    path = Path(path)
    if (path / "saved_model.pb").is_file() or (path / MANIFEST_FILE).is_file():
        return path
    found = versions(path)
    if not found:
        raise FileNotFoundError(f"no SavedModel in {str(path)!r}, nor a version of one")
    return path / str(found[-1])


def check(path):
    """Checks a version against its manifest, and returns the manifest.

    Raises:
        FileNotFoundError: if the manifest, or a file that it names, is missing.
        ValueError: if a file was changed or is not in the manifest, the manifest lacks a field
            or has one of another type, or the model was exported by a newer TensorFlow.
    """
    path = Path(path)
    label = repr(str(path / MANIFEST_FILE))
    manifest = read_json_object(path / MANIFEST_FILE)
    check_fields(manifest, label)
    exported, installed = (_release(v) for v in (manifest.get("tensorflow"), tf.__version__))
    if exported > installed:
        raise ValueError(
            f"{str(path)!r} was exported with tensorflow {manifest['tensorflow']}, which "
            f"{tf.__version__} may not be able to read: install that version or a newer one"
        )
    files = manifest["files"]
    for name in (*_REQUIRED, *_shards(files)):
        if name not in files:
            raise ValueError(f"{label} does not name {name}: export it again")
    for name, checksum in files.items():
        file = path / name
        if path.resolve() not in file.resolve().parents:
            raise ValueError(f"{label} names {name!r}, outside the version")
        if not file.is_file():
            raise FileNotFoundError(f"{name} is missing in {str(path)!r}: export it again")
        if _checksum(file) != checksum:
            raise ValueError(f"{name} in {str(path)!r} was damaged or changed: export it again")
    for name in _files(path):
        if name not in files and name != MANIFEST_FILE:
            raise ValueError(
                f"{name} in {str(path)!r} is not named in {label}: remove it, or export it again"
            )
    return manifest


def checksums(directory):
    """Returns a dict from the name of each file below a directory to its SHA-256."""
    return {name: _checksum(Path(directory, name)) for name in _files(directory)}


def _shards(names):
    """The names of all files of variables, of which `names` should have each."""
    counts = {int(match[2]) for match in map(_SHARD.fullmatch, names) if match}
    # No more than there are names, so that the number in a name costs nothing.
    count = min(max(counts, default=1), len(names) + 1)
    return [f"variables/variables.data-{shard:05}-of-{count:05}" for shard in range(count)]


def _files(directory):
    """The names of all files below a directory."""
    return [
        file.relative_to(directory).as_posix()
        for file in sorted(Path(directory).rglob("*"))
        if not file.is_dir() or file.is_symlink()
    ]


def _checksum(file):
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _release(version):
    """Returns (major, minor) of a version string.

    Raises:
        ValueError: if it is not a version.
    """
    try:
        major, minor = str(version).split(".")[:2]
        return int(major), int(minor)
    except ValueError as error:
        raise ValueError(f"tensorflow={version!r} in {MANIFEST_FILE} is not a version") from error
