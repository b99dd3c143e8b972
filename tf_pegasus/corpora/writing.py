"""Writes a corpus: splits, whole texts, counts, and what may be done with it."""

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tf_pegasus.corpora.corpus import SPLITS, Corpus, Reading, Text
from tf_pegasus.corpora.families import (
    join_near_duplicates,
    split_by_family,
    thin_out,
    without_near_duplicates,
)
from tf_pegasus.corpora.near_duplicates import NearDuplicateIndex
from tf_pegasus.data.jsonl import write_jsonl
from tf_pegasus.data.text_sample import read_texts
from tf_pegasus.utils.directories import new_directory_atomically
from tf_pegasus.utils.files import write_json_atomically, write_text_atomically

_MOST_HELD_OUT = 2000
_MOST_EQUAL_SUMMARIES = 4
# Texts are compared by their beginnings: what follows the thousandth word changes no verdict.
_COMPARED_WORDS = 1000


def write_corpus(corpus: Corpus, directory: str | Path) -> dict[str, Any]:
    """Writes a corpus into a new directory.

    `train.jsonl`, `validation.jsonl` and `test.jsonl` have one pair a line, with `name`, `family`,
    `document` and `summary`; `bodies.jsonl`, if asked for, whole texts with `name`, `family` and
    `text`. `counts.json` has the result of this function, `near_duplicates.jsonl` what was left
    out of a split because it nearly repeats a document of another, and `NOTICE` the licence.

    Args:
        corpus: `Corpus`.
        directory: path that does not exist yet, or is an empty directory.

    Returns:
        dict with the numbers of texts that were `read`, usable pairs, `families` of these, pairs
        per split, `bodies`, and with dicts: `left_out`, from a reason to a number, and `words`.

    Raises:
        FileExistsError: if `directory` is not empty.
        FileNotFoundError: if there is nothing to read.
        ValueError: if nothing that was read can be used.
    """
    with new_directory_atomically(directory) as temporary:
        return _Writer(corpus, temporary).write()


class _Writer:
    def __init__(self, corpus: Corpus, directory: Path):
        self.corpus = corpus
        self.directory = directory
        self.reading = Reading()
        self.left_out: Counter[str] = self.reading.skipped
        self.read = 0
        # Families with nearly the same documents are one.
        self.joined: dict[str, str] = {}

    def write(self):
        pairs = self._pairs()
        usable = len(pairs)
        pairs = self._with_families(pairs)
        pairs = self._without_excluded(pairs)
        if not pairs:
            raise ValueError(f"nothing can be used of {self.read} texts: {self._reasons()}")
        splits = self._splits(pairs)
        for name, split in splits.items():
            if split or not self.corpus.evaluation_only:
                write_jsonl(self.directory / f"{name}.jsonl", map(_record, split))
        counts = {
            "read": self.read,
            "usable": usable,
            "families": len({text.family for text in pairs}),
            **{name: len(split) for name, split in splits.items()},
        }
        if self.corpus.bodies:
            counts["bodies"] = self._write_bodies(splits)
        counts["left_out"] = dict(self.left_out)
        counts["words"] = {name: _words(split) for name, split in splits.items()}
        write_json_atomically(self.directory / "counts.json", counts)
        write_text_atomically(self.directory / "NOTICE", self._notice())
        return counts

    def _pairs(self):
        """Reads the corpus; returns its pairs, of exact copies the last one."""
        pairs = {}
        with self._all_bodies() as keep_body:
            for text in self.corpus.texts(self.reading):
                self.read += 1
                keep_body(text)
                if text.is_pair:
                    pair = text._replace(body="", document=self._cut(text.document))
                    self.left_out["exact copies"] += (pair.document, pair.summary) in pairs
                    pairs[pair.document, pair.summary] = pair
                else:
                    self.left_out["without a document and a summary"] += 1
        return list(pairs.values())

    def _cut(self, document):
        words = document.split()
        if self.corpus.max_words is None or len(words) <= self.corpus.max_words:
            return document
        end = 0
        for word in words[: self.corpus.max_words]:
            end = document.index(word, end) + len(word)
        return document[:end]

    def _with_families(self, pairs):
        if self.corpus.near_duplicates == "drop":
            pairs = self._without_common_summaries(pairs)
            kept = without_near_duplicates(pairs)
            self.left_out["near-duplicates"] += len(pairs) - len(kept)
            return kept
        self.joined = join_near_duplicates(pairs)
        return [self._in_joined_family(pair) for pair in pairs]

    def _without_common_summaries(self, pairs):
        """Returns the pairs whose summaries are about them alone, and not about a whole family."""
        counts = Counter(pair.summary for pair in pairs)
        kept = [pair for pair in pairs if counts[pair.summary] <= _MOST_EQUAL_SUMMARIES]
        self.left_out["summaries that many share"] += len(pairs) - len(kept)
        return kept

    def _in_joined_family(self, text):
        return text._replace(family=self.joined.get(text.family, text.family))

    def _without_excluded(self, pairs):
        if not self.corpus.exclude:
            return pairs
        excluded = (text for path in self.corpus.exclude for text in read_texts(path))
        index = NearDuplicateIndex(map(_beginning, excluded))
        kept = [pair for pair in pairs if index.nearest(_beginning(pair.document)) is None]
        self.left_out["near-duplicates of excluded texts"] += len(pairs) - len(kept)
        return kept

    def _splits(self, pairs):
        if self.corpus.evaluation_only:
            return {**{name: [] for name in SPLITS}, "test": pairs}
        held_out = self.corpus.held_out or min(_MOST_HELD_OUT, len(pairs) // 10)
        splits = split_by_family(pairs, held_out, self.corpus.largest_held_out)
        kept = thin_out(splits["train"], self.corpus.max_per_family)
        self.left_out["more than max_per_family"] += len(splits["train"]) - len(kept)
        splits["train"] = kept
        report = list(self._remove_repetitions(splits))
        write_jsonl(self.directory / "near_duplicates.jsonl", report)
        self.left_out["near-duplicates of held-out documents"] += len(report)
        return splits

    def _remove_repetitions(self, splits):
        """Removes texts that nearly repeat one of a later split, and yields what it removes."""
        for later, earlier in (("test", ("train", "validation")), ("validation", ("train",))):
            index = NearDuplicateIndex(_beginning(text.document) for text in splits[later])
            for name in earlier:
                kept = []
                for text in splits[name]:
                    found = index.nearest(_beginning(text.document))
                    if found is None:
                        kept.append(text)
                        continue
                    yield {
                        "split": name,
                        "name": text.name,
                        "repeats": splits[later][found[0]].name,
                        "of": later,
                        "similarity": round(found[1], 3),
                    }
                splits[name] = kept

    # Bodies do not fit in memory: they wait in a file until it is known who is held out.

    @contextlib.contextmanager
    def _all_bodies(self):
        if not self.corpus.bodies:
            yield lambda text: None
            return
        with open(self._spool, "w", encoding="utf-8") as file:

            def keep(text):
                body = text.body or text.document
                if body:
                    json.dump([text.name, text.family, body], file)
                    file.write("\n")

            yield keep

    @property
    def _spool(self):
        return self.directory / ".bodies"

    def _bodies(self) -> Iterator[Text]:
        with open(self._spool, encoding="utf-8") as file:
            for line in file:
                name, family, body = json.loads(line)
                yield self._in_joined_family(Text(name, family, body=body))

    def _write_bodies(self, splits):
        held_out = [text for name in ("validation", "test") for text in splits[name]]
        families = {text.family for text in held_out}
        known = [text.document for text in held_out]
        known += [text.body for text in self._bodies() if text.family in families]
        index = NearDuplicateIndex(map(_beginning, known))
        chosen = {
            text.name
            for text in thin_out(
                (text._replace(body="") for text in self._bodies() if text.family not in families),
                self.corpus.max_per_family,
            )
        }
        count = 0
        seen = set()
        with open(self.directory / "bodies.jsonl", "w", encoding="utf-8") as file:
            for text in self._bodies():
                digest = hashlib.sha256(text.body.encode("utf-8")).digest()
                if text.name not in chosen or digest in seen:
                    continue
                seen.add(digest)
                if index.nearest(_beginning(text.body)) is not None:
                    self.left_out["bodies that nearly repeat a held-out text"] += 1
                    continue
                record = {"name": text.name, "family": text.family, "text": text.body}
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
                count += 1
        self._spool.unlink()
        return count

    def _reasons(self):
        return ", ".join(f"{count} {reason}" for reason, count in self.left_out.items() if count)

    def _notice(self):
        lines = [f"{self.corpus.description}.", "", self.corpus.licence, ""]
        if self.reading.sources:
            lines += ["Read from:", ""]
            lines += [f"{name}: {about}" for name, about in sorted(self.reading.sources.items())]
        return "\n".join(lines).rstrip() + "\n"


def _record(text):
    return {key: getattr(text, key) for key in ("name", "family", "document", "summary")}


def _beginning(text: str) -> str:
    return " ".join(text.split(maxsplit=_COMPARED_WORDS)[:_COMPARED_WORDS])


def _words(split: Sequence[Text]) -> dict[str, int]:
    return {
        "documents": _count(text.document for text in split),
        "summaries": _count(text.summary for text in split),
    }


def _count(texts: Iterable[str]) -> int:
    return sum(len(text.split()) for text in texts)
