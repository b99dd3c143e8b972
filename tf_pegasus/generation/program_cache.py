"""Cache of traced searches, for later calls with the same options."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

# A program holds its graph and one compiled form per bucket of shapes: megabytes each.
MOST_PROGRAMS = 32


class ProgramCache:
    """A least-recently-used cache of programs.

    Threads may share a cache.

    Args:
        size: int, maximum number of programs; defaults to 32.
    """

    def __init__(self, size: int = MOST_PROGRAMS):
        self._size = size
        self._programs: OrderedDict[Hashable, Callable] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self):
        return len(self._programs)

    def get(self, key: Hashable, make: Callable[[], Callable]) -> Callable:
        """Returns the program of `key`; calls `make()` if it is not in the cache."""
        with self._lock:
            if key not in self._programs:
                self._programs[key] = make()
                if len(self._programs) > self._size:
                    self._programs.popitem(last=False)
            self._programs.move_to_end(key)
            return self._programs[key]

    def clear(self):
        """Drops all programs, as required after a change of the model."""
        with self._lock:
            self._programs.clear()
