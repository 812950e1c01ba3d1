"""What a fit is about to do: the table understood, and the rows divided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from chainrule.losses import Loss
from chainrule.tables.columns import Column, read_column
from chainrule.tables.configuration import Configuration
from chainrule.tables.errors import TableError, quoted
from chainrule.tables.options import Options
from chainrule.tables.reading import Table
from chainrule.tables.splitting import check_folds, hold_out
from chainrule.tables.task import Target, read_target


@dataclass(frozen=True)
class Plan:
    """What a fit is about to do: how the table was read, and what is asked.

    Attributes:
        file: the table's file, as given.
        delimiter: of its cells.
        columns: how each was read, the target left out.
        target: what is learned.
        loss: what is minimised.
        train: the indices of the training rows among those with a target.
        held: the indices of those held out; none with folds or a test table.
        options: the choices.
        metric: the figure that counts.
        sources: the paths of the tables, ``file`` and ``test``, where they came from files.
    """

    file: str
    delimiter: str
    columns: tuple[Column, ...]
    target: Target
    loss: Loss
    train: np.ndarray
    held: np.ndarray
    options: Options
    metric: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows_without_target(self) -> int:
        return int((~self.target.rows).sum())

    @property
    def values(self) -> dict[str, np.ndarray]:
        """The values of the features."""
        return {c.name: c.values for c in self.columns if c.kind != "dropped"}


def configuration_of(plan: Plan) -> Configuration:
    """What was asked for, resolved."""
    return Configuration(
        plan.sources.get("file", ""), plan.target.name, plan.sources.get("test"), plan.metric,
        options=plan.options,
    )  # fmt: skip


def make_plan(table: Table, target: str, options: Options, whole: bool = False) -> Plan:
    """Understand a table: target, task, columns, and which rows are held out.

    Args:
        table: to learn from.
        target: the column to predict.
        options: the choices.
        whole: whether all rows are to be trained on.

    Raises:
        TableError: if no network can be trained on it.
    """
    goal = read_target(table, target, options.task)
    loss = options.loss_for(goal.task)
    lines = table.lines[goal.rows]
    if options.folds and not whole:
        check_folds(len(lines), options.folds)
    columns = tuple(
        read_column(name, cells[goal.rows], lines, table.delimiter, name in table.texts)
        for name, cells in table.cells.items()
        if name != target
    )
    if all(column.kind == "dropped" for column in columns):
        raise TableError(_no_features(target, columns))
    if loss.targets[0] >= 0 and goal.task == "regression":
        _check_not_negative(goal, loss)
    labels = goal.values if goal.classes else None
    train_rows, held = np.arange(len(lines)), np.arange(0)
    if not whole and not options.folds:
        train_rows, held = hold_out(len(lines), options.test_share, options.seed, labels)
    return Plan(table.file, table.delimiter, columns, goal, loss, train_rows, held, options)


def _check_not_negative(target: Target, loss: Loss) -> None:
    least = float(target.values.min())
    if least < 0 or (loss.positive and least == 0):
        needs = "positive" if loss.positive else "not negative"
        raise TableError(
            f"the loss {str(loss)!r} needs targets that are {needs}, and {quoted(target.name)} "
            f"goes down to {least:g}"
        )


def _no_features(target: str, columns: Sequence[Column]) -> str:
    if not columns:
        return f"the table has no column but the target {quoted(target)}"
    reasons = [f"{quoted(column.name)} ({column.detail})" for column in columns[:5]]
    more = f" and {len(columns) - 5} more" if len(columns) > 5 else ""
    return f"no column can be used as a feature: {', '.join(reasons)}{more}"
