"""Noticing that a process was forked from one in which TensorFlow's threads were running.

They are not there in the child, which then waits for them for ever. Processes that `spawn` or
`forkserver` start have threads of their own.
"""

import os
from collections.abc import Callable

_was_running_at_fork = False


def watch_forks(is_running: Callable[[], bool]) -> None:
    """Remembers in each process that is forked from now on whether `is_running()` then."""

    def remember() -> None:
        global _was_running_at_fork
        _was_running_at_fork = _was_running_at_fork or is_running()

    os.register_at_fork(after_in_child=remember)


def check_not_forked(name: str) -> None:
    """Raises RuntimeError where TensorFlow would hang.

    Args:
        name: str, the function that is called.
    """
    if _was_running_at_fork:
        raise RuntimeError(
            f"{name} would hang: this process was forked from one in which TensorFlow had run "
            "already. Start it with multiprocessing.get_context('spawn'), or load the model in "
            "the child only"
        )
