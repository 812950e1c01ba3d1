"""Rows of tables as networks take them, to check gradients on."""

from typing import Any

import numpy as np

from chainrule.network import Network
from chainrule.tables.cells import numbers
from chainrule.tables.errors import TableError, counted, quoted
from chainrule.tables.model import TableModel
from chainrule.tables.reading import Table
from chainrule.tables.sources import table_of
from chainrule.tables.task import Target, read_later_target


def rows_for_model(
    model: TableModel, data: Any, rows: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Some rows of a table as the inputs and targets of a model's networks.

    Args:
        model: whose columns the table has, and its target.
        data: the path of a file, or a data frame.
        rows: at most so many of those that have a target, drawn at random.
        seed: of the draw.

    Returns:
        (m, inputs) and (m,): classes, or numbers scaled as in the training.

    Raises:
        TableError: for a missing column, or a cell of another kind.
    """
    table = table_of(data)
    known, y = targets_of(model, table)
    chosen = _chosen(len(known), rows, seed)
    values = {name: v[known[chosen]] for name, v in model.values_of(table).items()}
    return model.preprocessing.inputs(values), y[chosen]


def targets_of(
    model: TableModel, table: Table, empty: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The targets of a table as a model's networks learn them.

    Args:
        model: whose target the table has.
        table: with its column.
        empty: whether it may be that no row has one.

    Returns:
        The indices of the rows that have one, and their classes, or their numbers as they are
        scaled in the training.

    Raises:
        TableError: if the column is not there, a class is unknown, or a cell is no number.
    """
    goal, nothing = model.goal, np.empty(0)
    target = Target(goal.name, goal.task, "", nothing, nothing, goal.classes)
    known, y = read_later_target(table, target, empty)
    return known, y if goal.classes else (y - goal.mean) / goal.scale


def rows_for_network(
    network: Network, data: Any, rows: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Some rows of a table of numbers: first the features, then the targets.

    Args:
        network: with a loss.
        data: the path of a file, or a data frame.
        rows: at most so many, drawn at random.
        seed: of the draw.

    Returns:
        (m, inputs) and (m, columns), or (m,) for a single column.

    Raises:
        TableError: for another number of columns, or a cell that is no number.
    """
    table = table_of(data)
    assert network.loss is not None
    targets = network.loss.target_columns(network.outputs)
    allowed = {targets} | ({1} if "labels" in network.loss.forms else set())
    found = len(table.names) - network.inputs
    if found not in allowed:
        wanted = " or ".join(counted(n, "of targets", "of targets") for n in sorted(allowed))
        raise TableError(
            f"{quoted(table.file)} has {counted(len(table.names), 'column')}, and the network "
            f"needs {network.inputs} of features, then {wanted}"
        )
    chosen = _chosen(len(table.lines), rows, seed)
    columns = [_numbers(table, name)[chosen] for name in table.names]
    X, y = np.column_stack(columns[: network.inputs]), np.column_stack(columns[network.inputs :])
    return X, y[:, 0] if found == 1 else y


def _numbers(table: Table, name: str) -> np.ndarray:
    read = numbers(table.cells[name], table.delimiter)
    wrong = read.wrong | read.missing
    if wrong.any():
        at = int(np.argmax(wrong))
        cell = table.cells[name][at]
        raise TableError(
            f"column {quoted(name)}, line {table.lines[at]}: {quoted(cell)} is not a number"
        )
    return read.values


def _chosen(available: int, rows: int, seed: int) -> np.ndarray:
    """Places of at most so many rows, in their order."""
    if available <= rows:
        return np.arange(available)
    return np.sort(np.random.default_rng(seed).choice(available, rows, replace=False))
