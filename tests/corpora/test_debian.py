import gzip

import lz4.frame
import pytest

from tf_pegasus.corpora.corpus import Reading
from tf_pegasus.corpora.debian import DebianCorpus, read_sources, unwrap

TRANSLATION = """\
Package: fox
Description-md5: 1
Description-en: quick brown animal
 The fox is a quick brown animal that jumps
 over lazy dogs all day.
 .
 Features:
  * quick
  * brown,
    but not lazy
 .
 See also the dog.

Package: empty
Description-md5: 2
Description-en: nothing more than a synopsis

Package: dog
Description-en: lazy animal
 The dog sleeps all day and does not mind being jumped over.

"""
SECOND = """\
Package: dog
Description-en: another version
 This one is not read, because the first index has the package already, too bad.

Package: cat
Description-en: proud animal
 The cat walks alone and answers to nobody in particular, whatever they say.
"""
PACKAGES = """\
Package: fox
Source: animals (1.2-3)
Description: quick brown animal

Package: cat
Description: proud animal

Package: dog
Source: animals
"""


@pytest.fixture
def lists(tmp_path):
    directory = tmp_path / "lists"
    directory.mkdir()
    (directory / "a_i18n_Translation-en").write_text(TRANSLATION)
    with gzip.open(directory / "b_i18n_Translation-en.gz", "wt") as file:
        file.write(SECOND)
    with lz4.frame.open(directory / "a_binary-amd64_Packages.lz4", "wt") as file:
        file.write(PACKAGES)
    return directory


def test_unwrap():
    text = "One\ntwo.\n.\n * a\n   b\n * c\nThree\n\tfour"
    assert unwrap(text) == "One two.\n* a\nb\n* c\nThree\nfour"
    assert unwrap("") == ""


def test_descriptions(lists):
    texts = list(DebianCorpus(lists=str(lists)).texts(Reading()))
    assert [t.name for t in texts] == ["cat", "dog", "empty", "fox"]
    assert [t.family for t in texts] == ["cat", "animals", "empty", "animals"]
    fox = texts[3]
    assert fox.summary == "quick brown animal"
    assert fox.document.split("\n") == [
        "The fox is a quick brown animal that jumps over lazy dogs all day.",
        "Features:",
        "* quick",
        "* brown,",
        "but not lazy",
        "See also the dog.",
    ]
    assert texts[1].summary == "lazy animal"
    assert [t.is_pair for t in texts] == [True, True, False, True]
    assert read_sources(lists) == {"fox": "animals", "dog": "animals"}


def test_families_are_sources_without_versions(tmp_path):
    names = ["gcc-11", "gcc-12", "tool"]
    stanzas = [f"Package: {name}\nDescription-en: one two\n Long text.\n" for name in names]
    (tmp_path / "x_i18n_Translation-en").write_text("\n".join(stanzas))
    texts = list(DebianCorpus(lists=str(tmp_path)).texts(Reading()))
    assert [t.family for t in texts] == ["gcc", "gcc", "tool"]


def test_missing_lists(tmp_path):
    with pytest.raises(FileNotFoundError, match="apt-get"):
        list(DebianCorpus(lists=str(tmp_path)).texts(Reading()))
