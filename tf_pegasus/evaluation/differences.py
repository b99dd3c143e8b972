"""Which words of a prediction are in its reference and its document."""

import difflib
from collections.abc import Iterable

from tf_pegasus.utils.words import pieces

# Of a text that is compared; the time grows with its square.
_MOST_PIECES = 2000

Marked = list[tuple[str, str]]


def mark_differences(
    document: str, reference: str, prediction: str, unsupported: Iterable[dict]
) -> tuple[Marked, Marked]:
    """Marks the words that prediction and reference do not have in common.

    Args:
        document, reference, prediction: str; what is beyond 1000 words of reference or prediction
            is not compared.
        unsupported: dicts with `start` and `end`, places in the prediction.

    Returns:
        Two lists of `(kind, text)`, whose texts make up reference and prediction:

        - reference: `"same"`, or `"missed"` if the prediction does not have it.
        - prediction: `"same"`, `"copied"` if only the document has it, `"novel"` if neither has
          it, or `"unsupported"`.
    """
    theirs, ours = pieces(reference), pieces(prediction)
    matcher = difflib.SequenceMatcher(
        None,
        [piece.lower() for piece in theirs[:_MOST_PIECES]],
        [piece.lower() for piece in ours[:_MOST_PIECES]],
        autojunk=False,
    )
    in_theirs: set[int] = set()
    in_ours: set[int] = set()
    for match in matcher.get_matching_blocks():
        in_theirs.update(range(match.a, match.a + match.size))
        in_ours.update(range(match.b, match.b + match.size))
    known = {piece.lower() for piece in pieces(document)}
    invented = {place for each in unsupported for place in range(each["start"], each["end"])}
    marked = []
    place = 0
    for i, piece in enumerate(ours):
        if invented.intersection(range(place, place + len(piece))) and _is_word(piece):
            kind = "unsupported"
        elif i in in_ours or not _is_word(piece):
            kind = "same"
        else:
            kind = "copied" if piece.lower() in known else "novel"
        marked.append((kind, piece))
        place += len(piece)
    return (
        _joined(
            ("same" if i in in_theirs or not _is_word(piece) else "missed", piece)
            for i, piece in enumerate(theirs)
        ),
        _joined(marked),
    )


def _is_word(piece):
    return piece[0].isalnum()


def _joined(marked) -> Marked:
    """Joins neighbours of one kind."""
    result: Marked = []
    for kind, text in marked:
        if result and result[-1][0] == kind:
            result[-1] = (kind, result[-1][1] + text)
        else:
            result.append((kind, text))
    return result
