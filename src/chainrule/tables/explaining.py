"""Rows of a table as worked solutions: layer 0 is what the preprocessing does to the columns.

The numbers are those that the transformer gives to the network. The arithmetic beside them is that
of what it was fitted to; a test holds the two together.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.checks import printable, whole
from chainrule.equations.boxes import Box, Figure, Fraction, Symbol, Words, row
from chainrule.glass.figures import figure
from chainrule.glass.notation import checked_notation
from chainrule.glass.notation.base import DEFAULT_NOTATION
from chainrule.glass.solutions.equating import Style
from chainrule.glass.solutions.walkthrough import Walkthrough, solve
from chainrule.glass.traces.trace import trace
from chainrule.glass.traces.traced import Trace
from chainrule.glass.writers.document import Document
from chainrule.tables.cells import is_missing
from chainrule.tables.checking import targets_of
from chainrule.tables.errors import TableError, counted, quoted
from chainrule.tables.preprocessing import frame_of
from chainrule.tables.reading import Table
from chainrule.tables.sources import table_of

if TYPE_CHECKING:
    from chainrule.tables.model import TableModel

LONGEST = 40  # characters of a cell or a name that are shown


def explain(
    model: "TableModel", data: Any, number: int = 1, *, network: int = 1,
    notation: str = DEFAULT_NOTATION, form: str = Style.form, derive: bool = Style.derive,
    decimals: int = Style.decimals, largest: int = Style.largest,
    parameters: np.ndarray | None = None,
) -> Walkthrough:  # fmt: skip
    """A row of a table as a worked solution; see :meth:`TableModel.explain`.

    Args:
        model: that predicts.
        data: the table.
        number: of the row, from 1.
        network: which one of an ensemble, from 1.
        notation, form, derive, decimals, largest: as for a walkthrough.
        parameters: those of another moment of the network's training.
    """
    table = table_of(data)
    try:
        number = whole("row", number, 1, table.rows)
    except ValueError:
        raise TableError(
            f"row must be from 1 to {table.rows}, the rows of {quoted(table.file or 'the table')}, "
            f"not {number!r}"
        ) from None
    try:
        network = whole("network", network, 1, len(model.networks))
        checked_notation(notation)
        style = Style(form, derive, decimals, largest)
    except ValueError as error:
        raise TableError(str(error)) from None
    part = table.some(np.array([number - 1]))
    found = trace_rows(model, part, network, parameters)
    where = f"row {number}" + (f" of {table.file}" if table.file else "")
    document = Document(f"What the network makes of {where}")
    _LayerZero(model, part, found, document, style).write()
    solve(found, notation, style, document)
    _say_prediction(model, found, document, style, network)
    return Walkthrough(document, (found,), notation)


def trace_rows(
    model: "TableModel", table: Table, network: int = 1, parameters: np.ndarray | None = None
) -> Trace:
    """One step of a model's network on the rows of a table, with the columns' names.

    Args:
        model: that predicts.
        table: with its columns; with the target in every row also backward.
        network: which one of an ensemble, from 1.
        parameters: those of another moment of the network's training.
    """
    one = model.networks[network - 1]
    if parameters is not None:
        one = one.copy()
        one.vector = np.asarray(parameters, one.vector.dtype)
    inputs = model.preprocessing.inputs(model.values_of(table))
    found = trace(one, inputs, _targets(model, table))
    found.input_names = model.preprocessing.input_names()
    return found


def _targets(model: "TableModel", table: Table) -> np.ndarray | None:
    """The targets as the network learns them, if the table has them all."""
    if model.goal.name not in table.cells:
        return None
    rows, targets = targets_of(model, table, empty=True)
    return targets if len(rows) == table.rows else None


class _LayerZero:
    """Writes what the preprocessing makes of one row."""

    def __init__(
        self, model: "TableModel", table: Table, found: Trace, document: Document, style: Style
    ) -> None:
        self._model, self._table, self._document = model, table, document
        self._style = style
        self._inputs = found["x"][0]
        self._names = list(found.input_names)
        preprocessing = model.preprocessing
        self._figures = preprocessing.figures()
        frame = frame_of(preprocessing.readings, model.values_of(table))
        self._values: Mapping[str, Any] = {name: frame[name].iloc[0] for name in frame}

    def write(self) -> None:
        document = self._document
        document.heading("Layer 0: from columns to inputs")
        rows = len(self._names)
        document.say(f"The row becomes {counted(rows, 'input')} of the network.")
        for reading in self._model.features:
            cell = str(self._table.cells[reading.name][0])
            shown = "missing" if is_missing(np.array([cell]))[0] else quoted(cell, LONGEST)
            document.heading(f"{reading.name}: {shown}", 2)
            if reading.kind == "text":
                self._text(reading.name)
            else:
                self._numbers(reading.name, reading.kind)

    def _input(self, name: str) -> tuple[Box, Figure]:
        """The symbol of an input and its number."""
        place = self._names.index(name)
        return Symbol("x", "", str(place + 1)), self._figure(float(self._inputs[place]))

    def _figure(self, number: float) -> Figure:
        return figure(number, self._style.decimals)

    def _numbers(self, column: str, kind: str) -> None:
        own = [n for n in self._figures["numbers"] if n == column or n.startswith(f"{column}: ")]
        for name in own if kind == "date" else [column]:
            self._scaled(name)
        if column in self._figures["missing"]:
            left, value = self._input(f"{column} is missing")
            self._document.say("That it may be missing is an input of its own:")
            self._document.equate(left, value)

    def _scaled(self, name: str) -> None:
        document, fitted = self._document, self._figures["numbers"][name]
        value = float(self._values[name])
        if part := name.partition(": ")[2]:  # of a date
            document.say(f"The {part}: ", self._figure(value), ".")
        if np.isnan(value):
            value = fitted["median"]
            document.say("It is missing: the median of the training rows stands for it, ",
                         self._figure(value), ".")  # fmt: skip
        left, result = self._input(name)
        centre = fitted.get("mean", fitted.get("center"))
        if centre is None:  # quantiles: a table of a thousand numbers, no formula
            document.equate(left, row(Words("normal quantile of the share below "),
                                      self._figure(value)), result)  # fmt: skip
            return
        middle, deviation = ("mean", "deviation") if "mean" in fitted else ("median", "quartiles")
        top = row(Words("value"), "−", Words(middle))
        difference = row(self._figure(value), "−", _signed(self._figure(centre)))
        document.equate(
            left, Fraction(top, Words(deviation)),
            Fraction(difference, self._figure(fitted["scale"])), result,
        )  # fmt: skip

    def _text(self, column: str) -> None:
        document, level = self._document, str(self._values[column])
        levels = self._model.preprocessing.levels()[column]
        if level not in levels:
            document.say("No training row had this level.")
        code = f"code of {column}"
        if code in self._names:
            left, value = self._input(code)
            document.say("The number of its level, whose vector an embedding looks up:")
            document.equate(left, value)
            return
        names = [f"{column} = {known or 'missing'}" for known in levels]
        places = [self._input(name) for name in names]
        document.say("One input for each level, 1 for that of the row and 0 for the others:")
        for name, (left, value) in zip(names, places, strict=True):
            if value.value or len(names) <= self._style.largest:
                document.equate(left, row(value, Words(f"   ({printable(name)})")))


def _signed(box: Figure) -> Box:
    """A number behind a sign: in brackets if it has one itself."""
    return row("(", box, ")") if box.text[0] == "−" else box


def _say_prediction(
    model: "TableModel", found: Trace, document: Document, style: Style, network: int
) -> None:
    """What the outputs say, in the target's own terms."""
    goal = model.goal
    document.heading("Prediction")
    outputs = found[f"{found.network.paths[-1]}.a"]
    if len(model.networks) > 1:
        document.say(f"By network {network} of {len(model.networks)}; the model takes their mean.")
    if not goal.classes:
        prediction = float(outputs[0, 0] * goal.scale + goal.mean)
        output = figure(float(outputs[0, 0]), style.decimals)
        document.say(f"The network computes {goal.name} in deviations from its mean:")
        document.equate(
            Words(printable(goal.name)),
            row(Words("output"), "·", Words("deviation"), "+", Words("mean")),
            row(_signed(output), "·", figure(goal.scale, style.decimals), "+",
                _signed(figure(goal.mean, style.decimals))),
            figure(prediction, style.decimals),
        )  # fmt: skip
        return
    said = model.read_outputs(outputs[None])
    assert said.probabilities is not None
    shares = [
        f"{label}: {p:.4f}" for label, p in zip(goal.classes, said.probabilities[0], strict=True)
    ]
    document.say(f"Probabilities: {', '.join(shares)}.")
    document.say(f"The label is {said.values[0]}.")
