"""Formats manual pages with groff.

groff understands what pages are written in: the macros of man and mdoc, tables, and the language
below them. GNU groff is kept well, and installed where `man` is; there is no parser of it in
Python that is.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading

# Long lines, so that each paragraph is one; no hyphenation; no colours or overstriking.
_COMMAND = (
    *("groff", "-mandoc", "-t", "-Tutf8", "-Kutf8"),
    *("-rLL=5000n", "-rLT=80n", "-rHY=0", "-P-cbou"),
)
_MAX_BYTES = 8 * 2**20
_SECONDS = 20.0
# Requests that read other files, which may be anywhere.
_INCLUDES = re.compile(r"^[.'][ \t]*(so|soquiet|mso|msoquiet|psbb|pso|cf|trf)\b.*$", re.MULTILINE)


def is_alias(page: str) -> bool:
    """Returns whether a page only includes another one."""
    return re.match(r"(?:[.'][ \t]*\\\".*\n|\s)*[.'][ \t]*so\s", page) is not None


def require_groff() -> None:
    """Raises FileNotFoundError if groff is not installed."""
    if shutil.which("groff") is None:
        raise FileNotFoundError("groff is not installed: on Debian, apt-get install groff-base")


def format_page(page: str, seconds: float = _SECONDS) -> list[str]:
    """Returns the lines of a formatted page.

    Args:
        page: str, source in groff.
        seconds: float, time after which groff is ended: pages are programs.

    Raises:
        ValueError: if groff fails, takes too long or writes too much.
    """
    with tempfile.TemporaryFile() as file:
        file.write(_INCLUDES.sub("", page).encode("utf-8"))
        file.seek(0)
        # In a session of its own, since groff runs other programs, which must end with it.
        with subprocess.Popen(
            _COMMAND,
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            late = threading.Event()

            def end():
                late.set()
                _end(process)

            timer = threading.Timer(seconds, end)
            timer.start()
            assert process.stdout is not None
            output = process.stdout.read(_MAX_BYTES + 1)
            timer.cancel()
            if len(output) > _MAX_BYTES:
                _end(process)
            code = process.wait()
    if late.is_set():
        raise ValueError(f"groff takes more than {seconds:g} seconds")
    if len(output) > _MAX_BYTES:
        raise ValueError(f"groff writes more than {_MAX_BYTES} bytes")
    if code:
        raise ValueError(f"groff fails with exit code {code}")
    return output.decode("utf-8", "replace").split("\n")


def _end(process):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
