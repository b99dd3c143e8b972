from hypothesis import given
from hypothesis import strategies as st

from tf_pegasus.tokenizers.alignment import Piece, RawPiece, replace_breaks, segment_pieces

_BLANK = {character: character == " " for character in " abc_"}


@given(st.text("ab \n", max_size=30), st.sampled_from(["<n>", "|"]))
def test_places_before_line_breaks_were_replaced(text, token):
    replaced = replace_breaks(text, token)
    assert replaced.text == text.replace("\n", token)
    place = 0
    for index, character in enumerate(text):
        width = len(token) if character == "\n" else 1
        for start in range(place, place + width):
            for end in range(start + 1, place + width + 1):
                piece = replaced.original(Piece(7, start, end, 0))
                assert piece == Piece(7, index, index + 1, 0)
        place += width
    end = len(replaced.text)
    whole = replaced.original(Piece(7, 0, end, 0))
    assert (whole.start, whole.end) == (0, len(text))
    assert replace_breaks(text, None).text == text


def test_places_of_pieces():
    # Two words, the second of which begins with a mark alone.
    raw = [RawPiece(5, 0, 2, True), RawPiece(6, 2, 3, False), RawPiece(7, 3, 5, True)]
    raw += [RawPiece(8, 5, 6, False)]
    found = segment_pieces(" ab  c", raw, _BLANK, start=10, word=3)
    assert found == [
        Piece(5, 11, 12, 3),
        Piece(6, 12, 13, 3),
        Piece(7, 15, 16, 4),
        Piece(8, 15, 16, 4),
    ]
    # A segment begins a word, whatever its first piece is.
    assert segment_pieces("a", [RawPiece(5, 0, 1, False)], _BLANK, 0, 2) == [Piece(5, 0, 1, 2)]
    assert segment_pieces("", [], _BLANK, 0, 2) == []
