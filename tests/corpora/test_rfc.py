import json

import pytest
from helpers.archives import write_archive
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_pegasus.corpora.corpus import Reading
from tf_pegasus.corpora.rfc import RfcCorpus, rfc_abstract, rfc_body

TEXT = """



Network Working Group                                          R. Fox
Request for Comments: 7                                  January 1999
Category: Informational


                 The Jumping Protocol

Status of this Memo

   This memo provides information for the Internet community.

Abstract

   This memo describes a protocol for jumping.

Table of Contents

   1. Introduction ....................................................3
   2. Security Considerations .........................................4





Fox                         Informational                       [Page 1]
\f
RFC 7                   The Jumping Protocol                January 1999


1.  Introduction

   Foxes jump over dogs.  The well-
   known way to do so needs a running

   start.

      +-----+    +-----+
      | fox | -> | dog |
      +-----+    +-----+

   It is the subject of this memo, and what follows is divided



Fox                         Informational                       [Page 2]
\f
RFC 7                   The Jumping Protocol                January 1999

   in the middle of it.

2.  Security Considerations

   Dogs may wake up.

3.  References

   [1]  Dog, R., "Sleeping", RFC 6.

Author's Address

   Red Fox, Wood
"""


def test_body():
    assert rfc_body(TEXT).split("\n") == [
        "1. Introduction",
        "Foxes jump over dogs. The well-known way to do so needs a running",
        "start.",
        "It is the subject of this memo, and what follows is divided in the middle of it.",
        "2. Security Considerations",
        "Dogs may wake up.",
    ]
    assert rfc_body(TEXT.replace("\n", "\r\n")) == rfc_body(TEXT)
    assert rfc_body("Some text.\n\n   More of it.\n") == ""


def test_abstract():
    text = "This memo describes\r\njumping.\r\n\r\nThis memo provides information for the Internet "
    text += "community. It does not specify an Internet standard of any kind. [STANDARDS-TRACK]"
    assert rfc_abstract({"abstract": text}) == "This memo describes jumping."
    assert rfc_abstract({"abstract": None}) == rfc_abstract({}) == ""


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet="a \n\f.[]1|-Page", max_size=300))
def test_any_text_has_a_body(text):
    assert "\f" not in rfc_body(text)


def test_damaged_texts_take_linear_time():
    for part in (
        "\n",
        " ",
        "[Page",
        ".",
        "\f\n",
        "-\n",
        "[Page 1]\n\f\nRFC 1\n",
        f"{'1' * 60}x\n\n",
    ):
        rfc_body(part * (200_000 // len(part)))


def test_rfcs_of_archives(tmp_path):
    directory = "usr/share/doc/RFC/informational"
    entries = {
        7: {"abstract": "A memo about jumping dogs", "obsoletes": ["RFC0006"]},
        6: {"abstract": "An older one about the same", "obsoletes": []},
        8: {"abstract": "", "obsoletes": ["RFC9999"]},
    }
    files = {f"{directory}/rfc{n}.json": json.dumps(e).encode() for n, e in entries.items()}
    for number in (6, 7, 8, 9):
        files[f"{directory}/rfc{number}.txt.gz"] = TEXT.encode()
    files[f"{directory}/rfc9.json"] = b"{broken"
    files[f"{directory}/rfc-index.txt.gz"] = b"An index."
    files[f"{directory}/rfc10.txt.gz"] = b"\x1f\x8bnothing"
    write_archive(tmp_path / "a.deb", "doc-rfc-informational", files, source="doc-rfc")
    reading = Reading()
    texts = {text.name: text for text in RfcCorpus(archives=str(tmp_path)).texts(reading)}
    assert sorted(texts) == ["rfc6", "rfc7", "rfc8", "rfc9"]
    assert texts["rfc7"].family == texts["rfc6"].family == "rfc6"
    assert texts["rfc8"].family == "rfc8"
    assert [texts[f"rfc{n}"].is_pair for n in (6, 7, 8, 9)] == [True, True, False, False]
    assert texts["rfc9"].body == texts["rfc7"].document == rfc_body(TEXT)
    assert reading.skipped["damaged entries"] == 1
    assert sum(reading.skipped.values()) == 2
    with pytest.raises(FileNotFoundError, match="non-free"):
        list(RfcCorpus(rfcs=str(tmp_path)).texts(Reading()))
