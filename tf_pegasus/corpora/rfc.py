"""RFCs: the abstract and the text, from Debian's packages doc-rfc-*.

Each RFC is there as `rfcN.json` with the abstract, and as `rfcN.txt`, which is laid out for a
printer: pages of 58 lines with a header and a footer.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tf_pegasus.corpora.corpus import Corpus, Reading, Text, option
from tf_pegasus.corpora.near_duplicates import DisjointSets
from tf_pegasus.corpora.packages import archive_files, installed_files
from tf_pegasus.corpora.prose import decode, is_prose, joined

RFCS = "/usr/share/doc/RFC"
_FILE = re.compile(r"(?:.*/)?rfc(\d+)\.(json|txt)(?:\.gz)?")
_PAGE_BREAK = re.compile(
    r"\n*^[^\n\[]*\[Page\s?\d+\]\n+\f?\n*(?:RFC[ \t]*\d+[^\n]*\n)?\n*",
    re.MULTILINE | re.IGNORECASE,
)
_NUMBER = re.compile(
    r"(?:appendix\s+)?(?:\d+|[IVX]+(?=[.\s])|[A-Z](?=\.))(?:\.\d+)*\.?\s+", re.IGNORECASE
)
# Sections before the text, besides what precedes them: title and authors.
_FRONT = re.compile(
    r"status of this (memo|document)|copyright.*|abstract|(table of )?contents|iesg note"
    r"|list of (figures|tables)|note to .*|.*editor.? note|abstract and .*",
    re.IGNORECASE,
)
# Sections that are no prose about the subject.
_BACK = re.compile(
    r"(normative |informative |non-normative )?references.*|bibliography|acknowledge?ments?.*"
    r"|(author|editor|chair).{,4} address.*|full copyright.*|intellectual property.*"
    r"|contributors|contact.*|index",
    re.IGNORECASE,
)
_LEADERS = re.compile(r"(\.\s?){4,}|\s{3,}\d+$")
# What the index adds to abstracts, and what every RFC of one status says.
_BOILERPLATE = re.compile(
    r"\[(STANDARDS?[- ]TRACK|[A-Z -]+)\]$"
    r"|This (memo|document|RFC) (provides|defines|describes|specifies) (information|an "
    r"(Experimental|Internet standards track) Protocol) for the Internet community\.?"
    r"|(It|This memo|This document) does not specify an Internet standard of any kind\.?"
    r"|Discussion and suggestions for improvement are requested\.?"
    r"|Distribution of this memo is unlimited\.?",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class RfcCorpus(Corpus):
    """RFCs: the text from its first section on, and the abstract, which is taken out of it.

    A family are RFCs of which one obsoletes another, and those with nearly the same text.

    Args:
        archives: path, directory of the archives of doc-rfc-*; None reads installed ones.
        directory: path, where installed RFCs are.
    """

    max_words: int | None = option(1000, "documents are cut after so many words")
    archives: str | None = option(
        None, "directory of .deb archives to read instead of installed RFCs", "DIR"
    )
    rfcs: str = option(RFCS, "directory of installed RFCs", "DIR")

    name = "rfc"
    description = "RFCs: texts and their abstracts, from Debian's doc-rfc-* (non-free)"
    licence = (
        "RFCs may be copied and distributed, but most may not be changed: the IETF Trust's legal "
        "provisions (https://trustee.ietf.org/license-info/) and the texts themselves say what is "
        "allowed. Do not publish this corpus."
    )
    largest_held_out = 10
    near_duplicates = "join"

    def texts(self, reading: Reading) -> Iterator[Text]:
        """Yields the RFCs; those without a recognized first section have no document."""
        entries = {}
        for number, content in self._files("json", Reading()):
            try:
                entries[number] = json.loads(decode(content()))
            except ValueError:
                reading.skipped["damaged entries"] += 1
        families = _families(entries)
        seen = set()
        for number, content in self._files("txt", reading):
            if number in seen:
                continue
            seen.add(number)
            try:
                body = rfc_body(decode(content()))
            except ValueError as error:
                reading.skipped[f"texts: {error}"] += 1
                continue
            family = f"rfc{families.get(number, number)}"
            abstract = rfc_abstract(entries.get(number, {}))
            yield Text(f"rfc{number}", family, body if abstract else "", abstract, body)
        if not seen:
            where = self.archives or self.rfcs
            raise FileNotFoundError(
                f"no RFCs in {where!r}: apt-get download doc-rfc-std and others "
                "from Debian's non-free"
            )

    def _files(self, kind, reading):
        """Yields number and content of the files of a kind."""

        def wanted(path):
            found = _FILE.fullmatch(path)
            return found is not None and found[2] == kind

        if self.archives is not None:
            files = archive_files(self.archives, wanted, reading)
        else:
            files = (
                f for f in installed_files(self.rfcs, "**/rfc*", reading) if wanted(f.path.name)
            )
        for file in files:
            found = _FILE.fullmatch(file.path.name)
            assert found is not None
            yield int(found[1]), file.content


def _families(entries):
    """Returns a dict from number to the oldest of the RFCs that it obsoletes, transitively."""
    numbers = sorted(entries)
    places = {number: index for index, number in enumerate(numbers)}
    sets = DisjointSets(len(numbers))
    for number in numbers:
        for other in entries[number].get("obsoletes") or []:
            found = re.fullmatch(r"RFC0*(\d+)", str(other).strip())
            if found and int(found[1]) in places:
                sets.union(places[number], places[int(found[1])])
    return {number: numbers[sets.find(places[number])] for number in numbers}


def rfc_abstract(entry: dict) -> str:
    """Returns the abstract of an index entry, in one line, without what all of them say."""
    text = " ".join(str(entry.get("abstract") or "").split())
    return " ".join(_BOILERPLATE.sub("", re.sub(r"</?p>", " ", text).strip()).split())


def rfc_body(text: str) -> str:
    """Returns the prose of an RFC: a line for each paragraph and each title of a section.

    Title, status, abstract, contents, figures, references and addresses are left out. The result
    is empty if no section is recognized.
    """
    text = re.sub(r"[ \t\r]+$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text)
    text = _PAGE_BREAK.sub(_join_pages, text).replace("\f", "\n")
    sections: list[tuple[str, list[str]]] = []
    for block in re.split(r"\n[ \t]*\n+", text):
        lines = [line for line in block.split("\n") if line.strip()]
        if not lines:
            continue
        if _is_title(lines):
            sections.append((" ".join(lines[0].split()), []))
        elif sections:
            sections[-1][1].append(joined(lines) if _is_paragraph(lines) else "")
    kept = []
    for title, paragraphs in _after_front(sections):
        if _BACK.fullmatch(_bare(title)):
            continue
        kept += [title, *filter(None, paragraphs)] if any(paragraphs) else []
    return "\n".join(kept)


def _join_pages(found):
    """Returns what replaces a page break: nothing within a paragraph, otherwise an empty line."""
    start, end = found.span()
    before, after = found.string[max(start - 80, 0) : start].rstrip(), found.string[end : end + 80]
    ends = not before or before[-1] in ".:;!?"
    continues = re.match(r"[ \t]*[a-z(]", after) is not None
    # A title follows where a line begins without indentation.
    is_indented = after[:1].isspace()
    return "\n" if continues or (is_indented and not ends) else "\n\n"


def _is_title(lines):
    line = lines[0]
    if len(lines) > 1 or line[0].isspace() or len(line) > 72 or _LEADERS.search(line):
        return False
    return bool(_NUMBER.match(line)) or not line.rstrip().endswith((".", ",", ":", ";"))


def _is_paragraph(lines):
    text = " ".join(lines)
    return is_prose(text) and not any(_LEADERS.search(line) for line in lines)


def _bare(title):
    return _NUMBER.sub("", title).strip(" .:")


def _after_front(sections):
    """Returns the sections behind the last one of the front, of those among the first few."""
    front = [i for i, (title, _) in enumerate(sections[:12]) if _FRONT.fullmatch(_bare(title))]
    if front:
        return sections[front[-1] + 1 :]
    first = [i for i, (title, _) in enumerate(sections) if re.match(r"(1|I)[. ]", title)]
    return sections[first[0] :] if first else []
