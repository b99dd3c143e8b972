"""Debian's package descriptions and their one-line synopses.

Every Debian or Ubuntu machine has them in apt's lists after
`apt-get -o Acquire::Languages=en update`: `*_i18n_Translation-en*` holds the descriptions,
`*_Packages*` the source that each package is built from.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tf_pegasus.corpora.corpus import Corpus, Reading, Text, option
from tf_pegasus.data.compressed import open_text

APT_LISTS = "/var/lib/apt/lists"


@dataclass(frozen=True, kw_only=True)
class DebianCorpus(Corpus):
    """Long descriptions of packages and their synopses, from apt's lists.

    Args:
        lists: path, directory with apt's lists.
    """

    max_per_family: int | None = option(50, "largest number of training documents of one family")
    lists: str = option(APT_LISTS, "directory of apt's lists", "DIR")

    name = "debian"
    description = "Package descriptions and synopses, from apt's lists"
    licence = (
        "The descriptions are written by the packages' maintainers and distributed with Debian "
        "under the packages' licences (/usr/share/doc/*/copyright)."
    )
    largest_held_out = 20
    near_duplicates = "join"

    def texts(self, reading: Reading) -> Iterator[Text]:
        """Yields the descriptions, sorted by package; of several versions, the first one.

        The family of a package is its source, without the numbers in its name.
        """
        files = sorted(Path(self.lists).glob("*_i18n_Translation-en*"))
        if not files:
            raise FileNotFoundError(
                f"no *_i18n_Translation-en* in {self.lists!r}: on Debian or Ubuntu, run "
                "apt-get -o Acquire::Languages=en update"
            )
        descriptions: dict[str, str] = {}
        for path in files:
            with open_text(path) as file:
                for stanza in read_stanzas(file):
                    name, text = stanza.get("Package"), stanza.get("Description-en")
                    if name and text:
                        descriptions.setdefault(name, text)
            reading.sources[path.name] = "package descriptions"
        sources = read_sources(self.lists)
        for name in sorted(descriptions):
            synopsis, _, long = descriptions[name].partition("\n")
            # libfoo-5.1 and libfoo-5.2, foo-12-doc and foo-13-doc: versions of one source
            family = re.sub(r"[\d.+~-]+", "", sources.get(name, name))
            yield Text(name, family, unwrap(long), " ".join(synopsis.split()))


def read_stanzas(file: Iterable[str]) -> Iterator[dict[str, str]]:
    """Yields the stanzas of a Debian control file as dicts from field to value.

    Values keep their line breaks, without the space that marks a continuation line.
    """
    fields: dict[str, str] = {}
    name = None
    for line in file:
        line = line.rstrip("\n")
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, None
        elif line[0] in " \t":
            if name is not None:
                fields[name] += "\n" + line[1:]
        else:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
    if fields:
        yield fields


def unwrap(description: str) -> str:
    """Joins the wrapped lines of a long description: each paragraph becomes one line.

    Lines that start with a space stay separate lines, and `.` separates paragraphs (Debian
    policy 5.6.13).
    """
    lines, joining = [], False
    for line in description.split("\n"):
        text = " ".join(line.split())
        if text in (".", ""):
            joining = False
        elif line.startswith((" ", "\t")):
            lines.append(text)
            # A list item may continue with deeper indentation, which also becomes a separate line.
            joining = False
        elif joining:
            lines[-1] += " " + text
        else:
            lines.append(text)
            joining = True
    return "\n".join(lines)


def read_sources(lists: str | Path = APT_LISTS) -> dict[str, str]:
    """Returns a dict from package to source, for packages whose source has another name."""
    sources = {}
    for path in sorted(Path(lists).glob("*_Packages*")):
        with open_text(path) as file:
            for stanza in read_stanzas(file):
                if "Package" in stanza and "Source" in stanza:
                    sources[stanza["Package"]] = stanza["Source"].split(" ")[0]
    return sources
