import io
import sys

import pytest

from tf_pegasus.utils.terminal import without_color


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", "1/5 ━━ done"), ("", "\x1b[1m1/5\x1b[0m \x1b[32m━━\x1b[0m done")],
)
def test_no_color_removes_colors(monkeypatch, value, expected):
    monkeypatch.setenv("NO_COLOR", value)
    stream = io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    with without_color():
        sys.stdout.write("\x1b[1m1/5\x1b[0m \x1b[32m━━\x1b[0m done")
        assert sys.stdout.isatty() is False
    assert stream.getvalue() == expected
    assert sys.stdout is stream
