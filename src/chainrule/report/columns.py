"""The columns of the table, with a small picture of each."""

from dataclasses import dataclass

import numpy as np

from chainrule.report.words import percent, shown
from chainrule.tables.columns import Column
from chainrule.tables.fitting import Fitted

SHOWN = 40  # columns in view; the others unfold
BINS = 16
DETAIL = 200  # characters


@dataclass(frozen=True)
class Spark:
    """A small picture of a distribution.

    Attributes:
        bars: place from the left, width and height of each, in the units of 64 by 20.
        cut: whether values at either end are left away.
    """

    bars: list[tuple[float, float, float]]
    cut: bool = False


@dataclass(frozen=True)
class ColumnRow:
    """A row of the table of columns."""

    name: str
    kind: str
    detail: str
    missing: str
    treatment: str
    spark: Spark | None


def columns_of(fitted: Fitted) -> list[ColumnRow]:
    """Every column but the target, in the file's order."""
    plan = fitted.plan
    treatments = fitted.model.preprocessing.treatments()
    rows = len(plan.target.values)
    return [
        ColumnRow(
            shown(column.name), column.kind, detail,
            percent(column.missing / rows) if column.missing else "",
            treatments.get(column.name, "left out"), spark,
        )
        for column in plan.columns
        for detail, spark in [_seen(column)]
    ]  # fmt: skip


def _seen(column: Column) -> tuple[str, Spark | None]:
    """What is in a column, in words and as a picture."""
    detail = column.detail[:DETAIL]
    if column.kind != "text":
        return detail, spark_of(column.values)
    levels, counts = np.unique(column.values, return_counts=True)
    at = int(np.argmax(np.where(levels == "", 0, counts)))
    often = percent(float(counts[at] / counts.sum()), 0)
    words = f"{detail}; most often “{shown(levels[at], 24)}” ({often})"
    return words, _drawn(np.sort(counts)[::-1][:BINS])


def spark_of(values: np.ndarray) -> Spark | None:
    """The distribution of numbers; None if there are none.

    Few different ones have a bar each. Of more, the middle 98 % are drawn, so that a stray one
    does not flatten all others.
    """
    known = values[np.isfinite(values)]
    if known.size == 0:
        return None
    different, counts = np.unique(known, return_counts=True)
    if different.size > BINS:
        low, high = np.quantile(known, [0.01, 0.99])
        width = (low, high) if high > low else (float(different[0]), float(different[-1]))
        counts = np.histogram(known, BINS, width)[0]
    return _drawn(counts, cut=bool(counts.sum() < known.size))


def _drawn(counts: np.ndarray, cut: bool = False) -> Spark | None:
    if counts.size == 0 or counts.max() == 0:
        return None
    step = 64 / len(counts)
    heights = np.where(counts > 0, np.maximum(20 * counts / counts.max(), 0.6), 0)
    places = [
        (round(k * step, 2), round(step * 0.86, 2), round(float(h), 2))
        for k, h in enumerate(heights)
    ]
    return Spark(places, cut)
