"""Parts of texts that corpora share: decoding, paragraphs, prose."""

import re


def decode(content: bytes) -> str:
    """Decodes UTF-8 or, where it is none, Latin-1, which older texts use."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def is_prose(text: str, share: float = 0.75) -> bool:
    """Returns whether letters are at least `share` of a text's characters, without spaces."""
    characters = re.sub(r"\s", "", text)
    return bool(characters) and sum(map(str.isalpha, characters)) >= share * len(characters)


def joined(lines: list[str]) -> str:
    """Joins the lines of a paragraph; words divided at a hyphen become one again."""
    words = [" ".join(line.split()) for line in lines]
    # A hyphen within a line may be followed by a space.
    return re.sub(r"(?<=\w-)\n(?=\w)", "", "\n".join(filter(None, words))).replace("\n", " ")


def repeats(document: str, summary: str) -> bool:
    """Returns whether a document says its summary word by word."""
    return _plain(summary) in _plain(document)


def _plain(text):
    return " " + " ".join(re.findall(r"\w+", text.lower())) + " "
