"""A fitted model of a table: from its columns to labels or numbers in the target's own unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.metrics import decide
from chainrule.network import Network
from chainrule.tables.columns import Reading
from chainrule.tables.errors import TableError, counted, listed, quoted
from chainrule.tables.preprocessing import Preprocessing
from chainrule.tables.reading import Table
from chainrule.tables.task import Task

if TYPE_CHECKING:
    from chainrule.glass.solutions.walkthrough import Walkthrough


@dataclass(frozen=True)
class Goal:
    """What is predicted.

    Attributes:
        name: of the target's column.
        task: ``binary``, ``multiclass`` or ``regression``.
        classes: in the order of the outputs; none for regression.
        mean: of the training rows, for regression.
        scale: their deviation.
    """

    name: str
    task: Task
    classes: tuple[str | int | float, ...] = ()
    mean: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class Predictions:
    """What a model says of some rows.

    Attributes:
        values: (m,) labels, or numbers in the target's unit.
        probabilities: (m, K) of the classes; None for regression.
        spread: (m,) how far the networks of an ensemble are apart: the standard deviation of their
            numbers, or of their probabilities of the label; None for a single network.
        notes: what was unusual about the columns, a sentence each.
    """

    values: np.ndarray
    probabilities: np.ndarray | None
    spread: np.ndarray | None
    notes: tuple[str, ...] = ()

    @property
    def finite(self) -> np.ndarray:
        """(m,) whether a row's numbers are; far from the training rows an output may overflow."""
        found = self.values if self.probabilities is None else self.probabilities.sum(axis=1)
        with np.errstate(invalid="ignore"):  # an infinity among numbers makes a spread of NaN
            known = np.isfinite(found.astype(np.float64))
            return known if self.spread is None else known & np.isfinite(self.spread)

    def check_finite(self, lines: np.ndarray) -> None:
        """Refuse predictions that are no numbers to go on with.

        Args:
            lines: (m,) where the rows stand.

        Raises:
            TableError: that names the first of them.
        """
        if not self.finite.all():
            line = lines[int(np.argmin(self.finite))]
            raise TableError(
                f"line {line}: the prediction is not a finite number: the row is too far from "
                "those that the model was trained on"
            )


@dataclass(frozen=True, repr=False)
class TableModel:
    """Networks and all that stands between them and a table.

    Attributes:
        goal: what is predicted.
        preprocessing: from columns to inputs.
        networks: one, or several whose outputs are averaged.
        dropped: columns that were there and are no features.
        about: how it came to be, as :mod:`chainrule.tables.fitting` writes it.
    """

    goal: Goal
    preprocessing: Preprocessing
    networks: tuple[Network, ...]
    dropped: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        columns = counted(len(self.features), "column")
        networks = counted(len(self.networks), "network")
        return f"TableModel({quoted(self.goal.name)}, {self.goal.task}, {columns}, {networks})"

    @property
    def features(self) -> tuple[Reading, ...]:
        """The columns that it reads."""
        return self.preprocessing.readings

    def predict(self, data: Any) -> Predictions:
        """Labels or numbers for the rows of a table.

        Args:
            data: a :class:`~chainrule.tables.reading.Table`, a data frame, or the path of a file.
                Columns may stand in any order; those that are no features are passed over.

        Raises:
            TableError: for a missing column, or a cell of another kind, by name and line; or a row
                so far from the training rows that its prediction overflows.
        """
        from chainrule.tables.sources import table_of

        table = table_of(data)
        values = self.values_of(table)
        outputs = self.outputs(self.preprocessing.inputs(values))
        found = self.read_outputs(outputs, tuple(self._notes(table, values)))
        found.check_finite(table.lines)
        return found

    def explain(self, data: Any, row: int = 1, **options: Any) -> "Walkthrough":
        """A row as a worked solution: from its cells through the network to the prediction.

        Args:
            data: a table with the columns that the model reads. If the target is among them, the
                loss and the gradients are shown as well.
            row: its number, counted from 1.
            options: ``notation``, ``form``, ``derive``, ``decimals`` and ``largest`` as for
                :func:`~chainrule.walkthrough`; ``network``, the number of one of an ensemble.

        Raises:
            TableError: for a row that is not there, or cells that cannot be read.

        >>> import chainrule as cr, pandas as pd
        >>> frame = pd.DataFrame({"size": range(1, 41), "price": [3.0 * k for k in range(1, 41)]})
        >>> model = cr.table_model(frame, "price", epochs=2, seed=0)
        >>> w = model.explain(frame, 7)
        >>> w.document.title
        'What the network makes of row 7 of the data frame'
        >>> "Layer 0: from columns to inputs" in w.text()
        True
        """
        from chainrule.tables.explaining import explain

        return explain(self, data, row, **options)

    def values_of(self, table: Table) -> dict[str, np.ndarray]:
        """The values of the features of a table.

        Raises:
            TableError: for a missing column, or a cell of another kind.
        """
        return read_features(self.features, table)

    def outputs(self, inputs: np.ndarray) -> np.ndarray:
        """The outputs of every network: (networks, m, outputs)."""
        return np.stack([network.predict(inputs) for network in self.networks])

    def read_outputs(self, outputs: np.ndarray, notes: tuple[str, ...] = ()) -> Predictions:
        """What the outputs of the networks say, in the target's own terms.

        They need not be finite: :meth:`Predictions.check_finite` is the caller's.
        """
        several = len(outputs) > 1
        outputs = outputs.astype(np.float64)
        if not self.goal.classes:
            with np.errstate(over="ignore", invalid="ignore"):
                numbers = outputs[:, :, 0] * self.goal.scale + self.goal.mean
                spread = numbers.std(axis=0) if several else None
                return Predictions(numbers.mean(axis=0), None, spread, notes)
        mean = outputs.mean(axis=0)
        places = decide(mean)
        each = outputs if mean.shape[1] > 1 else np.concatenate([1 - outputs, outputs], axis=2)
        spread = each.std(axis=0)[np.arange(len(places)), places] if several else None
        labels = np.array(self.goal.classes, dtype=object)[places]
        return Predictions(labels, each.mean(axis=0), spread, notes)

    def _notes(self, table: Table, values: Mapping[str, np.ndarray]) -> Sequence[str]:
        notes = []
        known = {r.name for r in self.features} | set(self.dropped) | {self.goal.name}
        if extra := [name for name in table.names if name not in known]:
            which = counted(len(extra), "column")
            notes.append(f"{which} that the model does not know: {listed(extra)}; passed over")
        for name, levels in self.preprocessing.levels().items():
            new = ~np.isin(values[name], levels) & (values[name] != "")
            if new.any():
                found = listed(sorted(set(values[name][new])), 5)
                notes.append(
                    f"column {quoted(name)}: {counted(int(new.sum()), 'row')} with levels that no "
                    f"training row had: {found}"
                )
        return notes


def read_features(readings: Sequence[Reading], table: Table) -> dict[str, np.ndarray]:
    """The values of features in a table, by name.

    Raises:
        TableError: for a missing column, or a cell of another kind.
    """
    absent = [r.name for r in readings if r.name not in table.cells]
    if absent:
        raise TableError(
            f"the table has no column {listed(absent)}, which the model reads; "
            f"there are {listed(table.names)}"
        )
    return {r.name: r.values(table.cells[r.name], table.lines, table.delimiter) for r in readings}
