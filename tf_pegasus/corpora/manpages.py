"""Manual pages: the line under NAME and the text under DESCRIPTION."""

import re
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from tf_pegasus.corpora.corpus import Corpus, Reading, Text, option
from tf_pegasus.corpora.families import thin_out
from tf_pegasus.corpora.groff import format_page, is_alias, require_groff
from tf_pegasus.corpora.packages import PackageFile, archive_files, installed_files
from tf_pegasus.corpora.prose import decode, is_prose, repeats

MANUALS = "/usr/share/man"
# Of the English pages; others have a directory for each language.
_PAGE = re.compile(r"usr/share/man/man\w+/[^/]+")
_MANY = 64
# Formatting a page takes four programs.
_THREADS = 2
_NOT_PROSE = re.compile(
    r"NAME|SYNOPSIS|SYNTAX|SEE ALSO|.*COPYRIGHT.*|LICEN[SC]E.*|AUTHORS?|COLOPHON|REPORTING BUGS"
    r"|ATTRIBUTES|LIBRARY|NOTES|HISTORY|CONFORMING TO|STANDARDS",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class ManpagesCorpus(Corpus):
    """English manual pages: DESCRIPTION and the line of NAME, formatted by groff.

    Families are source packages.

    Args:
        archives: path, directory of `.deb` archives to read; None reads installed pages.
        manuals: path, directory of the installed pages.
    """

    max_per_family: int | None = option(1000, "largest number of pages to read of one family")
    max_words: int | None = option(1000, "documents are cut after so many words")
    archives: str | None = option(
        None, "directory of .deb archives to read instead of installed pages", "DIR"
    )
    manuals: str = option(MANUALS, "directory of installed pages", "DIR")

    name = "manpages"
    description = "Manual pages: descriptions and the lines under NAME"
    licence = (
        "Manual pages have the licences of the packages that they belong to "
        "(/usr/share/doc/*/copyright)."
    )
    largest_held_out = 60

    def texts(self, reading: Reading) -> Iterator[Text]:
        """Yields the pages; aliases, and pages that groff cannot format, are skipped."""
        require_groff()
        pages = self._pages(reading)
        with ThreadPoolExecutor(_THREADS) as pool:
            while some := list(islice(pages, _MANY)):
                for lines, (name, family, _) in zip(
                    pool.map(lambda page: _formatted(page[2]), some), some, strict=True
                ):
                    if isinstance(lines, ValueError):
                        reading.skipped[f"pages: {lines}"] += 1
                    else:
                        yield page_text(name, family, lines)

    def _pages(self, reading):
        """Yields name, family and source of the pages to format."""
        for file, name in self._files(reading):
            try:
                page = decode(file.content())
            except ValueError as error:
                reading.skipped[f"pages: {error}"] += 1
                continue
            if is_alias(page):
                reading.skipped["aliases of pages"] += 1
            else:
                yield name, _family(file, name), page

    def _files(self, reading):
        # Twice: a page belongs to the chosen ones only if the names of all are known.
        chosen = self._chosen(self._all_files(Reading()))
        if not chosen:
            where = self.archives or self.manuals
            raise FileNotFoundError(f"no manual pages in {where!r}")
        for file in self._all_files(reading):
            name = _name(file)
            if name in chosen:
                chosen.discard(name)
                yield file, name
            else:
                reading.skipped["pages of large families"] += 1

    def _all_files(self, reading):
        if self.archives is not None:
            return archive_files(self.archives, _is_page, reading)
        return installed_files(self.manuals, "man*/*", reading)

    def _chosen(self, files):
        """Returns the names of the pages that `max_per_family` leaves."""
        names = {name: _family(file, name) for file in files for name in [_name(file)]}
        texts = [Text(name, family) for name, family in names.items()]
        return {text.name for text in thin_out(texts, self.max_per_family)}


def _is_page(path):
    return _PAGE.fullmatch(path) is not None


def _name(file: PackageFile) -> str:
    return re.sub(r"\.(gz|xz|bz2)$", "", file.path.name)


def _family(file, name):
    return file.source or re.split(r"[-_:.]", name)[0]


def _formatted(page):
    try:
        return format_page(page)
    except ValueError as error:
        return error


def page_text(name: str, family: str, lines: list[str]) -> Text:
    """Returns the text of a formatted page, without a pair where it has no NAME or DESCRIPTION."""
    sections = page_sections(lines)
    about = " ".join(sections.get("NAME", []))
    found = re.search(r"\s[-‐–—−]+\s+(.*)", about)
    summary = found[1].strip() if found else ""
    document = "\n".join(sections.get("DESCRIPTION", []))
    if repeats(document, summary):
        # Copied, or the only sentence.
        document = summary = ""
    body = "\n".join(
        "\n".join(section) for title, section in sections.items() if not _NOT_PROSE.fullmatch(title)
    )
    return Text(name, family, document, summary, body)


def page_sections(lines: list[str]) -> dict[str, list[str]]:
    """Returns a dict from the upper-case titles of a page's sections to their lines of prose."""
    sections: dict[str, list[str]] = defaultdict(list)
    title = ""
    # The first and the last line with text are the header and the footer.
    inner = [line for line in lines if line.strip()][1:-1]
    for line in inner:
        if not line[0].isspace():
            title = " ".join(line.split()).upper()
        elif title == "NAME" or is_prose(line, 0.6):
            sections[title].append(" ".join(line.split()))
    return dict(sections)
