"""The number of threads, chosen by measure.

Results do not depend on it, so the first slices of a training can be run with one thread and with
several in turn, and the next ones with what was faster. What else the machine does changes, and
with it what is faster: now and then it is measured again.
"""

from collections.abc import Hashable

ROUNDS = 2  # slices with each number
ENOUGH = 0.004  # seconds that a slice must take to count
GAIN = 0.95  # several threads must take less than this share of one thread's time
VALID = 64  # slices for which a decision stands: some seconds

_chosen: dict[Hashable, int] = {}


class ThreadChoice:
    """Decides between one thread and ``most``.

    Args:
        most: the largest number that may be used.
        key: what the work looks like; what was found for it before is taken at once.
    """

    def __init__(self, most: int, key: Hashable) -> None:
        self._most, self._key = most, key
        self._times: dict[int, list[float]] = {1: [], most: []}
        self._slices = 0
        self.decided: int | None = 1 if most == 1 else _chosen.get(key)

    def next(self) -> int:
        """How many threads the next slice shall have."""
        if self.decided is not None:
            return self.decided
        one, several = len(self._times[1]), len(self._times[self._most])
        return 1 if one <= several else self._most

    def record(self, workers: int, tiles: int, seconds: float) -> None:
        """Take note of a slice that ran so many tiles in so many seconds."""
        if self._most == 1 or tiles == 0 or seconds < ENOUGH:
            return
        if self.decided is not None:
            self._slices += 1
            if self._slices >= VALID:
                self.decided, self._slices = None, 0
                self._times = {1: [], self._most: []}
            return
        self._times[workers].append(seconds / tiles)
        if all(len(times) >= ROUNDS for times in self._times.values()):
            faster = min(self._times[self._most]) < GAIN * min(self._times[1])
            self.decided = self._most if faster else 1
            _chosen[self._key] = self.decided
