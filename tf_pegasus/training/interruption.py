"""Signals that ask a training to save its state and stop."""

import contextlib
import signal
import sys
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class TrainingInterrupted(KeyboardInterrupt):
    """A signal stopped a training, whose state is saved.

    Args:
        message: str, what was saved.
        number: int, the signal's.
    """

    def __init__(self, message, number):
        super().__init__(message)
        self.signal = number


class Interruption(contextlib.AbstractContextManager):
    """Context manager in which the first signal only asks for a stop.

    A second one acts as before. Outside of the main thread, which alone gets signals, it does
    nothing.
    """

    def __init__(self):
        self._number = None
        self._handlers = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            # What is ignored, as of a job in the background, stays ignored.
            asking = [n for n in SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
            self._handlers = {number: signal.signal(number, self._ask) for number in asking}
        return self

    def __exit__(self, *exception):
        self._put_back()

    @property
    def is_requested(self):
        """bool, whether there was a signal."""
        return self._number is not None

    def stop(self, message):
        """Raises `TrainingInterrupted`; it was SIGTERM if the signal came to another process."""
        raise TrainingInterrupted(message, self._number or signal.SIGTERM)

    def _ask(self, number, frame):
        self._number = number
        self._put_back()
        print("\nsaving after this step; another signal stops at once", file=sys.stderr, flush=True)

    def _put_back(self):
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}
