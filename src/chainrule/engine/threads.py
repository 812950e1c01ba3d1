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
    """Helpers that run ``walk(worker)`` each time that the host does.

    Args:
        workers: how many walk together, the calling thread among them.
        control: the control block.
        walk: the walk for a worker's number; all workers must call it the same number of times.
        wait: makes the compiled wait for a change of a word of the control block.
    """

    def __init__(
        self,
        workers: int,
        control: np.ndarray,
        walk: Callable[[int], int],
        wait: Callable[[], Callable[..., None]],
    ) -> None:
        self.workers = workers
        self._control = control
        self._walk = walk
        self._wait = wait
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> "Team":
        return self

    def start(self) -> None:
        """Start the helpers, unless they run already."""
        if len(self._threads) == self.workers - 1:
            return
        wait = self._wait()
        for worker in range(1, self.workers):
            thread = threading.Thread(target=self._serve, args=(worker, wait), daemon=True)
            thread.start()
            self._threads.append(thread)

    def __exit__(self, *_: object) -> None:
        self._control[words.QUIT] = 1
        self._control[words.GO] += 1
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._control[words.QUIT] = self._control[words.GO] = 0

    def walk(self) -> int:
        """Walk with the whole team, which worker 0 sets going; the status of the walk."""
        return self._walk(0)

    def _serve(self, worker: int, wait: Callable[..., None]) -> None:
        turn = 0
        while True:
            wait(self._control.ctypes.data, self._control.size, words.GO, turn)
            turn += 1
            if self._control[words.QUIT]:
                return
            self._walk(worker)
