"""What predicted numbers are worth: beside the true ones, and what is left over."""

from typing import TYPE_CHECKING

import numpy as np

from chainrule.report.drawing import COLOURS, Picture, axes, picture
from chainrule.report.words import figure as number
from chainrule.tables.evaluation import Judged

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_POINTS = 1000  # of a picture
MOST_WORST = 6


def finite_of(judged: Judged) -> Judged:
    """The rows whose predictions are finite; the page warns of others."""
    finite = np.isfinite(judged.predicted)
    return Judged(judged.true[finite], judged.predicted[finite])


def errors_of(judged: Judged) -> str:
    """How large the errors are, in a sentence."""
    off = np.abs(judged.predicted - judged.true)
    half, most = np.quantile(off, [0.5, 0.9])
    return (
        f"Half of the predictions are off by less than {number(float(half))}, nine of ten by less "
        f"than {number(float(most))}, the worst by {number(float(off.max()))}."
    )


def worst_of(judged: Judged) -> list[tuple[str, str, str]]:
    """The rows with the largest errors: what is true, what was predicted, the difference."""
    off = judged.predicted - judged.true
    order = np.argsort(-np.abs(off), kind="stable")[:MOST_WORST]
    columns = (judged.true, judged.predicted, off)
    return [tuple(number(float(column[k])) for column in columns) for k in order]  # type: ignore[misc]


def pictures_of(judged: Judged) -> list[Picture]:
    """Predicted against true numbers, and the residuals."""
    rows = np.arange(len(judged.true))
    few = ""
    if len(rows) > MOST_POINTS:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_POINTS, replace=False))
        few = f" {MOST_POINTS:,} of the {len(judged.true):,} rows are shown, chosen at random."
    true, predicted = judged.true[rows], judged.predicted[rows]
    off = judged.predicted - judged.true

    def beside(figure: "Figure") -> None:
        place = axes(figure, "true", "predicted")
        _points(place, true, predicted)
        ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
        place.plot(ends, ends, color=COLOURS["muted"], linewidth=1, linestyle="--")
        _few_ticks(place)

    def left_over(figure: "Figure") -> None:
        place = axes(figure, "predicted", "predicted − true")
        _points(place, predicted, off[rows])
        place.axhline(0, color=COLOURS["muted"], linewidth=1, linestyle="--")
        _few_ticks(place)

    def spread(figure: "Figure") -> None:
        place = axes(figure, "predicted − true", "rows")
        bins = int(np.clip(np.sqrt(len(off)) * 1.5, 6, 40))
        place.hist(off, bins=bins, color=COLOURS["blue"], alpha=0.7)
        place.axvline(0, color=COLOURS["muted"], linewidth=1, linestyle="--")
        _few_ticks(place)

    return [
        picture(
            "predicted", "Predicted against true",
            "Each dot is a row. On the dashed line the prediction is right; above it the model "
            f"said too much, below it too little.{few}",
            beside,
        ),
        picture(
            "residuals", "Residuals",
            "What is left over, prediction minus truth, by the prediction. Good is a cloud around "
            f"0 without a shape; a bend or a funnel is something that the model has missed.{few}",
            left_over,
        ),
        picture(
            "residuals-spread", "How large the errors are",
            "How many rows are off by how much. Good is a narrow hill in the middle of which is 0.",
            spread,
        ),
    ]  # fmt: skip


def _points(place: object, across: np.ndarray, up: np.ndarray) -> None:
    alpha = 0.75 if len(up) <= 150 else 0.4
    place.plot(  # type: ignore[attr-defined]
        across, up, "o", color=COLOURS["blue"], markersize=4, markeredgewidth=0, alpha=alpha
    )


def _few_ticks(place: object) -> None:
    from matplotlib.ticker import MaxNLocator

    place.xaxis.set_major_locator(MaxNLocator(5))  # type: ignore[attr-defined]
