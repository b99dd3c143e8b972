import pytest

from tf_pegasus.corpora.markup import plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (":class:`~zoo.animals.Fox` and :py:func:`jump`", "Fox and jump"),
        ("``literal`` and `code` and `link <https://a>`_", "literal and code and link"),
        ("**bold**, *thin*, 2 * 3 * 4, *args", "bold, thin, 2 * 3 * 4, *args"),
        ("[text](https://a) ![image](b.png)[name][ref]", "text name"),
        ("a<br/>b < c <!-- comment\nmore -->d", "ab < c d"),
        (r"\*args and \_name", "*args and _name"),
        ("x[0] and list[int]", "x[0] and list[int]"),
    ],
)
def test_markup_is_removed(text, expected):
    assert plain(text) == expected
