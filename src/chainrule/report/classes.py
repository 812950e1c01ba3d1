"""What classes are worth: confusions, ROC curves, calibration."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chainrule.report.bars import Bar, bars
from chainrule.report.drawing import COLOURS, Picture, axes, dressed, picture, thinned
from chainrule.report.words import named, percent, score, shown
from chainrule.tables.errors import counted
from chainrule.tables.evaluation import Evaluation, Judged

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_MATRIX = 12  # classes whose confusion matrix fits the width of a telephone
MOST_ROWS = 12  # classes and confusions that are listed
BINS = 10  # of probabilities, at most
ROWS_PER_BIN = 8


@dataclass(frozen=True)
class Cell:
    """A cell of the confusion matrix.

    Attributes:
        count: how many rows.
        share: of the rows of its true class, in percent.
        right: whether it is on the diagonal.
    """

    count: int
    share: int
    right: bool


@dataclass(frozen=True)
class OneClass:
    """How well one class is told from the others."""

    name: str
    rows: int
    found: str
    right: str
    area: str


def matrix_of(evaluation: Evaluation) -> list[tuple[str, list[Cell]]]:
    """The rows of the confusion matrix with their names; none for many classes."""
    counts = evaluation.confusion
    if counts is None or len(counts) > MOST_MATRIX:
        return []
    rows = []
    for k, (name, row) in enumerate(zip(evaluation.classes, counts, strict=True)):
        total = max(int(row.sum()), 1)
        cells = [Cell(int(n), round(100 * int(n) / total), j == k) for j, n in enumerate(row)]
        rows.append((shown(name, 16), cells))
    return rows


def confusions_of(evaluation: Evaluation) -> list[Bar]:
    """The most frequent confusions."""
    assert evaluation.confusion is not None
    wrong = evaluation.confusion.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_ROWS]
    pairs = [np.unravel_index(at, wrong.shape) for at in order]
    pairs = [pair for pair in pairs if wrong[pair]]
    names = [shown(name, 24) for name in evaluation.classes]
    return bars(
        [f"{names[i]} taken for {names[j]}" for i, j in pairs],
        [float(wrong[pair]) for pair in pairs],
        [
            f"{wrong[i, j]} of {counted(int(evaluation.confusion[i].sum()), 'row')}"
            for i, j in pairs
        ],
    )


def each_class(evaluation: Evaluation, areas: Sequence[float | None]) -> list[OneClass]:
    """Every class, or those that are found least often, with the areas that are theirs."""
    from sklearn.metrics import precision_recall_fscore_support

    judged, count = evaluation.judged, len(evaluation.classes)
    precision, recall, _, rows = precision_recall_fscore_support(
        judged.true, judged.predicted, labels=np.arange(count), zero_division=np.nan
    )
    order = np.arange(count)
    if count > MOST_ROWS:
        order = np.argsort(np.where(rows > 0, recall, np.inf), kind="stable")[:MOST_ROWS]
    return [
        OneClass(
            shown(evaluation.classes[k], 32), int(rows[k]),
            percent(recall[k] if rows[k] else None), percent(precision[k]), score(areas[k]),
        )
        for k in order.tolist()
    ]  # fmt: skip


def areas_of(judged: Judged, count: int) -> list[float | None]:
    """The area under the ROC curve of each class against the rest; None where it has none."""
    from sklearn.metrics import roc_auc_score

    assert judged.probabilities is not None
    found: list[float | None] = []
    for k in range(count):
        is_it = judged.true == k
        defined = is_it.any() and not is_it.all()
        area = roc_auc_score(is_it, judged.probabilities[:, k]) if defined else None
        found.append(None if area is None else float(area))
    return found


def absent_of(evaluation: Evaluation) -> str:
    """A sentence about the classes that none of the judged rows has; empty if there are none."""
    assert evaluation.confusion is not None
    rows = evaluation.confusion.sum(axis=1)
    absent = [name for name, n in zip(evaluation.classes, rows, strict=True) if not n]
    if not absent:
        return ""
    which = counted(len(absent), "class", "classes")
    return f"Nothing can be said of {which} that none of these rows has: {named(absent)}."


def pictures_of(evaluation: Evaluation, areas: Sequence[float | None]) -> list[Picture]:
    """ROC with the area of each class, and calibration, as far as the judged rows allow."""
    found = []
    if len(evaluation.classes) == 2 and areas[1] is not None:
        found.append(_roc_of_two(evaluation, areas[1]))
    elif len(evaluation.classes) > 2 and any(area is not None for area in areas):
        found.append(_roc_of_many(evaluation, areas))
    return [*found, _calibration(evaluation)]


def _roc_of_two(evaluation: Evaluation, area: float) -> Picture:
    from sklearn.metrics import roc_curve

    judged = evaluation.judged
    assert judged.probabilities is not None
    is_it = judged.true == 1
    wrong, right, _ = roc_curve(is_it, judged.probabilities[:, 1])
    said = judged.predicted == 1

    def paint(figure: "Figure") -> None:
        _roc(figure, [(wrong, right, "blue", 1.0)])
        figure.axes[0].plot(
            said[~is_it].mean(), said[is_it].mean(), "o", color=COLOURS["orange"], markersize=7
        )

    name = shown(evaluation.classes[1], 24)
    return picture(
        "roc", "ROC curve",
        f"Each point is a threshold for saying “{name}”: upwards the share of its rows that are "
        "found, to the right the share of the others that are taken for it. A curve in the upper "
        f"left corner is best, the dashed line is tossing a coin. The area below it is "
        f"{score(area)}; the dot is the threshold ½ that the model uses.",
        paint, 3.6,
    )  # fmt: skip


def _roc_of_many(evaluation: Evaluation, areas: Sequence[float | None]) -> Picture:
    from sklearn.metrics import roc_curve

    judged = evaluation.judged
    assert judged.probabilities is not None
    having = [k for k, area in enumerate(areas) if area is not None]
    worst = min(having, key=lambda k: areas[k] or 0.0)
    grid = np.linspace(0, 1, 201)
    lines, mean = [], np.zeros(grid.size)
    for k in having:
        wrong, right, _ = roc_curve(judged.true == k, judged.probabilities[:, k])
        colour, alpha = ("orange", 1.0) if k == worst else ("muted", 0.4)
        lines.append((wrong, right, colour, alpha))
        mean += np.interp(grid, wrong, right) / len(having)
    mean[0] = 0.0
    lines.sort(key=lambda line: line[2])
    lines.append((grid, mean, "blue", 1.0))
    average = float(np.mean([areas[k] for k in having]))
    return picture(
        "roc", "ROC curves, each class against the rest",
        "Each line is a class, each point of it a threshold: upwards the share of the class that "
        "is found, to the right the share of the others that are taken for it. Blue is the mean "
        f"of the classes (area {score(average)}), orange the class that is hardest to tell "
        f"from the others, “{shown(evaluation.classes[worst], 24)}” (area "
        f"{score(areas[worst])}). The dashed line is tossing a coin.",
        lambda figure: _roc(figure, lines), 3.6,
    )  # fmt: skip


def _roc(figure: "Figure", lines: Sequence[tuple[np.ndarray, np.ndarray, str, float]]) -> None:
    place = axes(figure, "taken for it by mistake", "found")
    place.plot([0, 1], [0, 1], color=COLOURS["muted"], linewidth=1, linestyle="--")
    for wrong, right, colour, alpha in lines:
        at = thinned(wrong, 400)
        width = 1.0 if colour == "muted" else 2.0
        place.plot(wrong[at], right[at], color=COLOURS[colour], linewidth=width, alpha=alpha)
    place.set_xlim(-0.02, 1.02)
    place.set_ylim(-0.02, 1.04)
    place.set_aspect("equal")


def _calibration(evaluation: Evaluation) -> Picture:
    from sklearn.calibration import calibration_curve

    judged = evaluation.judged
    assert judged.probabilities is not None
    if len(evaluation.classes) == 2:
        said, happened = judged.probabilities[:, 1], judged.true == 1
        of = f"the probability of “{shown(evaluation.classes[1], 24)}”"
    else:
        said, happened = judged.probabilities.max(axis=1), judged.true == judged.predicted
        of = "the probability of the class that the model chose"
    said = np.clip(said, 0, 1)
    bins = max(2, min(BINS, len(said) // ROWS_PER_BIN))
    true, claimed = calibration_curve(happened, said, n_bins=bins, strategy="quantile")

    def paint(figure: "Figure") -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
        dressed(upper, "", "how often it came true")
        upper.plot([0, 1], [0, 1], color=COLOURS["muted"], linewidth=1, linestyle="--")
        upper.plot(claimed, true, color=COLOURS["blue"], marker="o", markersize=5)
        upper.set_ylim(-0.04, 1.06)
        dressed(lower, "probability that the model gave", "rows")
        lower.hist(said, bins=np.linspace(0, 1, 21), color=COLOURS["blue"], alpha=0.55)
        lower.set_xlim(-0.02, 1.02)

    return picture(
        "calibration", "Calibration",
        f"To the right {of}, upwards how often that came true. Where the line follows the dashed "
        "one, a probability of 80 % means 8 of 10; below it the model is too sure of itself. "
        "The bars below show how many rows got which probability.",
        paint, 3.6,
    )  # fmt: skip
