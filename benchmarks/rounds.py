"""One work: everybody prepares, then all run in turns, in another order each round."""

import contextlib
import random
import time
from collections.abc import Callable

from benchmarks.figures import Measured, Participant
from benchmarks.opponents import LIMIT, OURS, entries
from benchmarks.worker import LeftOutError, Worker
from benchmarks.works import Work

PAUSE = 0.06  # seconds between two runs, in which the threads of the last one fall asleep

Say = Callable[[str], None]


def measure(
    work: Work, *, rounds: int, seconds: float, threads: int | None, order: int, say: Say
) -> Measured:
    """Measure a work.

    Args:
        rounds: how often everybody runs.
        seconds: how long a run is meant to be.
        threads: the most that anybody may use; None leaves it to them.
        order: the seed of the orders of the rounds.
        say: told what is being done.

    Raises:
        LeftOutError: if the library itself cannot be measured.
    """
    with contextlib.ExitStack() as stack:
        workers = []
        for entry in entries(threads):
            workers.append(worker := Worker(entry, threads))
            stack.callback(worker.close)
        present, left_out = _prepared(work, workers, seconds, threads, say)
        rng = random.Random(order)
        for number in range(1, rounds + 1):
            turn = list(present)
            rng.shuffle(turn)
            say(f"round {number} of {rounds}")
            for worker, participant in turn:
                time.sleep(PAUSE)
                epochs = participant.ready.epochs
                taken, others = worker.run(epochs)
                participant.seconds.append(taken / (epochs * work.steps))
                if others is not None:
                    participant.others.append(others)
        for worker, participant in present:
            participant.peak = worker.peak()
        return Measured(work, [p for _, p in present], left_out)


def _prepared(
    work: Work, workers: list[Worker], seconds: float, threads: int | None, say: Say
) -> tuple[list[tuple[Worker, Participant]], dict[str, str]]:
    """Those that can take part, and why the others cannot."""
    say("importing")
    left_out: dict[str, str] = {}
    for worker in workers:
        try:
            worker.imported()
        except LeftOutError as error:
            left_out[worker.entry.name] = str(error)
    present: list[tuple[Worker, Participant]] = []
    for worker in workers:
        entry = worker.entry
        if entry.name in left_out:
            continue
        say(f"preparing {entry.name}")
        # The library goes first, and the limit is that of as many threads as it chose.
        told = present[0][1].ready.threads if entry.name == LIMIT else entry.threads
        try:
            ready = worker.prepare(work, told, seconds)
        except LeftOutError as error:
            left_out[entry.name] = str(error)
            continue
        finally:
            time.sleep(PAUSE)
        present.append((worker, Participant(entry, ready)))
    for needed in (OURS, LIMIT):
        if needed in left_out:
            raise LeftOutError(f"{needed} could not be measured: {left_out[needed]}")
    return present, left_out
