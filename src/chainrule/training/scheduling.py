"""The values of scheduled hyperparameters, computed ahead for the executor's table."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from chainrule.engine.program import Program
from chainrule.metrics import metrics
from chainrule.schedules import ReduceOnPlateau, Steps
from chainrule.training.history import History

Values = Callable[[int, int], Mapping[str, np.ndarray]]


def values_of(
    program: Program, history: History, *, rows: int, batch_rows: int, horizon: int
) -> Values | None:
    """The function that the executor asks for scheduled values; None if nothing is scheduled.

    Args:
        program: with its schedules.
        history: of all epochs so far; what reduces on a plateau reads it at each question.
        rows: examples of an epoch.
        batch_rows: of a batch.
        horizon: epochs of the whole training.
    """
    if not program.schedules:
        return None
    per_epoch = -(-rows // batch_rows)

    def values(first: int, count: int) -> dict[str, np.ndarray]:
        at = Steps(np.arange(first, first + count), per_epoch, rows, horizon)
        found = {}
        for name, schedule in program.schedules.items():
            if isinstance(schedule, ReduceOnPlateau):
                figures = history.get(schedule.monitor, [])
                times = schedule.reductions(list(figures), grows(schedule.monitor))
                found[name] = np.full(count, schedule.reduced(times))
            else:
                found[name] = schedule.values(at)
        return found

    return values


def watches(program: Program) -> bool:
    """Whether a schedule depends on the figures of the epochs."""
    return any(schedule.watching for schedule in program.schedules.values())


def check_monitors(program: Program, figures: Sequence[str]) -> None:
    """Refuse a schedule that watches a figure that there will not be.

    Raises:
        ValueError: that names the figure.
    """
    for schedule in program.schedules.values():
        if isinstance(schedule, ReduceOnPlateau) and schedule.monitor not in figures:
            raise ValueError(
                f"there is no figure {schedule.monitor!r} to watch; there are {', '.join(figures)}"
            )


def grows(figure: str) -> bool:
    """Whether a figure is the better the larger it is."""
    name = figure.removeprefix("val_")
    return name in metrics and metrics[name].greater_is_better
