"""What a network is worth on the rows that were held out, beside the simplest guess."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.metrics import decide


@dataclass(frozen=True)
class ClassEvaluation:
    """The evaluation of a classifier.

    Attributes:
        rows: how many were held out.
        accuracy: the share of them that the network decides rightly.
        majority: the most frequent class of the training rows.
        majority_accuracy: the share that always guessing it gets right.
        classes: in the order of the matrix.
        confusion: (K, K) counts: a row of it for each true class, a column for each predicted.
    """

    rows: int
    accuracy: float
    majority: str | int | float
    majority_accuracy: float
    classes: tuple[str | int | float, ...]
    confusion: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        return {
            "held_out_rows": self.rows,
            "accuracy": self.accuracy,
            "majority_class": self.majority,
            "majority_class_accuracy": self.majority_accuracy,
            "classes": list(self.classes),
            "confusion_matrix": self.confusion.tolist(),
        }


@dataclass(frozen=True)
class NumberEvaluation:
    """The evaluation of a regression, in the target's own unit.

    Attributes:
        rows: how many were held out.
        rmse: root of the mean squared error.
        mae: mean absolute error.
        r2: the share of the variance that is explained; None where there is no variance.
        mean: the guess to compare with, the mean of the training rows.
        mean_rmse: the errors of that guess.
        mean_mae: the same.
        mean_r2: the same.
    """

    rows: int
    rmse: float
    mae: float
    r2: float | None
    mean: float
    mean_rmse: float
    mean_mae: float
    mean_r2: float | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "held_out_rows": self.rows,
            "rmse": self.rmse,
            "mae": self.mae,
            "r2": self.r2,
            "predicting_the_mean": {
                "mean": self.mean,
                "rmse": self.mean_rmse,
                "mae": self.mean_mae,
                "r2": self.mean_r2,
            },
        }


Evaluation = ClassEvaluation | NumberEvaluation


def evaluate_classes(
    outputs: np.ndarray, labels: np.ndarray, trained: np.ndarray,
    classes: Sequence[str | int | float],
) -> ClassEvaluation:  # fmt: skip
    """Compare outputs with the labels of the held-out rows.

    Args:
        outputs: (m, 1) or (m, K) probabilities.
        labels: (m,) true labels.
        trained: the labels of the training rows.
        classes: what the labels count.
    """
    from sklearn.metrics import confusion_matrix

    decided = decide(outputs)
    majority = int(np.argmax(np.bincount(trained, minlength=len(classes))))
    return ClassEvaluation(
        rows=len(labels),
        accuracy=float(np.mean(decided == labels)),
        majority=classes[majority],
        majority_accuracy=float(np.mean(labels == majority)),
        classes=tuple(classes),
        confusion=confusion_matrix(labels, decided, labels=np.arange(len(classes))),
    )


def evaluate_numbers(
    predicted: np.ndarray, values: np.ndarray, trained: np.ndarray
) -> NumberEvaluation:
    """Compare predictions with the values of the held-out rows.

    Args:
        predicted: (m,) in the unit of the target.
        values: (m,) true values.
        trained: the values of the training rows.
    """
    mean = float(np.mean(trained))
    rmse, mae, r2 = _errors(predicted, values)
    return NumberEvaluation(
        len(values), rmse, mae, r2, mean, *_errors(np.full(values.shape, mean), values)
    )


def _errors(predicted: np.ndarray, values: np.ndarray) -> tuple[float, float, float | None]:
    off = predicted - values
    spread = float(np.sum((values - values.mean()) ** 2))
    r2 = 1 - float(np.sum(off**2)) / spread if spread > 0 else None
    return float(np.sqrt(np.mean(off**2))), float(np.mean(np.abs(off))), r2
