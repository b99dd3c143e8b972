"""Messages of commands on standard error, one line each."""

import re
import sys

_OPERATION = re.compile(r"\{\{\w+_node [^}]*\}\}|\[Op:\w+\]")
# Exceptions that hint at mistakes in the program: their names become part of the message.
_MISTAKES = (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, NameError)


def error(message):
    """Prints an error."""
    print(f"tf-pegasus: error: {one_line(message)}", file=sys.stderr)


def warn(message):
    """Prints a warning."""
    print(f"tf-pegasus: warning: {one_line(message)}", file=sys.stderr)


def describe(exception):
    """Describes an exception in one line."""
    if isinstance(exception, OSError) and exception.strerror:
        place = f"{exception.filename}: " if exception.filename else ""
        return place + exception.strerror
    # TensorFlow's errors contain the message among names of operations.
    message = one_line(_OPERATION.sub("", getattr(exception, "message", None) or str(exception)))
    if message and not isinstance(exception, _MISTAKES):
        return message
    return f"{type(exception).__name__}: {message or 'no message'}; --debug shows the traceback"


def one_line(message):
    """Returns a message with its line breaks replaced by spaces."""
    return " ".join(str(message).split())
