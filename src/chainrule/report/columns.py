"""The columns of the table, with a small picture of each."""

from dataclasses import dataclass

import numpy as np

from chainrule.report.words import percent, shown, visible
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
    """

    bars: list[tuple[float, float, float]]


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
            shown(column.name), column.kind, _detail(column),
            percent(column.missing / rows) if column.missing else "",
            treatments.get(column.name, "left out"), spark_of(column.values, column.kind == "text"),
        )
        for column in plan.columns
    ]  # fmt: skip


def spark_of(values: np.ndarray, text: bool = False) -> Spark | None:
    """The distribution of a column's values; None if there are none.

    Of numbers the middle 98 % are drawn, so that a stray one does not flatten all others; of texts
    the most frequent ones.
    """
    if text:
        counts = np.sort(np.unique(values, return_counts=True)[1])[::-1][:BINS]
    else:
        known = values[np.isfinite(values)]
        if known.size == 0:
            return None
        low, high = np.quantile(known, [0.01, 0.99])
        if np.unique(known).size <= BINS:
            counts = np.unique(known, return_counts=True)[1]
        else:
            width = (low, high) if high > low else (float(known.min()), float(known.max()))
            counts = np.histogram(known, BINS, width)[0]
    if counts.size == 0 or counts.max() == 0:
        return None
    step = 64 / len(counts)
    heights = np.where(counts > 0, np.maximum(20 * counts / counts.max(), 0.6), 0)
    return Spark([
        (round(k * step, 2), round(step * 0.86, 2), round(float(h), 2))
        for k, h in enumerate(heights)
    ])  # fmt: skip


def _detail(column: Column) -> str:
    detail = visible(column.detail[:DETAIL])
    if column.kind != "text":
        return detail
    levels, counts = np.unique(column.values, return_counts=True)
    at = int(np.argmax(np.where(levels == "", 0, counts)))
    often = percent(float(counts[at] / counts.sum()), 0)
    return f"{detail}; most often “{shown(levels[at], 24)}” ({often})"
