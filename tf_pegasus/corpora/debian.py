"""The Debian demo corpus: package descriptions and their one-line synopses.

Every Debian or Ubuntu machine has them in apt's lists after
`apt-get -o Acquire::Languages=en update`: `*_i18n_Translation-en*` holds the descriptions,
`*_Packages*` the source that each package is built from.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tf_pegasus.corpora.near_duplicates import DisjointSets, near_duplicate_pairs
from tf_pegasus.data.compressed import open_text
from tf_pegasus.data.jsonl import write_jsonl
from tf_pegasus.utils.directories import new_directory_atomically

APT_LISTS = "/var/lib/apt/lists"
SPLITS = ("train", "validation", "test")


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


def read_descriptions(lists: str | Path = APT_LISTS) -> list[dict[str, str]]:
    """Reads the descriptions of all packages.

    Args:
        lists: directory with apt's lists.

    Returns:
        list of dicts with `package`, `document` (unwrapped long description) and `summary`
        (synopsis), sorted by package; of several versions of a package, the first one.

    Raises:
        FileNotFoundError: if there is no English translation index.
    """
    files = sorted(Path(lists).glob("*_i18n_Translation-en*"))
    if not files:
        raise FileNotFoundError(
            f"no *_i18n_Translation-en* in {str(lists)!r}: on Debian or Ubuntu, run "
            "apt-get -o Acquire::Languages=en update"
        )
    packages = {}
    for path in files:
        with open_text(path) as file:
            for stanza in read_stanzas(file):
                name, text = stanza.get("Package"), stanza.get("Description-en")
                if not name or not text or name in packages:
                    continue
                synopsis, _, long = text.partition("\n")
                packages[name] = {
                    "package": name,
                    "document": unwrap(long),
                    "summary": " ".join(synopsis.split()),
                }
    return [packages[name] for name in sorted(packages)]


def read_sources(lists: str | Path = APT_LISTS) -> dict[str, str]:
    """Returns a dict from package to source, for packages whose source has another name."""
    sources = {}
    for path in sorted(Path(lists).glob("*_Packages*")):
        with open_text(path) as file:
            for stanza in read_stanzas(file):
                if "Package" in stanza and "Source" in stanza:
                    sources[stanza["Package"]] = stanza["Source"].split(" ")[0]
    return sources


def usable(record: dict[str, str], min_words: int = 8) -> bool:
    """Returns whether a record has a text to summarize and a summary that is not a copy of it."""
    document, summary = record["document"], record["summary"]
    return len(document.split()) >= min_words and len(summary.split()) >= 2 and document != summary


def group_into_families(records: Sequence[dict[str, str]], sources: dict[str, str]) -> list[int]:
    """Numbers the families of records.

    Records belong to the same family if they have the same source or nearly the same text,
    transitively.

    Args:
        records: dicts with `package` and `document`.
        sources: dict from package to source.

    Returns:
        list of int, equal for records of the same family.
    """
    families = DisjointSets(len(records))
    first_of_source: dict[str, int] = {}
    for index, record in enumerate(records):
        source = sources.get(record["package"], record["package"])
        # libfoo-5.1 and libfoo-5.2, foo-12-doc and foo-13-doc: versions of one source
        stem = re.sub(r"[\d.+~-]+", "", source)
        families.union(first_of_source.setdefault(stem, index), index)
    for a, b in near_duplicate_pairs([record["document"] for record in records]):
        families.union(a, b)
    return [families.find(index) for index in range(len(records))]


def split_by_family(
    records: Iterable[dict[str, str]],
    families: Iterable[int],
    held_out: int = 2000,
    largest: int = 20,
) -> dict[str, list[dict[str, str]]]:
    """Assigns whole families to train, validation and test, by a hash of their first name.

    Families of more than `largest` records always go to train, because they would fill a test
    split with one phrase.

    Args:
        records: dicts with `package`.
        families: list of int, the family of each record.
        held_out: int, target size of test; validation gets half as many records.
        largest: int, size of the largest family that may be held out.

    Returns:
        dict from split name to list of records.
        dict of split name to list of records.
    """
    members = defaultdict(list)
    for record, family in zip(records, families, strict=True):
        members[family].append(record)
    groups = sorted(
        members.values(),
        key=lambda group: hashlib.sha256(group[0]["package"].encode()).digest(),
    )
    splits: dict[str, list[dict[str, str]]] = {name: [] for name in SPLITS}
    for group in groups:
        if len(group) > largest or len(splits["validation"]) >= held_out // 2:
            splits["train"] += group
        elif len(splits["test"]) < held_out:
            splits["test"] += group
        else:
            splits["validation"] += group
    return splits


def write_corpus(
    directory: str | Path,
    lists: str | Path = APT_LISTS,
    held_out: int = 2000,
    max_per_family: int = 50,
) -> dict[str, int]:
    """Writes `train.jsonl`, `validation.jsonl` and `test.jsonl` into a new directory.

    Args:
        directory: path that does not exist yet, or is an empty directory.
        lists: directory with apt's lists.
        held_out: int, target size of test; validation gets half as many records.
        max_per_family: int, largest number of records of one family to train on.

    Returns:
        dict with the numbers of records read, usable records, families, and records per split.

    Raises:
        FileExistsError: if `directory` is not empty.
        FileNotFoundError: if there is no English translation index.
    """
    with new_directory_atomically(directory) as temporary:
        everything = read_descriptions(lists)
        records = list({(r["document"], r["summary"]): r for r in everything if usable(r)}.values())
        families = group_into_families(records, read_sources(lists))
        splits = split_by_family(records, families, held_out)
        family_of = {r["package"]: f for r, f in zip(records, families, strict=True)}
        splits["train"] = _thin_out(splits["train"], family_of, max_per_family)
        for name, split in splits.items():
            write_jsonl(temporary / f"{name}.jsonl", split)
    return {
        "read": len(everything),
        "usable": len(records),
        "families": len(set(families)),
        **{name: len(split) for name, split in splits.items()},
    }


def _thin_out(records, family_of, most):
    seen, kept = defaultdict(int), []
    by_hash = sorted(records, key=lambda r: hashlib.sha256(r["package"].encode()).digest())
    for record in by_hash:
        family = family_of[record["package"]]
        seen[family] += 1
        if seen[family] <= most:
            kept.append(record)
    return sorted(kept, key=lambda r: r["package"])
