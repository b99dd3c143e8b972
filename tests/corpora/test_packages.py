import pytest
from helpers.archives import write_archive

from tf_pegasus.corpora.corpus import Reading
from tf_pegasus.corpora.packages import archive_files, installed_files


def found(files):
    return [(file.source, str(file.path), file.content()) for file in files]


def test_files_of_archives(tmp_path):
    files = {"usr/a.txt": b"one", "usr/b.txt.gz": b"two", "usr/c.html": b"three"}
    write_archive(tmp_path / "b.deb", "tools-doc", files, source="tools")
    write_archive(tmp_path / "a.deb", "alone", {"usr/d.txt": b"four"})
    reading = Reading()
    assert found(archive_files(tmp_path, lambda path: ".txt" in path, reading)) == [
        ("alone", "usr/d.txt", b"four"),
        ("tools", "usr/a.txt", b"one"),
        ("tools", "usr/b.txt.gz", b"two"),
    ]
    assert reading.sources == {
        "alone": "1.2-3, MIT / GPL-2+",
        "tools-doc": "1.2-3, MIT / GPL-2+",
    }
    assert not reading.skipped


def test_damaged_archives_are_skipped(tmp_path):
    write_archive(tmp_path / "good.deb", "good", {"usr/a": b"one"})
    whole = (tmp_path / "good.deb").read_bytes()
    (tmp_path / "cut.deb").write_bytes(whole[: len(whole) - 60])
    (tmp_path / "text.deb").write_bytes(b"This is no archive at all.")
    (tmp_path / "empty.deb").write_bytes(b"")
    (tmp_path / "noise.deb").write_bytes(whole[:300] + bytes(200) + whole[500:])
    write_archive(tmp_path / "zst.deb", "zst", {}, data_name="data.tar.zst")
    (tmp_path / "zst.deb").write_bytes(
        (tmp_path / "zst.deb").read_bytes().replace(b"\xfd7zXZ", b"\x28\xb5\x2f\xfd\0", 2)
    )
    reading = Reading()
    with pytest.warns(UserWarning, match=r"deb' skipped: ") as warned:
        assert found(archive_files(tmp_path, lambda path: path == "usr/a", reading)) == [
            ("good", "usr/a", b"one")
        ]
    assert reading.skipped == {"damaged archives": 5}
    names = ("cut", "empty", "noise", "text", "zst")
    assert all(any(name in str(w.message) for w in warned) for name in names)


def test_content_that_is_damaged(tmp_path):
    write_archive(tmp_path / "a.deb", "a", {"usr/a.gz": b"\x1f\x8bnothing compressed"})
    with pytest.raises(ValueError, match="damaged"):
        found(archive_files(tmp_path, lambda path: path.startswith("usr/a"), Reading()))


def test_no_archives(tmp_path):
    with pytest.raises(FileNotFoundError, match="apt-get download"):
        list(archive_files(tmp_path, bool, Reading()))


def test_installed_files(tmp_path):
    manuals = tmp_path / "man" / "man1"
    manuals.mkdir(parents=True)
    for name in ("a.1", "b.1"):
        (manuals / name).write_text(name)
    (manuals / "link.1").symlink_to("a.1")
    info = tmp_path / "var/lib/dpkg/info"
    info.mkdir(parents=True)
    (info / "a-doc:amd64.list").write_text(f"/.\n{manuals / 'a.1'}\n")
    (info.parent / "status").write_text("Package: a-doc\nSource: a\n\nPackage: c\n")
    reading = Reading()
    files = installed_files(tmp_path / "man", "man*/*", reading, root=tmp_path)
    assert found(files) == [
        ("a", str(manuals / "a.1"), b"a.1"),
        ("", str(manuals / "b.1"), b"b.1"),
    ]
    assert list(reading.sources) == ["a-doc"]
