"""READMEs of installed Python packages, to test on: the description and its one-line summary."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from tf_pegasus.corpora.corpus import Corpus, Reading, Text, option
from tf_pegasus.corpora.docstrings import (
    distribution_owner,
    package_directories,
    prose_paragraphs,
)
from tf_pegasus.corpora.markup import plain
from tf_pegasus.corpora.prose import repeats

# Badges, notices of copyright, lists of links.
_BOILERPLATE = re.compile(
    r"\|[\w -]+\|.*\|[\w -]+\||^copyright|licensed under|^unless required by|https?:.*https?:"
    r"|^\S+( \S+){,3} https?:\S+$",
    re.IGNORECASE,
)
_CODE = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#+ .*$", re.MULTILINE)
_BADGES = re.compile(r"^\s*(\[?!\[|\.\. (image|figure|\|)).*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class ReadmesCorpus(Corpus):
    """The descriptions in the metadata of packages, without code, and their summaries.

    Args:
        paths: directories that packages are installed in; by default those of this Python.
    """

    max_words: int | None = option(1000, "documents are cut after so many words")
    paths: tuple[str, ...] = option(
        (), "directories of packages; by default those of this Python", "DIR"
    )

    name = "readmes"
    description = "READMEs of installed Python packages and their summaries, only to test on"
    licence = "READMEs have the licences of the packages that they belong to."
    largest_held_out = 1
    evaluation_only = True

    def texts(self, reading: Reading) -> Iterator[Text]:
        """Yields the READMEs, sorted by package."""
        roots = list(map(str, package_directories(self.paths, "purelib", "platlib")))
        texts = {}
        for distribution in metadata.distributions(path=roots):
            about = distribution.metadata
            if about is None or not about["Name"]:
                reading.skipped["packages without metadata"] += 1
                continue
            name, licence = distribution_owner(about)
            if name not in texts:
                # Older metadata have it behind their fields.
                payload = getattr(about, "get_payload", str)()
                description = about["Description"] or str(payload)
                texts[name] = readme_text(name, about["Summary"] or "", description)
                reading.sources[name] = licence
        if not texts:
            raise FileNotFoundError(f"no packages in {', '.join(roots)}")
        yield from (texts[name] for name in sorted(texts))


def readme_text(name: str, summary: str, description: str) -> Text:
    """Returns the text of a README in Markdown or reStructuredText, without a repeated summary."""
    summary = " ".join(plain(summary).split()).rstrip(".")
    text = description.replace("\r\n", "\n").replace("\t", "    ")
    for pattern in (_CODE, _BADGES, _HEADING):
        text = pattern.sub("", text)
    paragraphs = prose_paragraphs(text, whole=True)
    kept = [p for p in paragraphs if not _BOILERPLATE.search(p) and not _is_summary(p, summary)]
    return Text(name, name, "\n".join(kept), summary)


def _is_summary(paragraph, summary):
    """Returns whether a paragraph only says the summary again: that is no text to summarize."""
    is_short = len(paragraph.split()) < 2 * len(summary.split())
    return repeats(summary, paragraph) or (is_short and repeats(paragraph, summary))
