"""From a table to a trained network and its run: the whole way in one call."""

import os
import platform
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.layers import Dense
from chainrule.network import Network
from chainrule.optimizers import Adam
from chainrule.tables.columns import Column, read_column
from chainrule.tables.errors import TableError, quoted
from chainrule.tables.evaluation import Evaluation, evaluate_classes, evaluate_numbers
from chainrule.tables.options import Options
from chainrule.tables.preprocessing import Preprocessing
from chainrule.tables.reading import Table, read_table
from chainrule.tables.splitting import hold_out
from chainrule.tables.task import Target, read_target
from chainrule.tables.writing import RunDirectory
from chainrule.training.history import DivergedError, Result
from chainrule.training.trainer import train

METRICS = {"binary": "accuracy", "multiclass": "accuracy", "regression": "r2"}


@dataclass(frozen=True)
class Plan:
    """What a fit is about to do: how the table was read, and what is asked.

    Attributes:
        file: the table's file, as given.
        delimiter: of its cells.
        columns: how each was read, the target left out.
        target: what is learned.
        train: the indices of the training rows among those with a target.
        held: the indices of those held out.
        options: the choices.
    """

    file: str
    delimiter: str
    columns: tuple[Column, ...]
    target: Target
    train: np.ndarray
    held: np.ndarray
    options: Options

    @property
    def rows_without_target(self) -> int:
        return int((~self.target.rows).sum())


@dataclass(frozen=True)
class Run:
    """What a fit leaves behind.

    Attributes:
        path: the directory.
        plan: what was done.
        network: trained.
        preprocessing: what turns columns into its inputs.
        result: of the training.
        evaluation: on the held-out rows.
    """

    path: Path
    plan: Plan
    network: Network
    preprocessing: Preprocessing
    result: Result
    evaluation: Evaluation

    @property
    def network_path(self) -> Path:
        return self.path / "network.safetensors"

    @property
    def interrupted(self) -> bool:
        return self.result.stopped == "interrupted"

    def to_dict(self) -> dict[str, Any]:
        """A summary for programs."""
        return {
            "run": str(self.path),
            "network": str(self.network_path),
            "target": self.plan.target.name,
            "task": self.plan.target.task,
            "training_rows": len(self.plan.train),
            "epochs": self.result.history.epochs,
            "stopped": self.result.stopped,
            "evaluation": self.evaluation.to_dict(),
        }


def fit_table(
    path: str | os.PathLike[str],
    target: str,
    *,
    task: str = "auto",
    hidden: Sequence[int] = (64, 64),
    activation: str = "relu",
    epochs: int = 100,
    batch_size: int = 32,
    learning_rate: float = 0.001,
    seed: int = 0,
    test_share: float = 0.2,
    out: str | os.PathLike[str] | None = None,
    prepared: Callable[[Plan], None] | None = None,
    progress: bool = False,
) -> Run:
    """Read a table, train a network on its target, evaluate it, and write the run's directory.

    Args:
        path: of a file of delimited text with a header.
        target: the name of the column to predict.
        task: ``auto``, ``binary``, ``multiclass`` or ``regression``.
        hidden: the sizes of the hidden layers.
        activation: of the hidden layers.
        epochs: passes over the training rows.
        batch_size: rows of a batch.
        learning_rate: of Adam.
        seed: of the held-out rows, the initial parameters and the shuffles.
        test_share: the share of the rows that is held out.
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
    options = Options(
        task, hidden, activation, epochs, batch_size, learning_rate, seed, test_share
    )  # fmt: skip
    table = read_table(path)
    directory = RunDirectory(out, Path(path).stem)
    plan = make_plan(table, target, options)
    preprocessing = Preprocessing.fitted(plan.columns, plan.train)
    if prepared is not None:
        prepared(plan)
    scale = _scale(plan)
    network, result = _trained(plan, preprocessing, scale, progress)
    outputs = network.predict(preprocessing.inputs(plan.held))
    if not np.isfinite(outputs).all():  # the last step was too large: no later one could tell
        raise DivergedError(result.state.step if result.state else 0, learning_rate, result)
    evaluation = _evaluated(plan, outputs, scale)
    summary = {"stopped": result.stopped, "epochs": result.history.epochs}
    place = directory.write(
        network,
        _config(plan, network, preprocessing, scale),
        result.history,
        evaluation.to_dict() | summary,
    )
    return Run(place, plan, network, preprocessing, result, evaluation)


def make_plan(table: Table, target: str, options: Options) -> Plan:
    """Understand a table: target, task, columns, and which rows are held out.

    Raises:
        TableError: if no network can be trained on it.
    """
    goal = read_target(table, target, options.task)
    lines = table.lines[goal.rows]
    columns = tuple(
        read_column(name, cells[goal.rows], lines, table.delimiter)
        for name, cells in table.cells.items()
        if name != target
    )
    if all(column.kind == "dropped" for column in columns):
        raise TableError(_no_features(target, columns))
    labels = goal.values if goal.classes else None
    train_rows, held = hold_out(len(lines), options.test_share, options.seed, labels)
    return Plan(table.file, table.delimiter, columns, goal, train_rows, held, options)


def _no_features(target: str, columns: Sequence[Column]) -> str:
    if not columns:
        return f"the table has no column but the target {quoted(target)}"
    reasons = [f"{quoted(column.name)} ({column.detail})" for column in columns[:5]]
    more = f" and {len(columns) - 5} more" if len(columns) > 5 else ""
    return f"no column can be used as a feature: {', '.join(reasons)}{more}"


def _scale(plan: Plan) -> tuple[float, float] | None:
    """Mean and deviation of a numeric target over the training rows."""
    if plan.target.classes:
        return None
    values = plan.target.values[plan.train]
    return float(values.mean()), float(values.std()) or 1.0


def _trained(
    plan: Plan, preprocessing: Preprocessing, scale: tuple[float, float] | None, progress: bool
) -> tuple[Network, Result]:
    target, options = plan.target, plan.options
    values = target.values
    if target.task == "binary":
        last, loss = Dense(1, "logistic"), "binary_cross_entropy"
    elif target.task == "multiclass":
        last, loss = Dense(len(target.classes), "softmax"), "cross_entropy"
    else:
        assert scale is not None
        last, loss = Dense(1, "linear"), "mse"
        values = ((values - scale[0]) / scale[1]).astype(np.float32)
    X, X_held = preprocessing.inputs(plan.train), preprocessing.inputs(plan.held)
    layers = [*options.layers(), last]
    network = Network(layers, loss, inputs=X.shape[1], seed=options.seed)
    with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
        # An interruption is told by the result, and figures that overflow by DivergedError.
        warnings.filterwarnings("ignore", "training was interrupted", UserWarning)
        result = train(
            network, X, values[plan.train],
            optimizer=Adam(options.learning_rate), epochs=options.epochs,
            batch_size=options.batch_size, seed=options.seed,
            validation_data=(X_held, values[plan.held]), metrics=[METRICS[target.task]],
            progress=progress,
        )  # fmt: skip
    return network, result


def _evaluated(plan: Plan, outputs: np.ndarray, scale: tuple[float, float] | None) -> Evaluation:
    target = plan.target
    trained, held = target.values[plan.train], target.values[plan.held]
    if scale is None:
        return evaluate_classes(outputs, held, trained, target.classes)
    return evaluate_numbers(outputs[:, 0].astype(np.float64) * scale[1] + scale[0], held, trained)


def _config(
    plan: Plan, network: Network, preprocessing: Preprocessing, scale: tuple[float, float] | None
) -> dict[str, Any]:
    """Everything that was decided, for people and programs to read."""
    target = plan.target
    return {
        "versions": _versions(),
        "file": plan.file,
        "delimiter": plan.delimiter,
        "options": plan.options.to_dict(),
        "target": {
            "column": target.name,
            "task": target.task,
            "detail": target.detail,
            "classes": list(target.classes),
            "mean": scale[0] if scale else None,
            "scale": scale[1] if scale else None,
        },
        "rows": {
            "without_target": plan.rows_without_target,
            "training": len(plan.train),
            "held_out": len(plan.held),
        },
        "columns": [
            {
                "column": column.name,
                "read_as": column.kind,
                "detail": column.detail,
                "missing": column.missing,
            }
            for column in plan.columns
        ],
        "preprocessing": preprocessing.figures(),
        "network": network.to_dict(),
    }


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    packages = ("chainrule", "numpy", "numba", "scikit-learn", "pandas")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
