"""The manifest of an exported version: its settings and the checksums of its files."""

import hashlib
from pathlib import Path

import tensorflow as tf

from tf_pegasus.utils.files import read_json_object

EXTRA = "assets.extra"
MANIFEST_FILE = f"{EXTRA}/tf_pegasus.json"


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
        FileNotFoundError: if the manifest, or a file that it lists, is missing.
        ValueError: if a file was changed, or the model was exported by a newer TensorFlow.
    """
    path = Path(path)
    manifest = read_json_object(path / MANIFEST_FILE)
    exported, installed = (_release(v) for v in (manifest.get("tensorflow"), tf.__version__))
    if exported > installed:
        raise ValueError(
            f"{str(path)!r} was exported with tensorflow {manifest['tensorflow']}, which "
            f"{tf.__version__} may not be able to read: install that version or a newer one"
        )
    files = manifest.get("files")
    if not isinstance(files, dict):
        raise ValueError(f"{str(path / MANIFEST_FILE)!r} lists no files")
    for name, checksum in files.items():
        file = path / name
        if path.resolve() not in file.resolve().parents:
            raise ValueError(f"{str(path / MANIFEST_FILE)!r} lists {name!r}, outside the version")
        if not file.is_file():
            raise FileNotFoundError(f"{name} is missing in {str(path)!r}: export it again")
        if _checksum(file) != checksum:
            raise ValueError(f"{name} in {str(path)!r} was damaged or changed: export it again")
    return manifest


def checksums(directory):
    """Returns a dict from the name of each file below a directory to its SHA-256."""
    return {
        file.relative_to(directory).as_posix(): _checksum(file)
        for file in sorted(Path(directory).rglob("*"))
        if file.is_file()
    }


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
