"""What the commands print about tables and runs."""

import math
from collections import Counter

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chainrule.cli.complaints import printable
from chainrule.tables.errors import counted
from chainrule.tables.evaluation import ClassEvaluation, Evaluation, NumberEvaluation
from chainrule.tables.fitting import Plan, Run
from chainrule.tables.reading import DELIMITERS

MOST_COLUMNS = 40  # of a table that are shown one by one
MOST_CLASSES = 12  # whose confusion matrix fits a terminal
COLOURS = {"target": "magenta", "number": "cyan", "text": "green", "dropped": "yellow"}


def show_plan(plan: Plan) -> None:
    """How each column was read, the task, and the rows held out."""
    console = Console(highlight=False)
    _show_columns(console, plan)
    say(console, "task", plan.target.task + _classes(plan))
    rows = f"{len(plan.train)} to train on, {len(plan.held)} held out"
    if plan.rows_without_target:
        rows += f"; {counted(plan.rows_without_target, 'row')} without a target dropped"
    say(console, "rows", rows)
    sizes = ", ".join(str(size) for size in plan.options.hidden) or "none"
    say(console, "network", f"hidden layers {sizes}; {plan.options.activation}")


def show_run(run: Run) -> None:
    """What the network is worth on the rows held out, and where it is."""
    console = Console(highlight=False)
    evaluation = run.evaluation
    console.print()
    if isinstance(evaluation, ClassEvaluation):
        _show_classes(console, evaluation)
    else:
        _show_numbers(console, evaluation)
    say(console, "saved", str(run.network_path))


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


def share(value: float | None) -> str:
    """A share of the variance, where there is any."""
    return "-" if value is None else f"{value:.3f}"


def _table(console: Console, title: str, *headings: str) -> Table:
    """A table below a line of its own: Rich would fold a title to the table's width."""
    console.print(Text(printable(title), style="bold"), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _show_columns(console: Console, plan: Plan) -> None:
    divided = f"cells divided by {DELIMITERS[plan.delimiter]}s"
    table = _table(console, f"{plan.file}: {divided}", "column", "read as", "missing", "detail")
    table.columns[2].justify = "right"
    target = plan.target
    rows = [(target.name, "target", plan.rows_without_target, target.detail)]
    columns = list(plan.columns)
    if len(columns) > MOST_COLUMNS:  # those that are not as one expects
        columns = [c for c in columns if c.kind != "number" or c.missing][:MOST_COLUMNS]
    rows += [(column.name, column.kind, column.missing, column.detail) for column in columns]
    for name, kind, missing, detail in rows:
        style = Text(kind, style=COLOURS[kind])
        table.add_row(Text(printable(name)), style, str(missing or ""), Text(printable(detail)))
    console.print(table)
    if len(columns) < len(plan.columns):
        counts = Counter(column.kind for column in plan.columns)
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        say(console, "columns", f"read as {kinds}; each is in config.json of the run")


def _classes(plan: Plan) -> str:
    classes = [str(c) for c in plan.target.classes]
    if not classes:
        return ""
    few = ", ".join(classes[:MOST_CLASSES])
    return f": {few}" + (f" ... ({len(classes)})" if len(classes) > MOST_CLASSES else "")


def _show_classes(console: Console, evaluation: ClassEvaluation) -> None:
    table = _table(console, _held_out(evaluation), "", "accuracy")
    table.columns[1].justify = "right"
    table.add_row("the network", f"{evaluation.accuracy:.1%}", style="bold")
    always = Text(f"always {printable(str(evaluation.majority))}")
    table.add_row(always, f"{evaluation.majority_accuracy:.1%}")
    console.print(table)
    if len(evaluation.classes) > MOST_CLASSES:
        say(console, "classes", "their confusion matrix is in evaluation.json")
        return
    title = "confusion matrix: true classes in rows, predicted ones in columns"
    matrix = _table(console, title, "")
    names = [printable(str(name)) for name in evaluation.classes]
    for name in names:
        matrix.add_column(Text(name), justify="right", overflow="fold")
    for k, (name, counts) in enumerate(zip(names, evaluation.confusion.tolist(), strict=True)):
        cells = [Text(str(n), style="green" if j == k else "red" if n else "dim")
                 for j, n in enumerate(counts)]  # fmt: skip
        matrix.add_row(Text(name), *cells)
    console.print(matrix)


def _show_numbers(console: Console, evaluation: NumberEvaluation) -> None:
    e = evaluation
    table = _table(console, _held_out(e), "", "RMSE", "MAE", "R²")
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("the network", figure(e.rmse), figure(e.mae), share(e.r2), style="bold")
    always = f"always the mean, {figure(e.mean)}"
    table.add_row(always, figure(e.mean_rmse), figure(e.mean_mae), share(e.mean_r2))
    console.print(table)


def _held_out(evaluation: Evaluation) -> str:
    return f"on the {counted(evaluation.rows, 'row')} held out"
