"""Makes `.deb` archives."""

import gzip
import io
import tarfile

COPYRIGHT = "Files: *\nLicense: MIT\n\nFiles: b\nLicense: GPL-2+\n text\n\nLicense: MIT\n text\n"


def _tar(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _ar(members):
    parts = [b"!<arch>\n"]
    for name, content in members.items():
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n"
        parts += [header.encode(), content, b"\n" * (len(content) % 2)]
    return b"".join(parts)


def write_archive(path, package, files, source=None, data_name="data.tar.xz"):
    """Writes an archive with files, of which those named `*.gz` are compressed."""
    control = f"Package: {package}\nVersion: 1.2-3\n" + (f"Source: {source} (1.2)\n" * bool(source))
    content = {
        name: gzip.compress(text) if name.endswith(".gz") and text[:2] != b"\x1f\x8b" else text
        for name, text in {
            f"usr/share/doc/{package}/copyright": COPYRIGHT.encode(),
            **files,
        }.items()
    }
    path.write_bytes(
        _ar(
            {
                "debian-binary": b"2.0\n",
                "control.tar.xz": _tar({"control": control.encode()}),
                data_name: _tar(content),
            }
        )
    )
