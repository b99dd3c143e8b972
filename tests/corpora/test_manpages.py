import pytest
from helpers.archives import write_archive

from tf_pegasus.corpora.corpus import Reading
from tf_pegasus.corpora.groff import require_groff
from tf_pegasus.corpora.manpages import ManpagesCorpus, page_sections, page_text

PAGE = """\
FOX(1)                Manual               FOX(1)

NAME
       fox, vixen - jump over lazy dogs

SYNOPSIS
       fox [OPTION]... DIRECTORY

DESCRIPTION
       The animal leaves the ground,    and lands behind those that sleep.
       ┌────────┬──┐
       Its colour is that of rust.

   Subsection
       It is not seen again.

SEE ALSO
       dog(1)

Tools                 2026-01-01           FOX(1)
"""
LINES = PAGE.split("\n")

MDOC = r""".Dd January 1, 2026
.Dt DOG 1
.Os
.Sh NAME
.Nm dog
.Nd sleep all day
.Sh DESCRIPTION
.Nm
closes its eyes and does not open them until something good to eat is near, such as caf\['e].
"""
MAN = MDOC.replace("dog", "cat").replace("DOG", "CAT").replace("sleep", "walk alone")


def test_sections():
    sections = page_sections(LINES)
    assert list(sections) == ["NAME", "SYNOPSIS", "DESCRIPTION"]
    assert sections["DESCRIPTION"] == [
        "The animal leaves the ground, and lands behind those that sleep.",
        "Its colour is that of rust.",
        "Subsection",
        "It is not seen again.",
    ]


def test_text_of_a_page():
    text = page_text("fox.1", "tools", LINES)
    assert text.summary == "jump over lazy dogs"
    assert text.document.startswith("The animal leaves")
    assert text.body == text.document
    # Without a dash there is no summary, without a description no document.
    for line in (3, 8):
        lines = list(LINES)
        lines[line] = "       Nothing of interest."
        assert not page_text("fox.1", "tools", lines).is_pair
    copied = [line.replace("The animal leaves", "Jump over lazy dogs, leave") for line in LINES]
    assert not page_text("fox.1", "tools", copied).is_pair


def test_pages_of_archives(tmp_path):
    try:
        require_groff()
    except FileNotFoundError as error:
        pytest.skip(str(error))
    directory = "usr/share/man"
    files = {
        f"{directory}/man1/dog.1.gz": MDOC.encode(),
        f"{directory}/man1/hound.1.gz": b".so man1/dog.1\n",
        f"{directory}/man3/latin.3": MDOC.replace("\\['e]", "é").encode("latin-1"),
        f"{directory}/man1/damaged.1.gz": b"\x1f\x8bnothing",
        f"{directory}/de/man1/dog.1.gz": MDOC.encode(),
    }
    write_archive(tmp_path / "a.deb", "animals-doc", files, source="animals")
    write_archive(tmp_path / "b.deb", "cat", {f"{directory}/man1/cat.1.gz": MAN.encode()})
    reading = Reading()
    corpus = ManpagesCorpus(archives=str(tmp_path))
    texts = {text.name: text for text in corpus.texts(reading)}
    assert sorted(texts) == ["cat.1", "dog.1", "latin.3"]
    assert texts["dog.1"].family == texts["latin.3"].family == "animals"
    assert texts["dog.1"].summary == "sleep all day"
    assert texts["latin.3"].document.endswith("such as café.")
    assert texts["dog.1"].document == texts["latin.3"].document
    assert reading.skipped["aliases of pages"] == 1
    assert sum(reading.skipped.values()) == 2
    few = ManpagesCorpus(archives=str(tmp_path), max_per_family=1)
    assert len(list(few.texts(reading))) in (1, 2)
    with pytest.raises(FileNotFoundError, match="no manual pages"):
        list(ManpagesCorpus(manuals=str(tmp_path)).texts(reading))
