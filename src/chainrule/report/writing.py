"""The page: everything that is known of a fit, put into the template."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.report import classes, numbers, summary
from chainrule.report.columns import SHOWN, columns_of
from chainrule.report.curves import course_of, curves_of
from chainrule.report.health import health_of
from chainrule.report.importance import importance_of
from chainrule.report.words import figure as number
from chainrule.report.words import shown, visible
from chainrule.storage.networks import write_whole
from chainrule.tables.errors import counted
from chainrule.tables.fitting import Fitted

if TYPE_CHECKING:
    from jinja2 import Environment

LONGEST_COMMAND = 20_000  # characters


def write_report(fitted: Fitted, path: str | os.PathLike[str], command: str) -> Path:
    """Write a page about a fit: one HTML file that needs no network and no scripts.

    Args:
        fitted: the model, and what happened on the way.
        path: of the file to write.
        command: the line that repeats the fit.

    Returns:
        The path.

    Raises:
        OSError: if the file cannot be written.

    >>> import tempfile, pandas as pd, numpy as np
    >>> from chainrule.tables.fitting import fit
    >>> from chainrule.tables.options import Options
    >>> from chainrule.tables.sources import table_of
    >>> frame = pd.DataFrame({"size": np.arange(60.0), "price": 3 * np.arange(60.0)})
    >>> fitted = fit(table_of(frame), "price", Options(epochs=2, threads=1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_report(fitted, f"{folder}/report.html", "chainrule fit prices.csv")
    ...     page.name, page.read_text(encoding="utf-8").count("<h2")
    ('report.html', 9)
    """
    path = Path(path)
    page = _environment().get_template("report.html").render(**_content(fitted, command))
    write_whole(path, page.encode("utf-8"))
    return path


def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("chainrule.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_plain,
    )  # fmt: skip
    environment.globals["counted"] = counted
    return environment


def _plain(value: Any) -> Any:
    """Control characters never reach the page; it is escaped after this."""
    return visible(value) if type(value) is str else value


def _content(fitted: Fitted, command: str) -> dict[str, Any]:
    plan, model, evaluation = fitted.plan, fitted.model, fitted.evaluation
    histories = [result.history for result in fitted.results]
    best = [result.best_epoch for result in fitted.results]
    columns = columns_of(fitted)
    target_bars, target_spark = summary.target_of(plan)
    return {
        "target": shown(model.goal.name),
        "file": shown(Path(plan.file).name, 80),
        "of_classes": bool(model.goal.classes),
        "verdict": summary.verdict_of(fitted),
        "warnings": summary.warnings_of(fitted),
        "judged_on": summary.judged_on(fitted),
        "tiles": summary.tiles_of(evaluation),
        "data": summary.data_of(plan),
        "target_bars": target_bars,
        "target_spark": target_spark,
        "target_rest": max(0, len(plan.target.classes) - len(target_bars)),
        "columns": columns[:SHOWN],
        "more_columns": columns[SHOWN:],
        "layers": summary.layers_of(model.networks[0]),
        "network": summary.network_of(fitted),
        "curves": curves_of(histories, best),
        "course": course_of(histories[0], best[0]) if len(histories) == 1 else "",
        "validation": summary.validation_of(fitted),
        "figures": summary.figures_of(evaluation),
        "guess": _guess(fitted),
        "folds": bool(evaluation.spread),
        "importance": importance_of(fitted),
        "health": health_of(fitted),
        "command": command[:LONGEST_COMMAND],
        "seed": plan.options.seed,
        "choices": summary.choices_of(plan.options),
        "versions": model.about.get("versions", {}),
    } | (_of_classes(fitted) if model.goal.classes else _of_numbers(fitted))


def _guess(fitted: Fitted) -> str:
    guess = fitted.evaluation.guess
    if fitted.model.goal.classes:
        return f"always “{shown(guess, 24)}”"
    return f"always {number(float(guess))}"


def _of_classes(fitted: Fitted) -> dict[str, Any]:
    evaluation = fitted.evaluation
    areas = classes.areas_of(evaluation.judged, len(evaluation.classes))
    return {
        "worst": [],
        "matrix": classes.matrix_of(evaluation),
        "turned": len(evaluation.classes) > 3 and any(len(str(c)) > 3 for c in evaluation.classes),
        "confusions": classes.confusions_of(evaluation),
        "each_class": classes.each_class(evaluation, areas),
        "classes": len(evaluation.classes),
        "absent": classes.absent_of(evaluation),
        "pictures": classes.pictures_of(evaluation, areas),
    }


def _of_numbers(fitted: Fitted) -> dict[str, Any]:
    judged = numbers.finite_of(fitted.evaluation.judged)
    if not judged.true.size:
        return {"errors": "No prediction is a finite number.", "worst": [], "pictures": []}
    return {
        "errors": numbers.errors_of(judged),
        "worst": numbers.worst_of(judged),
        "pictures": numbers.pictures_of(judged),
    }
