"""Starts the command line, without TensorFlow's start-up messages on standard error.

It stands outside the package because importing the package imports TensorFlow, whose C++
libraries write to the file descriptor whatever TF_CPP_MIN_LOG_LEVEL says.
"""

import contextlib
import os
import sys
import tempfile


@contextlib.contextmanager
def _standard_error_held_back():
    """Keeps what is written to file descriptor 2; shows it only if the block fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        visible = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(visible, held.read())
            raise
        finally:
            os.dup2(visible, 2)
            os.close(visible)


def main():
    """The `tf-pegasus` command."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _standard_error_held_back():
        from tf_pegasus.cli.main import main as run

    return run()
