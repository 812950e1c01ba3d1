"""Each opponent in a process of its own: their thread pools do not meet, their memory is counted.

All processes of a work live at the same time, and all but one of them wait.
"""

import contextlib
import gc
import multiprocessing
import os
import time
import traceback
from dataclasses import dataclass
from typing import Any

from benchmarks import machine
from benchmarks.opponents import Entry
from benchmarks.opponents.base import Opponent
from benchmarks.works import Work


class LeftOutError(RuntimeError):
    """An opponent cannot take part."""


@dataclass(frozen=True)
class Ready:
    """What is known of an opponent before the rounds.

    Attributes:
        first: seconds of its first epoch, with all that it compiles or loads for it.
        epochs: how many of them make a run of the length that was asked for.
        threads: how many it uses, if it knows.
        losses: of each epoch, trained in the order of the rows; None if nothing is learnt.
    """

    first: float
    epochs: int
    threads: int | None
    losses: list[float] | None


class Worker:
    """The handle of an opponent's process; starting it does not wait for its imports."""

    def __init__(self, entry: Entry, most_threads: int | None) -> None:
        context = multiprocessing.get_context("spawn")
        self.entry = entry
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, entry, most_threads)
        self._process = context.Process(target=_serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()
        self._imported = False

    def imported(self) -> None:
        """Wait until its libraries are loaded, so that nobody is measured beside an import.

        Raises:
            LeftOutError: if it cannot take part.
        """
        if not self._imported:
            self._answer()
            self._imported = True

    def prepare(self, work: Work, threads: int | None, seconds: float) -> Ready:
        """Set up a work, compile, check, and choose the length of a run.

        Raises:
            LeftOutError: if it cannot take part.
        """
        return self._ask("prepare", work, threads, seconds)  # type: ignore[no-any-return]

    def run(self, epochs: int) -> tuple[float, float | None]:
        """Train once; the seconds, and the share of all cores that others kept busy meanwhile."""
        return self._ask("run", epochs)  # type: ignore[no-any-return]

    def peak(self) -> int | None:
        """The most bytes of memory that the process has had, where that is known."""
        return self._ask("peak")  # type: ignore[no-any-return]

    def _ask(self, *message: Any) -> Any:
        with contextlib.suppress(OSError):  # it has ended: the answer says so
            self._pipe.send(message)
        return self._answer()

    def _answer(self) -> Any:
        try:
            kind, value = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            raise LeftOutError(f"its process ended with {self._process.exitcode}") from None
        if kind == "failed":
            raise LeftOutError(value)
        return value

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join()


def _serve(pipe: Any, entry: Entry, most_threads: int | None) -> None:
    """Answer until the pipe closes."""
    try:
        _use_cores(most_threads)
        opponent = entry.opponent()
        pipe.send(("ready", None))
        work = None
        while True:
            name, *arguments = pipe.recv()
            if name == "prepare":
                work, threads, seconds = arguments
                answer: Any = _prepare(opponent, work, threads, seconds)
            elif name == "run":
                answer = _run(opponent, work, *arguments)
            else:
                answer = peak_memory()
            pipe.send(("done", answer))
    except (EOFError, ConnectionError, KeyboardInterrupt):
        return
    except ImportError as error:
        pipe.send(("failed", f"not installed ({error})"))
    except Exception as error:
        traceback.print_exc()
        pipe.send(("failed", f"{type(error).__name__}: {error}"))


def _use_cores(most: int | None) -> None:
    """Keep the process on as many cores as it may use threads: not every library can be told."""
    if most is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:most])


def _prepare(opponent: Opponent, work: Work, threads: int | None, seconds: float) -> Ready:
    opponent.setup(work, threads)
    first = opponent.run(1, shuffled=work.shuffled).seconds
    checked = opponent.run(work.checked_epochs, shuffled=False)
    epochs = 1
    while True:
        start = time.perf_counter()
        opponent.run(epochs, shuffled=work.shuffled)
        taken = time.perf_counter() - start
        if taken > seconds / 4:
            break
        epochs *= 4
    epochs = max(1, round(epochs * seconds / taken))
    return Ready(first, epochs, opponent.threads, checked.losses)


def _run(opponent: Opponent, work: Work, epochs: int) -> tuple[float, float | None]:
    """A run, and how far others disturbed it; see :meth:`Worker.run`."""
    gc.collect()
    start, ours, all_cores = time.perf_counter(), time.process_time(), machine.busy_seconds()
    seconds = opponent.run(epochs, shuffled=work.shuffled).seconds
    if all_cores is None:
        return seconds, None
    others = machine.busy_seconds() - all_cores - (time.process_time() - ours)
    available = (time.perf_counter() - start) * (os.cpu_count() or 1)
    return seconds, max(0.0, others / available)


def peak_memory() -> int | None:
    """The most bytes that this process has had in memory, on systems that count them."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if os.uname().sysname == "Darwin" else peak * 1024
