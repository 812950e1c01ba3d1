"""Permutation importance: what the model loses when a column no longer belongs to its row."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chainrule.report.bars import Bar, bars
from chainrule.report.words import figure as number
from chainrule.report.words import shown
from chainrule.tables.fitting import Fitted
from chainrule.tables.preprocessing import Preprocessing, frame_of

MOST_ROWS = 1000
MOST_BARS = 20
LEAST_ROWS = 100
REPEATS = 10
LEAST_REPEATS = 3  # for which rather fewer rows are taken
BUDGET = 8e9  # multiplications: a second or two


@dataclass(frozen=True)
class Importance:
    """The importance of each column.

    Attributes:
        bars: of the columns that matter most.
        rest: how many are not among them.
        rows: on how many it was measured.
        held: whether the model had not learned from these.
        repeats: how often each column was shuffled.
        figure: what a bar is, in words.
    """

    bars: list[Bar]
    rest: int
    rows: int
    held: bool
    repeats: int
    figure: str


def importance_of(fitted: Fitted, seed: int = 0) -> Importance:
    """Shuffle one column after the other over the rows held out; of none, over training rows.

    Args:
        fitted: the model with its table.
        seed: of the shuffles.

    Source: Breiman, 'Random forests', 2001.
    """
    plan, model = fitted.plan, fitted.model
    rng = np.random.default_rng(seed)
    rows, held = (plan.held, True) if plan.held.size else (plan.train, False)
    count, repeats = _size(fitted, len(rows))
    rows = np.sort(rng.choice(rows, count, replace=False)) if count < len(rows) else rows
    inputs = model.preprocessing.inputs({name: v[rows] for name, v in plan.values.items()})
    true = plan.target.values[rows]
    if model.goal.classes:
        true = np.array(model.goal.classes, dtype=object)[true]
    before = _error(fitted, inputs, true)
    names, rises, spreads = [], [], []
    for name, found_at in inputs_by_column(model.preprocessing).items():
        places = np.array(found_at)
        found = []
        for _ in range(repeats):
            shuffled = inputs.copy()
            shuffled[:, places] = inputs[np.ix_(rng.permutation(count), places)]
            found.append(_error(fitted, shuffled, true) - before)
        names.append(name)
        rises.append(float(np.mean(found)))
        spreads.append(float(np.std(found)))
    order = np.argsort(-np.array(rises), kind="stable")[:MOST_BARS]
    classes = bool(model.goal.classes)
    return Importance(
        bars(
            [shown(names[k]) for k in order], [rises[k] for k in order],
            [_words(rises[k], spreads[k], classes) for k in order],
        ),
        len(names) - len(order), count, held, repeats,
        "how many percentage points of accuracy are lost" if classes
        else "how much the RMSE grows",
    )  # fmt: skip


def inputs_by_column(preprocessing: Preprocessing) -> Mapping[str, list[int]]:
    """Which of the network's inputs come from which column, by the column's name."""
    transformer = preprocessing.transformer
    owners = {
        part: reading.name
        for reading in preprocessing.readings
        for part in frame_of((reading,), {reading.name: _nothing(reading.kind)})
    }
    places: dict[str, list[int]] = {reading.name: [] for reading in preprocessing.readings}
    for part, _, chosen in transformer.transformers_:
        found = transformer.output_indices_[part]
        inputs = range(found.start, found.stop)
        if len(chosen) == 1:
            places[owners[chosen[0]]] += inputs
        else:  # of several columns at once, each has one input
            for name, at in zip(chosen, inputs, strict=True):
                places[owners[name]].append(at)
    return places


def _nothing(kind: str) -> np.ndarray:
    return np.array([""], object) if kind == "text" else np.zeros(1)


def _size(fitted: Fitted, rows: int) -> tuple[int, int]:
    """How many rows and repeats the budget allows: a matter of sizes, not of the clock."""
    model = fitted.model
    weights = sum(network.vector.size for network in model.networks)
    a_row = max(1, weights * len(model.features))
    few = int(np.clip(BUDGET // (a_row * LEAST_REPEATS), LEAST_ROWS, MOST_ROWS))
    count = min(rows, few)
    repeats = int(np.clip(BUDGET // (a_row * count), 1, REPEATS))
    return count, repeats


def _error(fitted: Fitted, inputs: np.ndarray, true: np.ndarray) -> float:
    """The share of wrong labels, or the root mean square error where predictions are finite.

    True are labels or numbers.
    """
    model = fitted.model
    said = model.read_outputs(model.outputs(inputs)).values
    if not model.goal.classes:
        off = (said - true)[np.isfinite(said)]
        return float(np.sqrt(np.mean(off**2))) if off.size else float("nan")
    return float(np.mean(said != true))


def _words(rise: float, spread: float, classes: bool) -> str:
    if classes:
        return f"{100 * rise:.1f} ± {100 * spread:.1f}".replace("-", "−")
    return f"{number(rise, 3)} ± {number(spread, 3)}"
