"""What is asked of a network: the task, inferred from the target, and the target's values."""

import difflib
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from chainrule.tables.cells import Numbers, is_missing, numbers
from chainrule.tables.columns import STRAY_SHARE, check_finite, mostly_different
from chainrule.tables.errors import TableError, counted, listed, quoted
from chainrule.tables.options import TASKS
from chainrule.tables.reading import Table

Task = Literal["binary", "multiclass", "regression"]

MOST_WHOLE_CLASSES = 20  # whole numbers with more different values are quantities
ROWS_PER_CLASS = 5  # and so are those that occur less often than this on average


@dataclass(frozen=True)
class Target:
    """The target as it was read.

    Attributes:
        name: of its column.
        task: what it makes of the table.
        detail: what is in it, from which the task follows.
        rows: which rows of the table have one: bool, over all rows.
        values: of those rows: int64 labels that count the classes, or float64.
        classes: in the order of the labels, text or numbers; none for regression. Of two, the
            second is the one whose probability the network computes.
        style: how its numbers are written, if not plainly.
    """

    name: str
    task: Task
    detail: str
    rows: np.ndarray
    values: np.ndarray
    classes: tuple[str | int | float, ...] = ()
    style: str = ""


def read_target(table: Table, name: str, task: str = "auto") -> Target:
    """Read the target and decide on the task.

    Two different values make it binary; several texts, or a few whole numbers that occur again
    and again, multiclass; other numbers regression.

    Args:
        table: that has it.
        name: of its column.
        task: one of ``TASKS``; all but ``auto`` override the decision.

    Raises:
        TableError: if there is no such column, or nothing to learn from it for that task.
    """
    if task not in TASKS:
        raise TableError(f"unknown task {quoted(task)}; there are {', '.join(TASKS)}")
    if not isinstance(name, str):
        such = f": did you mean {quoted(name)}?" if str(name) in table.cells else ""
        raise TableError(f"the target is the name of a column, a text, not {_kind(name)}{such}")
    if name not in table.cells:
        raise TableError(no_column(table, name))
    cells = table.cells[name]
    missing = is_missing(cells)
    if name in table.texts and task != "regression":  # texts stay texts, if they look like numbers
        read = Numbers(np.full(len(cells), np.nan), missing, ~missing)
    else:
        read = numbers(cells, table.delimiter)
    rows = ~missing
    if not rows.any():
        raise TableError(f"the target {quoted(name)} has no values")
    if not read.wrong.any():
        rows = ~read.missing
        check_finite(name, cells, table.lines, read.values)
        values = read.values[rows]
    else:
        if name not in table.texts:
            _check_not_nearly_numbers(table, name, read, task)
        values = cells[rows]
    different, labels = np.unique(values, return_inverse=True)
    if different.size < 2:
        raise TableError(
            f"the target {quoted(name)} is {quoted(cells[rows][0])} in every row that has one: "
            "there is nothing to learn"
        )
    chosen = _inferred(different, len(values)) if task == "auto" else cast(Task, task)
    detail = _detail(different, read.style)
    if chosen == "regression":
        if read.wrong.any():
            _refuse_words(table, name, read)
        return Target(name, chosen, detail, rows, values.astype(np.float64), style=read.style)
    _check_classes(name, chosen, different.size, len(values))
    classes = tuple(_plain(value) for value in different.tolist())
    labels = labels.reshape(-1).astype(np.int64)
    return Target(name, chosen, detail, rows, labels, classes, read.style)


def read_later_target(
    table: Table, target: Target, empty: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The target's values in another table.

    Args:
        table: that has the column.
        target: as it was read in the table of the training.
        empty: whether it may be that no row has one.

    Returns:
        The indices of the rows that have one, and the values as :class:`Target` has them.

    Raises:
        TableError: if the column is not there, a class is unknown, or a cell is no number.
    """
    if target.name not in table.cells:
        raise TableError(no_column(table, target.name))
    cells = table.cells[target.name]
    if target.classes and isinstance(target.classes[0], str):
        rows = np.flatnonzero(~is_missing(cells))
        found: list[str | int | float] = list(cells[rows])
    else:
        read = numbers(cells, table.delimiter, target.style)
        if read.wrong.any():
            _refuse_words(table, target.name, read)
        check_finite(target.name, cells, table.lines, read.values)
        rows = np.flatnonzero(~read.missing)
        found = read.values[rows].tolist()
    if rows.size == 0 and not empty:
        raise TableError(f"the target {quoted(target.name)} has no values in {quoted(table.file)}")
    if not target.classes:
        return rows, np.array(found, np.float64)
    place = {label: number for number, label in enumerate(target.classes)}
    for at, label in zip(rows, found, strict=True):
        if label not in place:
            raise TableError(
                f"column {quoted(target.name)}, line {table.lines[at]}: the class "
                f"{quoted(cells[at])} was in no training row"
            )
    return rows, np.array([place[label] for label in found], np.int64)


def _inferred(different: np.ndarray, rows: int) -> Task:
    count = different.size
    if count == 2:
        return "binary"
    if different.dtype == object:
        return "multiclass"
    whole = bool((different == np.floor(different)).all())
    few = count <= MOST_WHOLE_CLASSES and rows >= ROWS_PER_CLASS * count
    return "multiclass" if whole and few else "regression"


def _detail(different: np.ndarray, style: str) -> str:
    if different.dtype == object:
        return f"{different.size} different texts"
    detail = f"{different.size} different numbers from {different[0]:g} to {different[-1]:g}"
    return f"{detail}, written with {style}" if style else detail


def _check_classes(name: str, task: Task, count: int, rows: int) -> None:
    if task == "binary" and count > 2:
        raise TableError(
            f"the target {quoted(name)} has {count} different values, and a binary task has two"
        )
    if 2 * count > rows and count > 2:
        raise TableError(
            f"the target {quoted(name)} has {count} different values in {counted(rows, 'row')}: "
            "too few rows of each to learn them as classes"
        )


def _check_not_nearly_numbers(table: Table, name: str, read: Numbers, task: str) -> None:
    """Refuse a few stray words among numbers: they would turn a quantity into classes."""
    present = len(read.values) - int(read.missing.sum())
    few = int(read.wrong.sum()) <= STRAY_SHARE * present
    if few and task in ("auto", "regression") and mostly_different(read):
        _refuse_words(table, name, read)


def _refuse_words(table: Table, name: str, read: Numbers) -> None:
    at = int(np.argmax(read.wrong))
    raise TableError(
        f"the target {quoted(name)} is not a number in line {table.lines[at]}: "
        f"{quoted(table.cells[name][at])}"
    )


def _plain(value: str | float) -> str | int | float:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _kind(value: object) -> str:
    return repr(value) if isinstance(value, int | float | None) else type(value).__name__


def no_column(table: Table, name: str) -> str:
    """The sentence that a table lacks a column, with the nearest that it has."""
    if len(table.names) == 1:
        return (
            f"there is no column {quoted(name)}: the only one is {quoted(table.names[0])}; "
            "cells are divided by a comma, semicolon, tab or bar"
        )
    lower = {known.lower(): known for known in table.names}
    near = difflib.get_close_matches(name.lower(), lower, n=1)
    guess = f"did you mean {quoted(lower[near[0]])}? " if near else ""
    return f"there is no column {quoted(name)}: {guess}there are {listed(table.names)}"
