"""The values of scheduled hyperparameters at one step, as far as a training's state tells them."""

import itertools
from collections.abc import Iterable, Iterator

from chainrule.engine.program import Program
from chainrule.schedules import ReduceOnPlateau
from chainrule.training.history import History, TrainingState
from chainrule.training.scheduling import values_of

#: Batches and epochs that stand for a number that is not known.
ANY = (1, 2, 7, 1000)


def values_at(
    program: Program, step: int, rows: int, state: TrainingState | None
) -> dict[str, float]:
    """The scheduled values of a program at a step.

    A state does not tell how many rows there were, and without one nothing is known of the
    training. All that may be is tried, and what makes no difference need not be known.

    Args:
        program: with its schedules.
        step: from 1.
        rows: that are at hand.
        state: of the training in front of the step, if it is known.

    Raises:
        ValueError: for a schedule whose value depends on what is not known.
    """
    if not program.schedules:
        return {}
    found: list[dict[str, float]] = []
    for per_epoch, of_epoch, horizon in _trainings(step, rows, state):
        values = values_of(
            program, state.history if state else History(), rows=of_epoch,
            batch_rows=-(-of_epoch // per_epoch), horizon=horizon,
        )  # fmt: skip
        assert values is not None
        found.append({name: float(v[0]) for name, v in values(step - 1, 1).items()})
    for name, schedule in program.schedules.items():
        watches = isinstance(schedule, ReduceOnPlateau) and state is None and step > 1
        if watches or len({values[name] for values in found}) > 1:
            raise ValueError(
                f"{name} is {schedule!r}, whose value at step {step} depends on the epochs of the "
                "training: give its state, or a number instead of the schedule"
            )
    return found[0]


def _trainings(step: int, rows: int, state: TrainingState | None) -> Iterator[tuple[int, int, int]]:
    """What the training may be: batches and rows of an epoch, and epochs of the whole."""
    for per_epoch in _batches(step, rows, state):
        reached = (step - 1) // per_epoch + 1
        size = state.batch_size if state else None
        if per_epoch == 1:
            counts: Iterable[int] = (rows,)
        elif size is None:
            counts = (per_epoch * n for n in ANY)
        else:
            counts = {(per_epoch - 1) * size + 1, per_epoch * size}
        horizons = (state.horizon,) if state and state.horizon else (reached * n for n in ANY)
        yield from ((per_epoch, *pair) for pair in itertools.product(counts, horizons))


def _batches(step: int, rows: int, state: TrainingState | None) -> Iterable[int]:
    """How many batches an epoch may have."""
    if state is None:
        return ANY
    size, epoch, made = state.batch_size, state.epoch, state.step
    if size is None:
        return (1,)
    if not epoch and rows > size:
        return (-(-rows // size),)  # the rows are those of the training
    if epoch and made % epoch == 0:
        return (made // epoch,)  # a training ends with an epoch, if it is not interrupted
    return range(made // (epoch + 1) + 1, made // epoch + 1) if epoch else (made + n for n in ANY)
