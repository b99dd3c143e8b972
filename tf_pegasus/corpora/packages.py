"""Files of Debian packages: of archives that need not be installed, or of installed ones."""

import functools
import re
import tarfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tf_pegasus.corpora.corpus import Reading
from tf_pegasus.corpora.debian import read_stanzas
from tf_pegasus.data.compressed import decompress
from tf_pegasus.utils.extras import require

# No page of text is larger, compressed or not.
MAX_BYTES = 16 * 2**20
_DPKG = "var/lib/dpkg"
_COPYRIGHT = re.compile(r"usr/share/doc/[^/]+/copyright")


class PackageFile(NamedTuple):
    """A file of a package, with the source that the package is built from."""

    source: str
    path: PurePosixPath
    content: Callable[[], bytes]


def archive_files(
    directory: str | Path, wanted: Callable[[str], bool], reading: Reading
) -> Iterator[PackageFile]:
    """Yields files of all `.deb` archives in a directory; the content only until the next one.

    Archives that are damaged, or compressed in a way that Python cannot read, are skipped and
    counted, with a warning that names them.

    Args:
        directory: path.
        wanted: function from a path such as `"usr/share/doc/a/copyright"` to bool.
        reading: `Reading`.

    Raises:
        FileNotFoundError: if there is no archive.
        ImportError: if the library that reads archives is not installed.
    """
    paths = sorted(Path(directory).glob("*.deb"))
    if not paths:
        raise FileNotFoundError(f"no *.deb in {str(directory)!r}: get some with apt-get download")
    arpy = require("arpy", "corpora")
    for path in paths:
        try:
            with arpy.Archive(str(path)) as archive:
                archive.read_all_headers()
                yield from _files(archive.archived_files, wanted, reading)
        except (arpy.ArchiveFormatError, tarfile.TarError, EOFError, OSError, ValueError) as error:
            reading.skipped["damaged archives"] += 1
            warnings.warn(f"{str(path)!r} skipped: {error}", stacklevel=2)


def _files(members, wanted, reading):
    control = _control(members)
    name, source = control["Package"], _source(control)
    about = [control.get("Version", "")]
    with _open_tar(members, b"data.tar") as archive:
        for member in archive:
            path = member.name.removeprefix("./")
            if not member.isfile() or member.size > MAX_BYTES:
                continue
            if _COPYRIGHT.fullmatch(path):
                about.append(_licences(_content(archive, member, path)))
            elif wanted(path):
                yield PackageFile(
                    source, PurePosixPath(path), functools.partial(_content, archive, member, path)
                )
    reading.sources[name] = ", ".join(filter(None, about))


def _content(archive, member, path):
    return decompress(archive.extractfile(member).read(), PurePosixPath(path).suffix, MAX_BYTES)


def _control(members):
    with _open_tar(members, b"control.tar") as archive:
        for member in archive:
            if member.name.removeprefix("./") == "control":
                text = archive.extractfile(member).read(MAX_BYTES).decode("utf-8", "replace")
                for stanza in read_stanzas(text.splitlines()):
                    if stanza.get("Package"):
                        return stanza
    raise ValueError("it has no control file that names the package")


def _open_tar(members, prefix):
    for name in members:
        if name.startswith(prefix):
            # As a stream: seeking back decompresses everything again.
            return tarfile.open(fileobj=members[name], mode="r|*")
    raise ValueError(f"it has no {prefix.decode()}")


def _source(control):
    return control.get("Source", control["Package"]).split(" ")[0]


def _licences(content):
    """Returns the short names of the licences in a copyright file."""
    found = re.findall(r"^License:\s*(\S.*)$", content.decode("utf-8", "replace"), re.MULTILINE)
    return " / ".join(dict.fromkeys(found)) or "see its copyright file"


def installed_files(
    directory: str | Path, pattern: str, reading: Reading, root: str | Path = "/"
) -> Iterator[PackageFile]:
    """Yields installed files, sorted; those of no package get the source `""`.

    Args:
        directory: path.
        pattern: glob pattern of the files in it.
        reading: `Reading`.
        root: path, where dpkg's lists of files are.
    """
    owners = _owners(Path(root) / _DPKG, str(directory))
    for path in sorted(Path(directory).glob(pattern)):
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_BYTES:
            continue
        name, source = owners.get(str(path), ("", ""))
        if name:
            reading.sources[name] = f"see /usr/share/doc/{name}/copyright"
        yield PackageFile(source, PurePosixPath(path), functools.partial(_read, path))


def _read(path):
    return decompress(path.read_bytes(), path.suffix, MAX_BYTES)


def _owners(dpkg, directory):
    """Returns a dict from path to package and source, of files below a directory."""
    sources = {}
    if (dpkg / "status").is_file():
        with open(dpkg / "status", encoding="utf-8", errors="replace") as file:
            sources = {s["Package"]: _source(s) for s in read_stanzas(file) if "Package" in s}
    owners = {}
    for path in dpkg.glob("info/*.list"):
        name = path.stem.split(":")[0]
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(directory):
                owners[line] = name, sources.get(name, name)
    return owners
