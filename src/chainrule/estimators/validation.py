"""The rows that an estimator is judged by during its training, and by what figure."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.data import mean_one
from chainrule.estimators.parameters import said_of
from chainrule.network import Network
from chainrule.prediction import Predictor
from chainrule.training.callbacks import Epoch


@dataclass(frozen=True)
class Rows:
    """Checked rows: what a network is trained on, or judged by.

    Attributes:
        X: features.
        y: targets, as a network takes them.
        weights: of the rows, or None.
    """

    X: Any
    y: np.ndarray
    weights: np.ndarray | None = None

    def some(self, which: np.ndarray) -> "Rows":
        """Some of them."""
        weights = None if self.weights is None else self.weights[which]
        return Rows(self.X[which], self.y[which], weights)


def split(
    rows: Rows, share: float, strata: np.ndarray | None, random: np.random.RandomState
) -> tuple[Rows, Rows]:
    """Hold out a share of the rows, drawn as scikit-learn draws them.

    Args:
        rows: all of them.
        share: to hold out, in (0, 1).
        strata: groups that are to have the same shares on both sides, or None.
        random: what draws.

    Returns:
        The rows to train on, and those held out.

    Raises:
        ValueError: if too few rows are left on a side, or a group cannot be on both.
    """
    from sklearn.model_selection import train_test_split

    every = np.arange(rows.X.shape[0])
    with said_of("validation_fraction"):
        kept, held = train_test_split(every, test_size=share, stratify=strata, random_state=random)
    if held.size < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your "
            "dataset."
        )
    kept_rows, held_rows = rows.some(kept), rows.some(held)
    if held_rows.weights is not None and not held_rows.weights.any():
        raise ValueError(
            "validation_fraction: the weights of all rows held out are 0, which judges nothing"
        )
    return kept_rows, held_rows


class OfOutputs:
    """A score computed from the outputs of the network; use it as a context manager.

    Args:
        network: that is being trained.
        X: rows that it is judged by.
        figure: of the outputs for them.
    """

    def __init__(self, network: Network, X: Any, figure: Callable[[np.ndarray], float]) -> None:
        self._predictor, self._figure = Predictor(network, X), figure

    def __enter__(self) -> "OfOutputs":
        self._predictor.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._predictor.__exit__(*details)

    def __call__(self, _epoch: Epoch) -> float:
        outputs = self._predictor.run()
        return float(self._figure(outputs)) if np.isfinite(outputs).all() else math.nan


def accuracy(
    decided: Callable[[np.ndarray], np.ndarray], y: np.ndarray, weights: np.ndarray | None
) -> Callable[[np.ndarray], float]:
    """The share of the rows, or of their weight, that is decided as in y; all columns of a row."""
    weights = None if weights is None else mean_one(weights)

    def figure(outputs: np.ndarray) -> float:
        right = decided(outputs) == y
        right = right.all(axis=1) if right.ndim == 2 else right
        return float(np.average(right, weights=weights))

    return figure


def r2(y: np.ndarray, weights: np.ndarray | None) -> Callable[[np.ndarray], float]:
    """R², the mean over the columns; a column that does not vary has 1 if met, else 0."""
    y = y.astype(np.float64)
    weights = None if weights is None else mean_one(weights)
    with np.errstate(over="ignore", invalid="ignore"):
        means = np.average(y, axis=0, weights=weights)
        spread = np.average((y - means) ** 2, axis=0, weights=weights)

    def figure(outputs: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            left = np.average((y - outputs) ** 2, axis=0, weights=weights)
            each = np.where(spread > 0, 1 - left / spread, np.where(left > 0, 0.0, 1.0))
        return float(each.mean())

    return figure
