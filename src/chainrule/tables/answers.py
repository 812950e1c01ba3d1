"""Predictions as columns of a table, written so that no cell does anything where it is opened."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.tables.errors import STEERING, TableError, quoted
from chainrule.tables.model import Predictions, TableModel
from chainrule.tables.reading import Table
from chainrule.tables.task import no_column

#: What makes a spreadsheet take a cell for a formula: also in the full width of East Asian texts.
FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r]")
PLAIN = re.compile(r"[+-]?(\d[\d.,'_ \u00a0\u202f]*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Answers:
    """What a model says of a table's rows.

    Attributes:
        predictions: as the model gave them.
        classes: whose probabilities there are; none for numbers.
        kept: columns of the table to repeat in front, by name: (rows,) of str.
    """

    predictions: Predictions
    classes: tuple[str | int | float, ...]
    kept: dict[str, np.ndarray]

    def columns(self) -> dict[str, np.ndarray]:
        """The columns by name: those kept, prediction, the probability of each class, spread."""
        found = dict(self.kept)
        found["prediction"] = self.predictions.values
        if self.predictions.probabilities is not None:
            for label, values in zip(self.classes, self.predictions.probabilities.T, strict=True):
                found[f"probability_{label}"] = values
        if self.predictions.spread is not None:
            found["spread"] = self.predictions.spread
        return found

    def to_csv(self) -> str:
        """CSV with a header, whose texts are harmless in spreadsheets and terminals."""
        columns = self.columns()
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([harmless(name) for name in columns])
        writer.writerows(zip(*(_spelled(values) for values in columns.values()), strict=True))
        return text.getvalue()

    def to_dict(self) -> dict[str, Any]:
        """The same for programs, with the notes."""
        columns = self.columns()
        names = list(columns)
        rows = zip(*(values.tolist() for values in columns.values()), strict=True)
        return {
            "rows": [dict(zip(names, row, strict=True)) for row in rows],
            "notes": list(self.predictions.notes),
        }


def answers(model: TableModel, table: Table, keep: Sequence[str] = ()) -> Answers:
    """Predict the rows of a table.

    Args:
        model: that predicts.
        table: with the columns that it reads.
        keep: names of columns to repeat in front.

    Raises:
        TableError: if the table has no such column, or not those of the model.
    """
    classes = model.goal.classes
    own = {"prediction", "spread", *(f"probability_{label}" for label in classes)}
    for name in keep:
        if name not in table.cells:
            raise TableError(no_column(table, name))
        if name in own:
            raise TableError(
                f"the column {quoted(name)} cannot be kept: there is one in the answer"
            )
    kept = {name: table.cells[name] for name in keep}
    return Answers(model.predict(table), classes, kept)


def harmless(text: str) -> str:
    """A text as a cell that is no formula, with the characters escaped that steer a terminal.

    Numbers that are written as texts stay.

    >>> harmless("=1+1"), harmless("-1.5"), harmless("a\\x1b[31m")
    ("'=1+1", '-1.5', 'a\\\\x1b[31m')
    """
    cell = STEERING.sub(lambda found: ascii(found[0])[1:-1], text)
    if FORMULA.match(text) and not PLAIN.fullmatch(text):
        return f"'{cell}"
    return cell


def _spelled(values: np.ndarray) -> list[str]:
    if values.dtype != object:
        return [repr(value) for value in values.tolist()]
    return [harmless(value) if isinstance(value, str) else repr(value) for value in values.tolist()]
