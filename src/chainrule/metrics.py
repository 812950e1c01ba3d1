"""Metrics and decision rules: what predictions are worth, computed from outputs and targets."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.registry import Registry


def decide(outputs: Any, k: float = 0.5) -> np.ndarray:
    """The class of each row: argmax of several outputs; 1 where a single one is at least ``k``.

    Args:
        outputs: (m, K) or (m,).
        k: the threshold for a single output.

    Returns:
        int64 (m,).

    Source: 000, "Activation functions" (threshold with k = ½) and "Multinomial output".

    >>> decide(np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]))
    array([1, 0])
    >>> decide(np.array([0.5, 0.49]))
    array([1, 0])
    """
    outputs = np.asarray(outputs)
    if outputs.ndim == 2 and outputs.shape[1] > 1:
        return np.argmax(outputs, axis=1).astype(np.int64)
    return (outputs.reshape(-1) >= k).astype(np.int64)


def one_hot(labels: Any, classes: int) -> np.ndarray:
    """One-hot rows of labels (m,) that count from 0: float64 (m, classes).

    Raises:
        ValueError: if a label is not one of the whole numbers 0 ... classes − 1.

    Source: 000, "Multinomial output"; its class 4 of 6, counted from 1, is label 3 here.

    >>> one_hot(np.array([3]), 6)
    array([[0., 0., 0., 1., 0., 0.]])
    """
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(f"labels must be a vector, not of the shape {labels.shape}")
    if not np.isin(labels, np.arange(classes)).all():
        raise ValueError(f"labels must be whole numbers between 0 and {classes - 1}")
    return np.eye(classes)[labels.astype(np.int64)]


@dataclass(frozen=True)
class Metric:
    """A figure computed from targets and outputs.

    Attributes:
        name: under which the registry finds it.
        compute: the function of (targets, outputs); targets as given to the training.
        greater_is_better: which way is up.
        classification: whether the targets are classes.
    """

    name: str
    compute: Callable[[np.ndarray, np.ndarray], float]
    greater_is_better: bool
    classification: bool
    aliases: tuple[str, ...] = ()

    def check(self, predicts: str, loss: str) -> None:
        """Refuse outputs that it cannot be computed from.

        Args:
            predicts: what the outputs are, as :class:`chainrule.losses.Loss` says.
            loss: its name, for the message.

        Raises:
            ValueError: naming the metric and the loss.
        """
        possible = CLASSES if self.classification else NUMBERS
        if predicts not in possible:
            needs = "classes" if self.classification else "one value for each target"
            raise ValueError(
                f"the metric {self.name!r} cannot be computed for the loss {loss!r}: it needs "
                f"{needs}, and the outputs are {predicts}"
            )

    def of_outputs(self, y: np.ndarray, outputs: np.ndarray, predicts: str = "targets") -> float:
        """The figure of a network's outputs: of the means where variances stand beside them."""
        if predicts == "means and variances":
            outputs = outputs[:, : outputs.shape[1] // 2]
        if predicts == "scores" and outputs.shape[1] == 1:
            outputs = outputs >= 0
        return self.compute(y, outputs)


CLASSES = ("targets", "scores")
NUMBERS = ("targets", "values", "means and variances")


def _labels(y: np.ndarray) -> np.ndarray:
    return np.argmax(y, axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)


def _accuracy(y: np.ndarray, outputs: np.ndarray) -> float:
    return float(np.mean(_labels(y) == decide(outputs)))


def _values(y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Targets in the shape of the outputs; labels become one-hot rows."""
    if y.size < outputs.size:
        return one_hot(y.reshape(-1), outputs.shape[1])
    return y.reshape(outputs.shape)


def _squares(y: np.ndarray, outputs: np.ndarray) -> float:
    return float(np.mean((_values(y, outputs) - outputs) ** 2, dtype=np.float64))


def _absolute(y: np.ndarray, outputs: np.ndarray) -> float:
    return float(np.mean(np.abs(_values(y, outputs) - outputs), dtype=np.float64))


def _r2(y: np.ndarray, outputs: np.ndarray) -> float:
    y = _values(y, outputs).astype(np.float64)
    spread = np.sum((y - y.mean(axis=0)) ** 2)
    return float(1 - np.sum((y - outputs) ** 2) / spread) if spread else float("nan")


metrics: Registry[Metric] = Registry("metric")
metrics.register(Metric("accuracy", _accuracy, True, True))
metrics.register(Metric("mean_squared_error", _squares, False, False))
metrics.register(Metric("mean_absolute_error", _absolute, False, False))
metrics.register(Metric("r2", _r2, True, False))
