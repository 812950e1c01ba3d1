"""What the commands print about tables and runs."""

import math
from collections import Counter
from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chainrule.checks import printable
from chainrule.cli.complaints import shown
from chainrule.tables.errors import counted
from chainrule.tables.evaluation import Evaluation, figures_of, without_errors
from chainrule.tables.fitting import Run
from chainrule.tables.planning import Plan
from chainrule.tables.preprocessing import Preprocessing
from chainrule.tables.reading import DELIMITERS

MOST_COLUMNS = 40  # of a table that are shown one by one
MOST_LABEL = 30  # characters of a class
MOST_CHARACTERS = 200  # of what is said of a column
MOST_CLASSES = 12  # whose confusion matrix fits a terminal
COLOURS = {
    "target": "magenta", "number": "cyan", "boolean": "cyan", "date": "blue", "text": "green",
    "dropped": "yellow",
}  # fmt: skip
PER_CENT = ("accuracy", "balanced_accuracy")
NAMES = {"rmse": "RMSE", "mae": "MAE", "r2": "R²", "roc_auc": "ROC AUC", "f1_macro": "F1"}


def show_plan(plan: Plan, preprocessing: Preprocessing) -> None:
    """How each column was read and what is done with it, the task, and the rows held out."""
    console = Console(highlight=False)
    _show_columns(console, plan, preprocessing.treatments())
    say(console, "task", plan.target.task + _classes(plan))
    rows = f"{len(plan.train)} to train on"
    if plan.held.size:
        rows += f", {len(plan.held)} held out"
    elif plan.options.folds:
        rows += f", evaluated in {plan.options.folds} folds"
    if plan.rows_without_target:
        rows += f"; {counted(plan.rows_without_target, 'row')} without a target dropped"
    say(console, "rows", rows)
    sizes = ", ".join(str(size) for size in plan.options.hidden) or "none"
    words = f"hidden layers {sizes}; {plan.options.activation}; {preprocessing.width} inputs"
    if plan.options.ensemble > 1:
        words += f"; {plan.options.ensemble} of them, averaged"
    say(console, "network", words)


def show_run(run: Run) -> None:
    """What the model is worth on rows that it did not learn from, and where it is."""
    console = Console(highlight=False)
    evaluation, plan = run.fitted.evaluation, run.fitted.plan
    console.print()
    _show_figures(console, evaluation, plan)
    if evaluation.confusion is not None:
        _show_confusion(console, evaluation)
    if evaluation.infinite:
        say(console, "note", without_errors(evaluation))
    elif not evaluation.better(plan.metric):
        say(console, "note", f"by {_name(plan.metric)} the model is no better than that guess")
    say(console, "saved", str(run.path))


def say(console: Console, what: str, words: str) -> None:
    """A line of the report. Text, not markup: a column may be called ``[red]``."""
    console.print(Text.assemble((f"{what:8}", "bold"), printable(words)), soft_wrap=True)


def figure(value: float) -> str:
    """A figure with four significant digits.

    >>> figure(0.91234), figure(1234567.8)
    ('0.9123', '1,234,568')
    """
    if value == 0 or not 1e-4 <= abs(value) < 1e12:
        return f"{value:.4g}"
    return f"{value:,.{max(0, 3 - math.floor(math.log10(abs(value))))}f}"


def _table(console: Console, title: str, *headings: str) -> Table:
    """A table below a line of its own: Rich would fold a title to the table's width."""
    console.print(Text(printable(title), style="bold"), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _show_columns(console: Console, plan: Plan, treatments: Mapping[str, str]) -> None:
    divided = f": cells divided by {DELIMITERS[plan.delimiter]}s" if plan.delimiter else ""
    table = _table(
        console, plan.file + divided, "column", "read as", "missing", "detail", "treatment"
    )
    table.columns[2].justify = "right"
    target = plan.target
    rows = [(target.name, "target", plan.rows_without_target, target.detail, "")]
    columns = list(plan.columns)
    if len(columns) > MOST_COLUMNS:  # those that are not as one expects
        columns = [c for c in columns if c.kind != "number" or c.missing][:MOST_COLUMNS]
    rows += [(c.name, c.kind, c.missing, c.detail, treatments.get(c.name, "")) for c in columns]
    for name, kind, missing, detail, treatment in rows:
        style = Text(kind, style=COLOURS[kind])
        words = Text(shown(detail, MOST_CHARACTERS)), Text(treatment)
        table.add_row(Text(shown(name)), style, str(missing or ""), *words)
    console.print(table)
    if len(columns) < len(plan.columns):
        counts = Counter(column.kind for column in plan.columns)
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        say(console, "columns", f"read as {kinds}; each is in config.json of the run")


def _classes(plan: Plan) -> str:
    classes = [shown(str(c), MOST_LABEL) for c in plan.target.classes]
    if not classes:
        return ""
    few = ", ".join(classes[:MOST_CLASSES])
    return f": {few}" + (f" ... ({len(classes)})" if len(classes) > MOST_CLASSES else "")


def _show_figures(console: Console, evaluation: Evaluation, plan: Plan) -> None:
    """The figures of the model and of the guess; the one that counts stands first."""
    names = sorted(figures_of(bool(evaluation.classes)), key=lambda name: name != plan.metric)
    table = _table(console, _judged_on(evaluation, plan), "", *map(_name, names))
    for column in table.columns[1:]:
        column.justify = "right"
    cells = []
    for name in names:
        cell = _figure(name, evaluation.figures[name])
        if (off := evaluation.spread.get(name)) is not None:
            cell += f" ± {_figure(name, off)}"
        cells.append(cell)
    table.add_row("the model", *cells, style="bold")
    guess = evaluation.guess
    mean = isinstance(guess, float) and not evaluation.classes
    always = f"the mean, {figure(guess)}" if mean else shown(str(guess), MOST_LABEL)  # type: ignore[arg-type]
    others = [_figure(name, evaluation.guess_figures[name]) for name in names]
    table.add_row(Text(f"always {always}"), *others)
    console.print(table)


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name in PER_CENT:
        return f"{value:.1%}"
    return figure(value) if name in ("rmse", "mae") else f"{value:.3f}"


def _name(figure: str) -> str:
    return NAMES.get(figure, figure.replace("_", " "))


def _show_confusion(console: Console, evaluation: Evaluation) -> None:
    assert evaluation.confusion is not None
    if len(evaluation.classes) > MOST_CLASSES:
        say(console, "classes", "their confusion matrix is in evaluation.json")
        return
    title = "confusion matrix: true classes in rows, predicted ones in columns"
    matrix = _table(console, title, "")
    names = [shown(str(name), MOST_LABEL) for name in evaluation.classes]
    for name in names:
        matrix.add_column(Text(name), justify="right", overflow="fold")
    for k, (name, counts) in enumerate(zip(names, evaluation.confusion.tolist(), strict=True)):
        cells = [Text(str(n), style="green" if j == k else "red" if n else "dim")
                 for j, n in enumerate(counts)]  # fmt: skip
        matrix.add_row(Text(name), *cells)
    console.print(matrix)


def _judged_on(evaluation: Evaluation, plan: Plan) -> str:
    rows = counted(evaluation.rows, "row")
    if plan.held.size:
        return f"on the {rows} held out"
    if evaluation.spread:
        return f"on {rows}, each by a model of the other {plan.options.folds - 1} folds"
    return f"on the {rows} of {shown(plan.sources.get('test', 'the test table'))}"
