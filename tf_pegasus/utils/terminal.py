"""Output on terminals."""

import contextlib
import os
import re
import sys

_COLOR = re.compile(r"\x1b\[[0-9;]*m")


@contextlib.contextmanager
def without_color():
    """Removes colors from the output to `sys.stdout`, if `NO_COLOR` is set.

    For libraries that ignore it, such as Keras' progress bar. See https://no-color.org.
    """
    if os.environ.get("NO_COLOR"):
        with contextlib.redirect_stdout(_Plain(sys.stdout)):
            yield
    else:
        yield


class _Plain:
    """A text stream that drops color codes."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, text):
        return self._stream.write(_COLOR.sub("", text))

    def __getattr__(self, name):
        return getattr(self._stream, name)
