"""What the page says in words: the verdict, the data, the network, the figures."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from chainrule.layers import Layer
from chainrule.network import Network
from chainrule.report.bars import Bar, bars
from chainrule.report.columns import Spark, spark_of
from chainrule.report.curves import epochs_of
from chainrule.report.words import figure as number
from chainrule.report.words import named, percent, score, shown
from chainrule.tables.errors import counted
from chainrule.tables.evaluation import Evaluation, without_errors
from chainrule.tables.fitting import Fitted
from chainrule.tables.options import Options
from chainrule.tables.planning import Plan
from chainrule.tables.reading import DELIMITERS

MOST_CLASSES = 10  # whose numbers of rows are drawn

#: How figures are called, and what they say.
FIGURES = {
    "accuracy": ("Accuracy", "the share of the rows whose class is right"),
    "balanced_accuracy": (
        "Balanced accuracy", "the same, with each class counting alike however rare it is",
    ),
    "f1_macro": ("F1, mean of classes", "finding a class and being right about it, in one figure"),
    "log_loss": ("Log loss", "how surprised the probabilities are by the truth; 0 is best"),
    "roc_auc": ("ROC AUC", "how well a class is ranked above the others; ½ is chance, 1 is best"),
    "rmse": ("RMSE", "the usual size of an error; large ones weigh more"),
    "mae": ("MAE", "the mean size of an error"),
    "r2": ("R²", "the share of the variance that is explained; 1 is best"),
}  # fmt: skip
SHARES = ("accuracy", "balanced_accuracy")
IN_UNITS = ("rmse", "mae")  # of the target
FIRST = {True: ("accuracy", "balanced_accuracy", "roc_auc"), False: ("rmse", "mae", "r2")}


@dataclass(frozen=True)
class Figure:
    """A figure beside that of the guess."""

    name: str
    meaning: str
    model: str
    spread: str
    guess: str
    better: bool


@dataclass(frozen=True)
class LayerRow:
    """A row of the table of layers."""

    path: str
    what: str
    outputs: int
    parameters: str


def verdict_of(fitted: Fitted) -> str:
    """In two sentences, what the model does and how well."""
    evaluation, goal = fitted.evaluation, fitted.model.goal
    name, guess = shown(goal.name), evaluation.guess
    rows = judged_on(fitted)
    if goal.classes:
        mine, other = (f["accuracy"] for f in (evaluation.figures, evaluation.guess_figures))
        few = len(goal.classes) <= 4
        which = named(goal.classes, 4) if few else f"{len(goal.classes)} classes"
        return (
            f"The model tells “{name}” ({which}) from the other columns. On {rows}, it is right in "
            f"{percent(mine)} of the cases; always saying “{shown(guess, 24)}” would be right in "
            f"{percent(other)}."
        )
    mine, other = (f["mae"] for f in (evaluation.figures, evaluation.guess_figures))
    return (
        f"The model computes “{name}” from the other columns. On {rows}, it is off by "
        f"{number(mine)} on average; always saying the mean, {number(float(guess))}, would be off "
        f"by {number(other)}."
    )


def judged_on(fitted: Fitted) -> str:
    """Which rows the figures are of."""
    count, plan = fitted.evaluation.rows, fitted.plan
    rows = "1 row" if count == 1 else f"{count:,} rows"
    if fitted.evaluation.spread:
        return f"{rows}, each judged by the model of a fold that had not seen it"
    if plan.held.size:
        return f"{rows} that were held out and that it had not seen"
    return f"{rows} of another table, kept for the test"


def warnings_of(fitted: Fitted) -> list[str]:
    """What a reader must know before the figures."""
    found, evaluation = [], fitted.evaluation
    histories = [result.history for result in fitted.results]
    if fitted.interrupted:
        found.append(
            f"The training was interrupted after epoch {epochs_of(histories)} of "
            f"{fitted.plan.options.epochs}; everything here is of the model as it was then."
        )
    first = next(iter(evaluation.figures))
    if evaluation.infinite:
        found.append(f"{without_errors(evaluation)}.")
    elif not evaluation.better(first):
        found.append(
            f"By its {FIGURES[first][0]} the model is no better than the simplest guess: the "
            "columns may say nothing about the target, or the training needs other choices."
        )
    if evaluation.rows < 30:
        found.append(
            f"Only {counted(evaluation.rows, 'row')} could be judged: another choice of rows may "
            "give quite different figures."
        )
    return found


def tiles_of(evaluation: Evaluation) -> list[Figure]:
    """The figures that stand at the top."""
    every = {figure.name: figure for figure in figures_of(evaluation)}
    names = [FIGURES[name][0] for name in FIRST[bool(evaluation.classes)]]
    return [every[name] for name in names if name in every]


def figures_of(evaluation: Evaluation) -> list[Figure]:
    """Every figure, with the guess's."""
    return [_figure(evaluation, name) for name in evaluation.figures]


def _figure(evaluation: Evaluation, name: str) -> Figure:
    say = percent if name in SHARES else number if name in IN_UNITS else score
    called, meaning = FIGURES.get(name, (name, ""))
    return Figure(
        called, meaning, say(evaluation.figures[name]),
        say(evaluation.spread[name]) if evaluation.spread else "",
        say(evaluation.guess_figures[name]), evaluation.better(name),
    )  # fmt: skip


def data_of(plan: Plan) -> list[tuple[str, str]]:
    """The table in pairs of words."""
    used = [column for column in plan.columns if column.kind != "dropped"]
    dropped = len(plan.columns) - len(used)
    columns = f"{counted(len(used), 'column')} to learn from"
    cells = len(plan.target.values) * len(used)
    missing = sum(column.missing for column in used)
    rows = f"{len(plan.train):,} to train on"
    if plan.held.size:
        rows += f", {len(plan.held):,} held out"
    divided = f", cells divided by {DELIMITERS[plan.delimiter]}s" if plan.delimiter else ""
    pairs = [
        ("Table", shown(plan.file, 120) + divided),
        ("Rows", rows),
        ("Columns", columns + (f", {dropped} left out" if dropped else "")),
        ("Missing cells", f"{missing:,} of {cells:,} ({percent(missing / max(cells, 1))})"),
        ("Target", f"{shown(plan.target.name)}: {plan.target.detail}; a {plan.target.task} task"),
    ]
    if plan.rows_without_target:
        pairs.insert(2, ("Without a target", f"{counted(plan.rows_without_target, 'row')}, unused"))
    return pairs


def target_of(plan: Plan) -> tuple[list[Bar], Spark | None]:
    """How often each class is there, or the distribution of the numbers."""
    values, classes = plan.target.values, plan.target.classes
    if not classes:
        return [], spark_of(values)
    counts = np.bincount(values, minlength=len(classes))
    order = np.argsort(-counts, kind="stable")[:MOST_CLASSES]
    return bars(
        [shown(classes[k], 32) for k in order], [float(counts[k]) for k in order],
        [f"{counts[k]:,} ({percent(counts[k] / len(values))})" for k in order],
    ), None  # fmt: skip


def layers_of(network: Network) -> list[LayerRow]:
    """The layers with their sizes."""
    rows, columns = [], network.inputs
    for layer, path in zip(network.layers, network.paths, strict=True):
        own = layer.parameters(columns)
        columns = layer.outputs(columns)
        size = sum(int(np.prod(p.shape)) for p in own)
        rows.append(LayerRow(path, _described(layer), columns, f"{size:,}" if size else "–"))
    return rows


def _described(layer: Layer) -> str:
    """A layer in words: what it is, and its own choices."""
    written = layer.to_dict()
    if layer.kind == "dense":
        return f"dense, {counted(written['units'], 'unit')}, {written['activation']}"
    if layer.kind == "embedding":
        return f"embedding of {counted(len(written['columns']), 'column')}"
    kind = layer.kind.replace("_", " ")
    own = ", ".join(
        f"{name.replace('_', ' ')} {value}"
        for name, value in written.items()
        if name not in ("layer", "name") and isinstance(value, int | float | str)
    )
    return f"{kind}, {own}" if own else kind


def network_of(fitted: Fitted) -> str:
    """How the network was trained, in a few sentences."""
    plan, networks = fitted.plan, fitted.model.networks
    options = plan.options
    several = len(networks) > 1
    start = (
        f"{len(networks)} networks of this kind were trained from different first parameters, and "
        "their outputs are averaged. Each" if several else "The network"
    )  # fmt: skip
    seconds = max(result.seconds for result in fitted.results)
    epochs = epochs_of([result.history for result in fitted.results])
    most = counted(options.epochs, "epoch")
    epochs = most if epochs == str(options.epochs) else f"{epochs} of at most {most}"
    return (
        f"{start} has {networks[0].vector.size:,} parameters and reads "
        f"{counted(networks[0].inputs, 'input')}. It was trained by {options.optimizer} with a "
        f"learning rate of {options.learning_rate:g} on batches of "
        f"{counted(options.batch_size, 'row')}, for {epochs}, to make the loss "
        f"{plan.loss} small; that took {number(seconds, 2)} s."
    )


def validation_of(fitted: Fitted) -> str:
    """Which rows the validation figures are of; empty if there are none."""
    plan = fitted.plan
    if plan.options.patience:
        return (
            f"Validation rows are {percent(plan.options.validation_share)} of the training rows, "
            "kept back: the training ends when their loss has not fallen for "
            f"{counted(plan.options.patience, 'epoch')}, and goes back to the best."
        )
    if plan.held.size:
        return "Validation rows are those held out; the training watched them without using them."
    return "There were no validation rows."


def choices_of(options: Options) -> list[tuple[str, str, bool]]:
    """Every choice, and whether it is another than the default."""
    usual = Options()
    return [
        (field.name, _said(getattr(options, field.name)),
         getattr(options, field.name) != getattr(usual, field.name))
        for field in fields(options)
    ]  # fmt: skip


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple | list):
        return ", ".join(str(item) for item in value) or "none"
    return shown(value)
