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
        table: what the walk walks over.
        walk: gives the compiled walk; a helper's lasts until it is told to quit.
    """

    def __init__(
        self,
        workers: int,
        control: np.ndarray,
        table: np.ndarray,
        walk: Callable[[], Callable[[int, int, int], None]],
    ) -> None:
        self.workers = workers
        self._control, self._table = control, table
        self._walk = walk
        self._threads: list[threading.Thread] = []
        self._starting = False

    def start(self) -> bool:
        """Whether the helpers run; they are started if they do not, as in a forked child.

        After a start that was interrupted they never do: one of them may still be on its way.
        """
        alive = self._threads and all(thread.is_alive() for thread in self._threads)
        if alive and not self._control[words.QUIT]:
            return True
        if self._starting:
            return False
        self._join()
        self._control[words.QUIT] = self._control[words.GO] = 0
        walk = self._walk()
        self._starting = True
        for worker in range(1, self.workers):
            thread = threading.Thread(target=self._help, args=(walk, worker), daemon=True)
            self._threads.append(thread)
            thread.start()
        self._starting = False
        return True

    def stop(self) -> None:
        """End the helpers. If this is interrupted they end by themselves, however late they are."""
        self._control[words.QUIT] = 1
        self._control[words.GO] += 1
        self._join()

    def _join(self) -> None:
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._threads.clear()

    def _help(self, walk: Callable[[int, int, int], None], worker: int) -> None:
        """What a thread runs: it keeps the team, and so the memory that it waits at, alive."""
        walk(worker, self.workers, self._table.ctypes.data)
