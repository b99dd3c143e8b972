"""The interface of all corpora."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, NamedTuple

SPLITS = ("train", "validation", "test")
# A summary of one word, or of a document of a few, teaches nothing.
MIN_DOCUMENT_WORDS = 8
MIN_SUMMARY_WORDS = 2


class Text(NamedTuple):
    """A text of a corpus.

    Attributes:
        name: str, unique in the corpus.
        family: str, equal for texts that must not be divided between splits.
        document, summary: str, a pair to train on; empty where a text has none.
        body: str, the whole text, to pre-train on; empty where it is the document.
    """

    name: str
    family: str
    document: str = ""
    summary: str = ""
    body: str = ""

    @property
    def is_pair(self) -> bool:
        """Whether there is a text to summarize, and a summary that is not a copy of it."""
        return (
            len(self.document.split()) >= MIN_DOCUMENT_WORDS
            and len(self.summary.split()) >= MIN_SUMMARY_WORDS
            and self.document != self.summary
        )


class Reading:
    """What reading a corpus finds besides texts.

    Attributes:
        skipped: Counter of the reasons why something was not read.
        sources: dict from the name of what was read, such as a package, to its version and licence.
    """

    def __init__(self):
        self.skipped: Counter[str] = Counter()
        self.sources: dict[str, str] = {}


def option(default: Any, help: str, metavar: str = "N") -> Any:
    """Returns a field of a corpus, which becomes a flag of `tf-pegasus corpus`."""
    return field(default=default, metadata={"help": help, "metavar": metavar})


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A corpus; subclasses read it.

    Args:
        held_out: int, number of test documents; half as many for validation. By default a tenth of
            all, at most 2,000.
        max_per_family: int, largest number of training documents of one family; None for all.
        max_words: int, documents are cut after so many words; None for whole ones.
        bodies: bool, also write the whole texts of the training families.
        exclude: paths of files; what nearly repeats a `document`, `summary` or `text` in them is
            left out.

    Attributes:
        name: str, how the corpus is called.
        description: str, one line.
        licence: str, who may do what with the texts.
        largest_held_out: int, size of the largest family that may be held out. Larger ones would
            fill a test split with one phrase or one author.
        near_duplicates: `"join"`: nearly equal documents belong to one family; `"drop"`: only the
            first of them is kept, summaries that more than four share are left out, and families
            are those of the reader.
        evaluation_only: bool, whether all documents go to the test split.

    Raises:
        ValueError: if an option is out of range.
    """

    held_out: int | None = option(
        None, "test documents, half as many for validation; by default a tenth, at most 2000"
    )
    max_per_family: int | None = option(None, "largest number of training documents of one family")
    max_words: int | None = option(None, "documents are cut after so many words")
    bodies: bool = option(False, "also write bodies.jsonl: whole texts of the training families")
    exclude: tuple[str, ...] = option(
        (), "leave out what nearly repeats a text in these files, such as other corpora", "FILE"
    )

    name: ClassVar[str]
    description: ClassVar[str]
    licence: ClassVar[str]
    largest_held_out: ClassVar[int]
    near_duplicates: ClassVar[Literal["join", "drop"]] = "drop"
    evaluation_only: ClassVar[bool] = False

    def __post_init__(self):
        for name in ("held_out", "max_per_family", "max_words"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise ValueError(f"{name}={value!r} must be an int of at least 1")
        if self.evaluation_only:
            given = [f.name for f in fields(Corpus) if getattr(self, f.name) != f.default]
            given = [name for name in given if name in ("held_out", "max_per_family", "bodies")]
            if given:
                raise ValueError(f"{given[0]} has no effect: all of {self.name} is for testing")

    def texts(self, reading: Reading) -> Iterator[Text]:
        """Yields the texts, in an order that depends on nothing but the source.

        Args:
            reading: `Reading`, which gets what was skipped, and the sources.

        Raises:
            FileNotFoundError: if there is nothing to read; the message says how to get it.
        """
        raise NotImplementedError
