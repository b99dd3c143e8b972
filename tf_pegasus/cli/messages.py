"""What commands say on standard error, a line each."""

import sys

# Their messages are written for users; the names of other exceptions are part of the message.
_EXPECTED = (OSError, ValueError, TypeError, ImportError, RuntimeError)


def error(message):
    """Prints an error."""
    print(f"tf-pegasus: error: {one_line(message)}", file=sys.stderr)


def warn(message):
    """Prints a warning."""
    print(f"tf-pegasus: warning: {one_line(message)}", file=sys.stderr)


def describe(exception):
    """Describes an exception in one line."""
    if isinstance(exception, OSError) and exception.filename and exception.strerror:
        return f"{exception.filename}: {exception.strerror}"
    # TensorFlow's errors have the operation's message apart from its place in the graph.
    message = one_line(getattr(exception, "message", None) or exception)
    if message and (isinstance(exception, _EXPECTED) or hasattr(exception, "error_code")):
        return message
    return f"{type(exception).__name__}: {message or 'no message'}; --debug shows the traceback"


def one_line(message):
    """The text of a message with its line breaks made blanks."""
    return " ".join(str(message).split())
