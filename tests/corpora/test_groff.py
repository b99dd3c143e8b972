import contextlib

import pytest

from tf_pegasus.corpora import groff
from tf_pegasus.corpora.groff import format_page, is_alias, require_groff

MAN = r""".TH FOX 1 2026-01-01 "Tools" "Manual"
.SH NAME
fox \- jump over lazy dogs
.SH DESCRIPTION
.B fox
jumps, and \fIjumps\fR again, over all of the dogs that it finds,
without
touching them.
"""


@pytest.fixture(autouse=True)
def _needs_groff():
    try:
        require_groff()
    except FileNotFoundError as error:
        pytest.skip(str(error))


def test_paragraphs_are_lines():
    lines = [line.strip() for line in format_page(MAN) if line.strip()]
    assert lines[1:5] == [
        "NAME",
        "fox - jump over lazy dogs",
        "DESCRIPTION",
        "fox jumps, and jumps again, over all of the dogs that it finds, without touching them.",
    ]


def test_aliases():
    assert is_alias(".so man1/fox.1\n")
    assert is_alias('.\\" a comment\n.so man1/fox.1\n')
    assert not is_alias(MAN)
    assert not is_alias("")


def test_other_files_are_not_included(tmp_path):
    (tmp_path / "secret").write_text("the secret words\n")
    for request in (".so", ". so", "'so", ".mso", ".soquiet"):
        page = f"{MAN}{request} {tmp_path / 'secret'}\n"
        assert "secret" not in "\n".join(format_page(page))


@pytest.mark.parametrize("page", ["", ".TH\n.SH\n", "\\", ".de X\n", "\0\1\2", ".TS\nbroken\n"])
def test_broken_pages_are_formatted_or_errors(page):
    with contextlib.suppress(ValueError):
        assert isinstance(format_page(page), list)


def test_pages_that_do_not_end():
    with pytest.raises(ValueError, match=r"more than 0\.3 seconds"):
        format_page(".while 1 .nop\n", seconds=0.3)


def test_pages_that_write_without_end(monkeypatch):
    monkeypatch.setattr(groff, "_MAX_BYTES", 1000)
    with pytest.raises(ValueError, match="writes more than 1000 bytes"):
        format_page("word word word word\n.br\n" * 200)
