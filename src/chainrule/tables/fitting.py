"""From a table to a trained model and its run: the whole way in one call."""

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.losses import Loss
from chainrule.tables.columns import Column, read_column
from chainrule.tables.errors import TableError, quoted
from chainrule.tables.evaluation import Evaluation, evaluate
from chainrule.tables.learning import Examples, layers_for, learn
from chainrule.tables.model import Goal, TableModel
from chainrule.tables.options import Options
from chainrule.tables.preprocessing import Preprocessing
from chainrule.tables.reading import Table
from chainrule.tables.sources import table_of
from chainrule.tables.splitting import fold_rows, hold_out
from chainrule.tables.task import Target, read_later_target, read_target
from chainrule.tables.writing import RunDirectory
from chainrule.training.history import DivergedError, Result


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
    """

    file: str
    delimiter: str
    columns: tuple[Column, ...]
    target: Target
    loss: Loss
    train: np.ndarray
    held: np.ndarray
    options: Options

    @property
    def rows_without_target(self) -> int:
        return int((~self.target.rows).sum())

    @property
    def values(self) -> dict[str, np.ndarray]:
        """The values of the features."""
        return {c.name: c.values for c in self.columns if c.kind != "dropped"}


@dataclass(frozen=True)
class Fitted:
    """A model, and what happened on the way.

    Attributes:
        plan: what was done.
        model: ready for other rows.
        results: of the training of each network.
        evaluation: on rows that it did not learn from.
    """

    plan: Plan
    model: TableModel
    results: tuple[Result, ...]
    evaluation: Evaluation

    @property
    def interrupted(self) -> bool:
        return any(result.stopped == "interrupted" for result in self.results)


@dataclass(frozen=True)
class Run:
    """What a fit leaves behind.

    Attributes:
        path: the directory.
        fitted: the model and what is known of it.
    """

    path: Path
    fitted: Fitted

    @property
    def model_path(self) -> Path:
        return self.path / "model.chainrule"

    def to_dict(self) -> dict[str, Any]:
        """A summary for programs."""
        fitted, plan = self.fitted, self.fitted.plan
        return {
            "run": str(self.path),
            "model": str(self.model_path),
            "target": plan.target.name,
            "task": plan.target.task,
            "training_rows": len(plan.train),
            "epochs": max(result.history.epochs for result in fitted.results),
            "stopped": fitted.results[0].stopped,
            "evaluation": fitted.evaluation.to_dict(),
        }


def table_model(data: Any, target: str, **options: Any) -> TableModel:
    """A model of a table, in one call: columns read, encoded and scaled, a network trained.

    Args:
        data: the path of a file, or a data frame.
        target: the name of the column to predict.
        **options: as :class:`~chainrule.tables.options.Options` has them.

    Returns:
        The model; ``model.predict(other)`` takes tables alike, ``model.about["evaluation"]`` is
        what it is worth on rows held out.

    Raises:
        TableError: for anything about the table or the choices that cannot be served.
        DivergedError: if the loss overflows.

    >>> import chainrule as cr, numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> frame = pd.DataFrame({"size": rng.uniform(1, 9, 80), "colour": ["red", "blue"] * 40})
    >>> frame["price"] = 3 * frame["size"] + (frame["colour"] == "red")
    >>> model = cr.table_model(frame, "price", epochs=150)
    >>> bool(abs(model.predict(frame.head(1)).values[0] - frame["price"][0]) < 1.5)
    True
    """
    fitted = fit(table_of(data), target, Options(**options))
    about = dict(fitted.model.about) | {"evaluation": fitted.evaluation.to_dict()}
    return replace(fitted.model, about=about)


def fit_table(
    data: Any, target: str, options: Options | None = None, *, test: Any = None,
    out: str | os.PathLike[str] | None = None, prepared: Callable[[Plan], None] | None = None,
    progress: bool = False,
) -> Run:  # fmt: skip
    """Read a table, train on its target, evaluate, and write the run's directory.

    Args:
        data: the path of a file, or a data frame.
        target: the name of the column to predict.
        options: the choices.
        test: another table to evaluate on, in place of rows held out.
        out: the directory to write, empty or not there; by default ``runs/<stem>-<n>``.
        prepared: called with the plan, before the training.
        progress: whether to show the training's progress, on standard error.

    Returns:
        The run, as it was written. Ctrl-C ends the training, not the rest.

    Raises:
        TableError: for anything about the table or the choices that cannot be served, before
            any training; nothing is written then.
        DivergedError: if the loss overflows; nothing is written either.
    """
    options = options or Options()
    table = table_of(data)
    directory = RunDirectory(out, Path(table.file).name.partition(".")[0])
    fitted = fit(table, target, options, test=test, prepared=prepared, progress=progress)
    return Run(directory.write(fitted), fitted)


def fit(
    table: Table, target: str, options: Options, *, test: Any = None,
    prepared: Callable[[Plan], None] | None = None, progress: bool = False,
) -> Fitted:  # fmt: skip
    """Train a model on a table and evaluate it; see :func:`fit_table`."""
    other = None if test is None else table_of(test)
    plan = make_plan(table, target, options, whole=other is not None)
    tested = None if other is None else read_later_target(other, plan.target)
    if prepared is not None:
        prepared(plan)
    folds = []
    if options.folds and other is None:
        labels = plan.target.values if plan.target.classes else None
        for rows in fold_rows(len(plan.train), options.folds, options.seed, labels):
            part = replace(plan, train=np.setdiff1d(plan.train, rows), held=rows)
            model, _ = _trained(part, options, False)
            folds.append(_judged(model, part))
    model, results = _trained(plan, options, progress)
    if folds:
        evaluation = evaluate(plan.target, folds, plan.target.values[plan.train])
    elif other is not None and tested is not None:
        predicted = model.predict(_rows_of(other, tested[0]))
        evaluation = evaluate(
            plan.target, [(predicted, tested[1])], plan.target.values[plan.train]
        )  # fmt: skip
    else:
        evaluation = evaluate(
            plan.target, [_judged(model, plan)], plan.target.values[plan.train]
        )  # fmt: skip
    return Fitted(plan, model, tuple(results), evaluation)


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


def _goal(plan: Plan) -> Goal:
    """What is predicted, with the scale of numbers over the training rows."""
    target = plan.target
    if target.classes:
        return Goal(target.name, target.task, target.classes)
    values = target.values[plan.train]
    if plan.loss.targets[0] >= 0:  # a factor alone keeps the sign
        return Goal(target.name, target.task, (), 0.0, float(values.mean()) or 1.0)
    return Goal(target.name, target.task, (), float(values.mean()), float(values.std()) or 1.0)


def _trained(plan: Plan, options: Options, progress: bool) -> tuple[TableModel, list[Result]]:
    goal = _goal(plan)
    preprocessing = Preprocessing.fitted(
        plan.columns, plan.train, options.scaling, options.one_hot
    )  # fmt: skip
    X = preprocessing.inputs(plan.values)
    y = plan.target.values
    if not goal.classes:
        y = ((y - goal.mean) / goal.scale).astype(np.float32)
    rows = Examples(X, y)
    layers = layers_for(
        options, plan.loss, goal.task, len(goal.classes), preprocessing.embedding()
    )  # fmt: skip
    networks, results = learn(
        layers, plan.loss, goal.task, options, rows.some(plan.train),
        rows.some(plan.held) if plan.held.size else None, progress=progress,
    )  # fmt: skip
    dropped = tuple(c.name for c in plan.columns if c.kind == "dropped")
    model = TableModel(goal, preprocessing, tuple(networks), dropped, _about(plan))
    outputs = model.outputs(X)
    if not np.isfinite(outputs).all():  # the last step was too large: no later one could tell
        last = results[0]
        raise DivergedError(last.state.step if last.state else 0, options.learning_rate, last)
    return model, results


def _judged(model: TableModel, plan: Plan) -> tuple[Any, np.ndarray]:
    """Predictions for the rows held out, and their targets."""
    values = {name: found[plan.held] for name, found in plan.values.items()}
    outputs = model.outputs(model.preprocessing.inputs(values))
    return model.read_outputs(outputs), plan.target.values[plan.held]


def _rows_of(table: Table, rows: np.ndarray) -> Table:
    cells = {name: found[rows] for name, found in table.cells.items()}
    return replace(table, cells=cells, lines=table.lines[rows])


def _about(plan: Plan) -> dict[str, Any]:
    """Everything that was decided, for people and programs to read."""
    return {
        "versions": _versions(),
        "file": plan.file,
        "delimiter": plan.delimiter,
        "options": plan.options.to_dict(),
        "loss": str(plan.loss),
        "rows": {
            "without_target": plan.rows_without_target,
            "training": len(plan.train),
            "held_out": len(plan.held),
        },
    }


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    packages = ("chainrule", "numpy", "numba", "scikit-learn", "pandas")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
