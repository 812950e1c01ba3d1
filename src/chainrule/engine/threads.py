"""A team of Python threads that walk a program together, each in code without the GIL.

They meet at barriers that spin and then sleep, live as long as one training, and leave nothing
behind: no OpenMP, so processes may fork; no pool, so teams of several threads do not meet.
"""

import ctypes
import functools
import os
import sys
import threading
from collections.abc import Callable

import numpy as np

from chainrule.engine import control as words


@functools.cache
def sleep_address() -> int:
    """The address of a C function that sleeps for a number of microseconds or milliseconds."""
    if sys.platform == "win32":
        function = ctypes.windll.kernel32.Sleep
    else:
        function = ctypes.CDLL(None).usleep
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Team:
    """Helpers that walk each time that the host does.

    Args:
        workers: how many walk together, the calling thread among them.
        control: the control block, which worker 0 sets them going by.
        walk: the walk for a worker's number; a helper's lasts until it is told to quit.
    """

    def __init__(self, workers: int, control: np.ndarray, walk: Callable[[int], None]) -> None:
        self.workers = workers
        self._control = control
        self._walk = walk
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "Team":
        return self

    def start(self) -> None:
        """Start the helpers, unless they run already."""
        if len(self._threads) == self.workers - 1:
            return
        for worker in range(1, self.workers):
            thread = threading.Thread(target=self._walk, args=(worker,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def __exit__(self, *_: object) -> None:
        self._control[words.QUIT] = 1
        self._control[words.GO] += 1
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._control[words.QUIT] = self._control[words.GO] = 0
