"""Detects that a process was forked after TensorFlow had started its threads.

The child has none of these threads and would wait for them forever. Processes that `spawn` or
`forkserver` start are not affected.
"""

import os
from collections.abc import Callable

_was_running_at_fork = False


def watch_forks(is_running: Callable[[], bool]) -> None:
    """Registers a hook that records in each forked child whether `is_running()` at the fork."""

    def remember() -> None:
        global _was_running_at_fork
        _was_running_at_fork = _was_running_at_fork or is_running()

    os.register_at_fork(after_in_child=remember)


def check_not_forked(name: str) -> None:
    """Raises RuntimeError in a process in which TensorFlow would hang.

    Args:
        name: str, name of the called function, for the message.
    """
    if _was_running_at_fork:
        raise RuntimeError(
            f"{name} would hang: this process was forked from one in which TensorFlow had run "
            "already. Start it with multiprocessing.get_context('spawn'), or load the model in "
            "the child only"
        )
