"""Imports TensorFlow and Keras on the right backend and without start-up messages.

Packages whose modules import TensorFlow or Keras call `load_backend` in their `__init__.py`.
"""

import contextlib
import importlib
import os
import re
import sys

# Messages of TensorFlow's C++ libraries: absl's log lines, and the lines that continue them.
_MESSAGE = re.compile(
    rb"[IW]\d{4} \d\d:\d\d:"
    rb"|E\d{4} \d\d:\d\d:.*(cuInit|Unable to register|already been registered)"
    rb"|WARNING: All log messages before absl::InitializeLog\(\)"
    rb"|To enable the following instructions"
)
# If all of these are missing, there is no NVIDIA driver (/dev/dxg is that of WSL).
_NVIDIA_DEVICES = ("/dev/nvidiactl", "/dev/dxg")


def load_backend():
    """Imports Keras and TensorFlow, if that has not been done.

    TensorFlow writes messages about itself to file descriptor 2 while it starts, whatever
    `TF_CPP_MIN_LOG_LEVEL` says, and an error about a missing GPU if there is none. These are
    suppressed, and the level is set to 2 (errors only), unless the environment sets it. A level
    of 0 shows everything. Nothing changes if TensorFlow is imported already.

    Raises:
        ImportError: if Keras has another backend than TensorFlow.
    """
    _check_backend()
    if "tensorflow" in sys.modules:
        importlib.import_module("keras")
        _check_backend()
    elif os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2") == "0":
        _start()
    else:
        with _without_messages():
            _start()


def _check_backend():
    """Raises ImportError unless Keras has, or will have, the TensorFlow backend."""
    if "keras" in sys.modules:
        backend = sys.modules["keras"].backend.backend()
    else:
        # If the backend is not installed, importing Keras fails with a less helpful message.
        backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow":
        raise ImportError(
            f"tf_pegasus needs Keras' TensorFlow backend, but it is {backend!r}: "
            "set the environment variable KERAS_BACKEND=tensorflow before Keras is imported"
        )


def _start():
    importlib.import_module("keras")
    # Checked again, because ~/.keras/keras.json may also set the backend.
    _check_backend()
    tensorflow = importlib.import_module("tensorflow")
    if not any(os.path.exists(path) for path in _NVIDIA_DEVICES):
        # TensorFlow looks for GPUs once, and reports each failure to find one as an error.
        tensorflow.config.list_physical_devices()


@contextlib.contextmanager
def _without_messages():
    """Removes TensorFlow's messages from the output to file descriptor 2.

    Other output of the block appears when it ends; all output, if the block fails; and none, if
    it is interrupted.
    """
    try:
        visible = os.dup(2)
    except OSError:
        # Standard error is closed, so there is nothing to suppress.
        yield
        return
    # Imported here, because every `import tf_pegasus` imports this module.
    import tempfile

    with tempfile.TemporaryFile() as held, os.fdopen(visible, "wb", buffering=0) as standard_error:
        os.dup2(held.fileno(), 2)
        shown = []
        try:
            yield
            shown = [line for line in _lines_of(held) if not _MESSAGE.match(line)]
        except Exception:
            shown = _lines_of(held)
            raise
        finally:
            os.dup2(visible, 2)
            standard_error.writelines(shown)


def _lines_of(file):
    file.seek(0)
    return file.readlines()
