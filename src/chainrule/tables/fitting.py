"""From a table to a trained model and its run: the whole way in one call."""

import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.tables.configuration import (
    Configuration,
    check_checkpoints,
    check_recording,
)
from chainrule.tables.errors import TableError
from chainrule.tables.evaluation import Evaluation, check_figure, evaluate, figures_of
from chainrule.tables.files import SUFFIX
from chainrule.tables.learning import Examples, layers_for, learn
from chainrule.tables.model import Goal, Predictions, TableModel, read_features
from chainrule.tables.options import Options
from chainrule.tables.planning import Plan, make_plan
from chainrule.tables.preprocessing import Preprocessing
from chainrule.tables.reading import Table
from chainrule.tables.sources import table_of
from chainrule.tables.splitting import fold_rows
from chainrule.tables.task import Target, read_later_target
from chainrule.tables.unfinished import Unfinished
from chainrule.tables.writing import RunDirectory, check_names
from chainrule.training.callbacks import Callback
from chainrule.training.history import DivergedError, Result
from chainrule.training.resuming import SavedTraining


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
        return self.path / f"model{SUFFIX}"

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
            "metric": plan.metric,
            "better_than_the_guess": fitted.evaluation.better(plan.metric),
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
    fitted = fit(table_of(data), target, Options.of(options))
    about = dict(fitted.model.about) | {"evaluation": fitted.evaluation.to_dict()}
    return replace(fitted.model, about=about)


def fit_table(
    data: Any, target: str, options: Options | None = None, *, test: Any = None,
    metric: str | None = None, out: str | os.PathLike[str] | None = None,
    checkpoint_every: int = 0, record: bool = False,
    prepared: Callable[[Plan, Preprocessing], None] | None = None, progress: bool = False,
) -> Run:  # fmt: skip
    """Read a table, train on its target, evaluate, and write the run's directory.

    Args:
        data: the path of a file, or a data frame.
        target: the name of the column to predict.
        options: the choices.
        test: another table to evaluate on, in place of rows held out.
        metric: the figure that counts; by default the first of the task's.
        out: the directory to write, empty or not there; by default ``runs/<stem>-<n>``.
        checkpoint_every: epochs from one checkpoint to the next, in ``<out>.unfinished``; from
            there :func:`resume_table` goes on. 0 for none; tables must be files otherwise.
        record: whether the training is recorded, so that each of its steps can be looked at.
        prepared: called with the plan and what is done with each column, before the training.
        progress: whether to show the training's progress, on standard error.

    Returns:
        The run, as it was written. Ctrl-C ends the training, not the rest.

    Raises:
        TableError: for anything about the table or the choices that cannot be served, before
            any training; nothing is written then.
        DivergedError: if the loss overflows; nothing is written either.
        KeyboardInterrupt: for Ctrl-C in a cross-validation, where nothing is written, or with
            checkpoints, which stay.
    """
    options = Options() if options is None else options
    if not isinstance(options, Options):
        raise TableError(f"options must be Options, not {type(options).__name__}")
    paths = [None if one is None else _path_of(one) for one in (data, test)]
    check_checkpoints(checkpoint_every, options)
    if checkpoint_every and "" in paths:
        raise TableError(
            "checkpoint_every needs tables in files: a fit of a data frame cannot be gone on with"
        )
    check_recording(record, checkpoint_every, options)
    asked = Configuration(
        paths[0] or "", target, paths[1], metric, None, checkpoint_every, options
    )  # fmt: skip
    table, other = table_of(data), None if test is None else table_of(test)
    directory = RunDirectory(out, table.stem)
    check_names(directory.place, [path for path in paths if path])
    unfinished = directory.with_checkpoints() if checkpoint_every else None
    return _run(asked, table, other, directory, unfinished, prepared, progress, record)


def _path_of(data: Any) -> str:
    """Where a table is; nowhere if it came as a data frame."""
    return os.fspath(data) if isinstance(data, str | os.PathLike) else ""


def resume_table(
    out: str | os.PathLike[str], *, prepared: Callable[[Plan, Preprocessing], None] | None = None,
    progress: bool = False,
) -> Run:  # fmt: skip
    """Go on with a fit that was killed; it ends as if it had not been, bit for bit.

    Args:
        out: the directory of its run, or ``<out>.unfinished``.
        prepared: as in :func:`fit_table`.
        progress: as in :func:`fit_table`.

    Raises:
        TableError: if there is no such fit, or its table is another one now.
    """
    unfinished = Unfinished(out)
    asked = Configuration.of(unfinished.read())
    table, other = table_of(asked.file), None if asked.test is None else table_of(asked.test)
    directory = RunDirectory(unfinished.out, "", unfinished=True)
    return _run(asked, table, other, directory, unfinished, prepared, progress)


def _run(
    asked: Configuration, table: Table, other: Table | None, directory: RunDirectory,
    unfinished: Unfinished | None, prepared: Callable[[Plan, Preprocessing], None] | None,
    progress: bool, record: bool = False,
) -> Run:  # fmt: skip
    callbacks: list[Callback] = []
    saved = None
    if unfinished is not None:
        callbacks, saved = [unfinished.checkpoint(asked.checkpoint_every)], unfinished.saved()

    def begin(plan: Plan, preprocessing: Preprocessing) -> None:
        if unfinished is not None:
            unfinished.begin(asked, *([table] if other is None else [table, other]))
        if prepared is not None:
            prepared(plan, preprocessing)

    sources = {"file": asked.file, "test": asked.test}
    try:
        fitted = fit(
            table, asked.target, asked.options, test=other, metric=asked.metric,
            sources={name: path for name, path in sources.items() if path}, prepared=begin,
            progress=progress, callbacks=callbacks, saved=saved, record=record,
        )  # fmt: skip
    except DivergedError:
        if unfinished is not None:
            unfinished.remove()
        raise
    if unfinished is not None and fitted.interrupted:
        raise KeyboardInterrupt(f"go on with --resume {unfinished.out}")
    run = Run(directory.write(fitted), fitted)
    if unfinished is not None:
        unfinished.remove()
    return run


def fit(
    table: Table, target: str, options: Options, *, test: Any = None, metric: str | None = None,
    sources: Mapping[str, str] | None = None,
    prepared: Callable[[Plan, Preprocessing], None] | None = None, progress: bool = False,
    callbacks: Sequence[Callback] = (), saved: SavedTraining | None = None, record: bool = False,
) -> Fitted:  # fmt: skip
    """Train a model on a table and evaluate it; see :func:`fit_table`.

    Args:
        table: to learn from.
        target: the column to predict.
        options: the choices.
        test: another table to evaluate on.
        metric: the figure that counts.
        sources: the paths of the tables.
        prepared: called before the training.
        progress: whether to show it.
        callbacks: of the training of a single network on all training rows.
        saved: a checkpoint of that training to go on from.
        record: whether that training is recorded.
    """
    other = None if test is None else table_of(test)
    plan = make_plan(table, target, options, whole=other is not None)
    if metric is not None:
        check_figure(metric, bool(plan.target.classes))
    first = next(iter(figures_of(bool(plan.target.classes))))
    plan = replace(plan, metric=metric or first, sources=sources or {})
    preprocessing = _preprocessing(plan)
    tested = None if other is None else _tested(other, plan.target, preprocessing)
    if prepared is not None:
        prepared(plan, preprocessing)
    trained = plan.target.values[plan.train]
    folds = _folds(plan, options, progress) if options.folds and other is None else []
    if progress and options.ensemble > 1:
        print(f"{options.ensemble} networks side by side", file=sys.stderr)
    done = _trained(plan, preprocessing, options, progress, callbacks, saved, record)
    model = done.model
    if tested is not None:
        inputs = preprocessing.inputs(tested.values)
        predicted = model.read_outputs(model.outputs(inputs))
        if plan.target.classes:
            predicted.check_finite(tested.lines)
        judged = [(predicted, tested.true)]
    else:
        judged = folds or done.judged
    evaluation = evaluate(plan.target, judged, trained)
    return Fitted(plan, model, tuple(done.results), evaluation)


@dataclass(frozen=True)
class _Tested:
    """The rows of a test table that have a target: values of the features, truths, lines."""

    values: Mapping[str, np.ndarray]
    true: np.ndarray
    lines: np.ndarray


def _tested(table: Table, target: Target, preprocessing: Preprocessing) -> _Tested:
    """Read a test table: what it lacks is told before the training."""
    rows, true = read_later_target(table, target)
    part = table.some(rows)
    return _Tested(read_features(preprocessing.readings, part), true, part.lines)


def _folds(plan: Plan, options: Options, progress: bool) -> list[tuple[Predictions, np.ndarray]]:
    """Predictions and targets of each fold, by a model of the others.

    Raises:
        KeyboardInterrupt: for Ctrl-C: what some folds say is not what was asked for.
    """
    labels = plan.target.values if plan.target.classes else None
    judged: list[tuple[Predictions, np.ndarray]] = []
    for rows in fold_rows(len(plan.train), options.folds, options.seed, labels):
        if progress:
            print(f"fold {len(judged) + 1} of {options.folds}", file=sys.stderr)
        part = replace(plan, train=np.setdiff1d(plan.train, rows), held=rows)
        done = _trained(part, _preprocessing(part), options, False)
        if any(result.stopped == "interrupted" for result in done.results):
            raise KeyboardInterrupt
        judged += done.judged
    return judged


def _goal(plan: Plan) -> Goal:
    """What is predicted, with the scale of numbers over the training rows."""
    target = plan.target
    if target.classes:
        return Goal(target.name, target.task, target.classes)
    values = target.values[plan.train]
    if plan.loss.targets[0] >= 0:  # a factor alone keeps the sign
        return Goal(target.name, target.task, (), 0.0, float(values.mean()) or 1.0)
    return Goal(target.name, target.task, (), float(values.mean()), float(values.std()) or 1.0)


def _preprocessing(plan: Plan) -> Preprocessing:
    return Preprocessing.fitted(
        plan.columns, plan.train, plan.options.scaling, plan.options.one_hot
    )  # fmt: skip


def examples_of(plan: Plan, preprocessing: Preprocessing, goal: Goal) -> Examples:
    """All rows with a target, as a network takes them."""
    y = plan.target.values
    if not goal.classes:
        y = ((y - goal.mean) / goal.scale).astype(np.float32)
    return Examples(preprocessing.inputs(plan.values), y)


@dataclass(frozen=True)
class _Trained:
    """A model, how its networks were trained, and what it says of the rows held out, if any."""

    model: TableModel
    results: list[Result]
    judged: list[tuple[Predictions, np.ndarray]]


def _trained(
    plan: Plan, preprocessing: Preprocessing, options: Options, progress: bool,
    callbacks: Sequence[Callback] = (), saved: SavedTraining | None = None, record: bool = False,
) -> _Trained:  # fmt: skip
    goal = _goal(plan)
    rows = examples_of(plan, preprocessing, goal)
    X = rows.X
    layers = layers_for(
        options, plan.loss, goal.task, len(goal.classes), preprocessing.embedding()
    )  # fmt: skip
    networks, results = learn(
        layers, plan.loss, goal.task, options, rows.some(plan.train),
        rows.some(plan.held) if plan.held.size else None, progress=progress,
        callbacks=callbacks, saved=saved, record=record,
    )  # fmt: skip
    dropped = tuple(c.name for c in plan.columns if c.kind == "dropped")
    model = TableModel(goal, preprocessing, tuple(networks), dropped, _about(plan))
    learned = model.read_outputs(model.outputs(X[plan.train]))
    judged = []
    if plan.held.size:
        judged = [(model.read_outputs(model.outputs(X[plan.held])), plan.target.values[plan.held])]
    # The last step was too large: no later one could tell. A number held out may be far off.
    bounded = [learned, *(held for held, _ in judged if goal.classes)]
    if not all(predictions.finite.all() for predictions in bounded):
        last = results[0]
        raise DivergedError(last.state.step if last.state else 0, options.learning_rate, last)
    return _Trained(model, results, judged)


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
