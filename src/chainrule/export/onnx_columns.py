"""The columns of a table as inputs of ONNX, and what a model's preprocessing makes of them.

Numbers are float64 up to the network's door, as they are in scikit-learn.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.export.onnx_graph import STRING, Graph
from chainrule.export.onnx_quantiles import quantile_nodes
from chainrule.tables.columns import Reading
from chainrule.tables.preprocessing import CODES, DAY, DECIMALS, FARTHEST, ONE_HOTS, Preprocessing

ERA = 146097  # days of 400 years, after which the calendar repeats itself
BEFORE = 719468  # days from the 1st of March of the year 0 to 1970
UNNAMED = "column"


@dataclass(frozen=True)
class ColumnInput:
    """An input of the file.

    Attributes:
        column: of the table; empty for a network's input.
        name: of the input: the column's, where that can be one.
        kind: as what the column is read; None for a network's input.
        dtype: of the input.
        columns: how many it has: 1, or all that a network takes.
    """

    column: str
    name: str
    kind: str | None
    dtype: np.dtype
    columns: int = 1

    def values(self, values: np.ndarray) -> np.ndarray:
        """A column's values, or a network's rows, as the input takes them: (rows, columns)."""
        return np.asarray(values).astype(self.dtype).reshape(len(values), self.columns)


def column_inputs(graph: Graph, readings: Sequence[Reading]) -> tuple[ColumnInput, ...]:
    """Declare an input for each column: strings for texts, float64 for all others."""
    inputs = []
    for reading in readings:
        dtype = STRING if reading.kind == "text" else np.dtype(np.float64)
        # An empty name says in ONNX that there is no input, and one must be UTF-8.
        wanted = reading.name.encode(errors="replace").decode() or UNNAMED
        name = graph.input(wanted, dtype, 1)
        inputs.append(ColumnInput(reading.name, name, reading.kind, dtype))
    return tuple(inputs)


def preprocessing_nodes(
    graph: Graph, preprocessing: Preprocessing, inputs: Sequence[ColumnInput]
) -> str:
    """Append a fitted preprocessing.

    Args:
        graph: of float64.
        preprocessing: what the columns are made into.
        inputs: of its columns.

    Returns:
        The name of the network's inputs: float32 (rows, inputs).

    Raises:
        ValueError: for a transformer that tables do not make.
    """
    values: dict[str, str] = {}
    for one in inputs:
        if one.kind == "date":
            parts_of_it = _date_parts(graph, one.name)
            values |= {one.column + part: value for part, value in parts_of_it.items()}
        else:
            values[one.column] = one.name
    parts = []
    for name, transformer, chosen in preprocessing.transformer.transformers_:
        columns = [values[column] for column in chosen]
        if name == "numbers":
            parts.append(_numbers(graph, transformer, graph.beside(columns)))
        elif name == "gaps":
            gaps = graph.node("IsNaN", graph.beside(columns))
            parts.append(graph.cast(gaps, np.float64))
        elif name.startswith(ONE_HOTS):
            parts.append(_one_hot(graph, transformer, columns[0]))
        elif name.startswith(CODES):
            parts.append(_codes(graph, transformer, columns[0]))
        else:
            raise ValueError(f"the part {name!r} of the preprocessing cannot be exported")
    scaled = graph.node("Clip", graph.beside(parts), -FARTHEST, FARTHEST)
    return graph.cast(scaled, np.float32)


def _numbers(graph: Graph, pipeline: Any, x: str) -> str:
    imputer, scaler = (step for _, step in pipeline.steps)
    x = graph.node("Where", graph.node("IsNaN", x), graph.constant(imputer.statistics_), x)
    kind = type(scaler).__name__
    if kind == "QuantileTransformer":
        return quantile_nodes(graph, scaler, x)
    centre = scaler.mean_ if kind == "StandardScaler" else scaler.center_
    return graph.node(
        "Div", graph.node("Sub", x, graph.constant(centre)), graph.constant(scaler.scale_)
    )  # fmt: skip


def _one_hot(graph: Graph, encoder: Any, x: str) -> str:
    levels = [str(level) for level in encoder.categories_[0]]
    places = _encoded(graph, levels, range(len(levels)), -1, x)
    hot = graph.node("Equal", places, graph.constant(range(len(levels)), np.int64))
    return graph.cast(hot, np.float64)


def _codes(graph: Graph, encoder: Any, x: str) -> str:
    """The codes that the encoder has for its own levels, the rare ones among them."""
    import pandas as pd

    levels = [str(level) for level in encoder.categories_[0]]
    frame = pd.DataFrame({encoder.feature_names_in_[0]: pd.Series(levels, dtype=object)})
    codes = [int(code) for code in encoder.transform(frame)[:, 0]]
    return graph.cast(_encoded(graph, levels, codes, int(encoder.unknown_value), x), np.float64)


def _encoded(
    graph: Graph, levels: Sequence[str], codes: Sequence[int], unknown: int, x: str
) -> str:  # fmt: skip
    return graph.node(
        "LabelEncoder", x, keys_strings=levels, values_int64s=list(codes), default_int64=unknown
    )  # fmt: skip


def _date_parts(graph: Graph, seconds: str) -> dict[str, str]:
    """Days since 1970, and points on the circles of the year, the week and the day."""
    days = graph.node("Div", seconds, DAY)
    missing = graph.node("IsNaN", days)
    known = graph.node("Where", missing, 0, days)
    day = graph.node("Floor", known)
    turns = {
        "year": graph.node("Div", _day_of_year(graph, day), 365.25),
        "week": graph.node("Div", graph.node("Add", day, 4), 7),
        "day": graph.node("Sub", known, day),
    }
    parts = {"": days}
    for turn, share in turns.items():
        angle = graph.node("Mul", share, 2 * math.pi)
        for word, operator in (("sin", "Sin"), ("cos", "Cos")):
            part = graph.node("Mul", graph.node(operator, angle), 10.0**DECIMALS)
            part = graph.node("Div", graph.node("Round", part), 10.0**DECIMALS)
            parts[f": {word} of the {turn}"] = graph.node("Where", missing, math.nan, part)
    return parts


def _day_of_year(graph: Graph, day: str) -> str:
    """The day of the year from 0, of days since 1970, by the Gregorian calendar.

    Years are counted from March, so that the day that not all of them have is their last.

    Source: Hinnant, "chrono-Compatible Low-Level Date Algorithms", 2013 (days from civil).
    """

    def whole(value: str, divisor: float) -> str:
        return graph.node("Floor", graph.node("Div", value, divisor))

    def rest(value: str, divisor: float) -> str:
        return graph.node("Sub", value, graph.node("Mul", whole(value, divisor), divisor))

    def less(value: str, *others: str) -> str:
        for other in others:
            value = graph.node("Sub", value, other)
        return value

    of_era = rest(graph.node("Add", day, BEFORE), ERA)
    # Years of 365 days, once the leap days before are taken off.
    leaps = less(whole(of_era, 1460), whole(of_era, 36524))
    year = whole(less(of_era, leaps, whole(of_era, 146096)), 365)
    before = graph.node("Add", graph.node("Mul", year, 365), whole(year, 4))
    from_march = less(of_era, less(before, whole(year, 100)))
    fourth, hundredth = (graph.node("Equal", rest(year, n), 0) for n in (4, 100))
    common = graph.node("And", hundredth, graph.node("Not", graph.node("Equal", year, 0)))
    leap = graph.node("And", fourth, graph.node("Not", common))
    january_on = graph.node("Sub", from_march, 306)
    until_march = graph.node("Add", graph.cast(leap, np.float64), 59)
    is_january_on = graph.node("GreaterOrEqual", january_on, 0)
    return graph.node(
        "Where", is_january_on, january_on, graph.node("Add", from_march, until_march)
    )  # fmt: skip
