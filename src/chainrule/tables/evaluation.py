"""What a model is worth on rows that it did not learn from, beside the simplest guess."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.tables.errors import TableError, counted
from chainrule.tables.model import Predictions
from chainrule.tables.task import Target

#: The figures of each kind of task, the first the one that counts; True where larger is better.
FIGURES: Mapping[str, Mapping[str, bool]] = {
    "classes": {
        "accuracy": True, "balanced_accuracy": True, "f1_macro": True, "log_loss": False,
        "roc_auc": True,
    },
    "numbers": {"rmse": False, "mae": False, "r2": True},
}  # fmt: skip


@dataclass(frozen=True)
class Judged:
    """Rows that were predicted and are known.

    Attributes:
        true: (m,) labels that count the classes, or numbers.
        predicted: (m,) alike.
        probabilities: (m, K) of the classes; None for numbers.
    """

    true: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray | None = None


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of a model.

    Attributes:
        rows: how many were judged.
        figures: by name; of folds the means. None where a figure is not defined.
        spread: of folds the standard deviations; else empty.
        guess: the most frequent class of the training rows, or their mean.
        guess_figures: of always predicting that.
        classes: in the order of the labels; none for numbers.
        confusion: (K, K) counts: a row for each true class, a column for each predicted.
        judged: all rows, for pictures.
    """

    rows: int
    figures: Mapping[str, float | None]
    spread: Mapping[str, float | None]
    guess: str | int | float
    guess_figures: Mapping[str, float | None]
    classes: tuple[str | int | float, ...]
    confusion: np.ndarray | None
    judged: Judged

    def to_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = {"rows": self.rows, "figures": dict(self.figures)}
        if self.spread:
            found["deviation_between_folds"] = dict(self.spread)
        found["guess"] = {"value": self.guess, "figures": dict(self.guess_figures)}
        if self.confusion is not None:
            found["classes"] = list(self.classes)
            found["confusion_matrix"] = self.confusion.tolist()
        return found

    @property
    def infinite(self) -> int:
        """How many predicted numbers are not finite; there are no figures of errors then."""
        return int((~np.isfinite(self.judged.predicted)).sum())

    def better(self, figure: str) -> bool:
        """Whether the model is better than the guess."""
        mine, other = self.figures[figure], self.guess_figures[figure]
        larger = figures_of(bool(self.classes))[figure]
        return mine is not None and (other is None or (mine > other if larger else mine < other))


def figures_of(classes: bool) -> Mapping[str, bool]:
    """The figures of a task, with whether larger is better."""
    return FIGURES["classes" if classes else "numbers"]


def check_figure(name: str, classes: bool) -> None:
    """Refuse a figure that the task does not have.

    Raises:
        TableError: that names those it has.
    """
    known = figures_of(classes)
    if name not in known:
        kind = "a classification" if classes else "a regression"
        raise TableError(f"the metric of {kind} is one of {', '.join(known)}, not {name!r}")


def without_errors(evaluation: Evaluation) -> str:
    """Why there are no figures of errors, in a sentence."""
    which = counted(evaluation.infinite, "prediction overflows", "predictions overflow")
    return f"{which}, too far from the training rows, so that the errors have no figures"


def evaluate(
    target: Target, parts: Sequence[tuple[Predictions, np.ndarray]], trained: np.ndarray
) -> Evaluation:
    """Compare predictions with what is true.

    Args:
        target: what is predicted.
        parts: predictions and true values, of one set of rows or of each fold.
        trained: the values of the training rows, for the guess.
    """
    judged = [_judged(target, predictions, true) for predictions, true in parts]
    every = _together(judged)
    if target.classes:
        guess_label = int(np.argmax(np.bincount(trained, minlength=len(target.classes))))
        guess: Any = target.classes[guess_label]
        always = [_always_class(one, trained, guess_label, len(target.classes)) for one in judged]
    else:
        guess = float(np.mean(trained))
        always = [Judged(one.true, np.full(len(one.true), guess)) for one in judged]
    figures, spread = _of_parts(judged, target)
    confusion = None
    if target.classes:
        from sklearn.metrics import confusion_matrix

        labels = np.arange(len(target.classes))
        confusion = confusion_matrix(every.true, every.predicted, labels=labels)
    return Evaluation(
        len(every.true), figures, spread, guess, _of_parts(always, target)[0], target.classes,
        confusion, every,
    )  # fmt: skip


def _judged(target: Target, predictions: Predictions, true: np.ndarray) -> Judged:
    if not target.classes:
        return Judged(true, predictions.values)
    place = {label: number for number, label in enumerate(target.classes)}
    predicted = np.array([place[label] for label in predictions.values], np.int64)
    return Judged(true, predicted, predictions.probabilities)


def _together(parts: Sequence[Judged]) -> Judged:
    probabilities = None
    if parts[0].probabilities is not None:
        probabilities = np.concatenate(
            [p.probabilities for p in parts if p.probabilities is not None]
        )
    return Judged(
        np.concatenate([p.true for p in parts]), np.concatenate([p.predicted for p in parts]),
        probabilities,
    )  # fmt: skip


def _always_class(one: Judged, trained: np.ndarray, label: int, classes: int) -> Judged:
    """Always the most frequent class, with the shares of the training rows as probabilities."""
    shares = np.bincount(trained, minlength=classes) / len(trained)
    return Judged(
        one.true, np.full(len(one.true), label), np.tile(shares, (len(one.true), 1))
    )  # fmt: skip


def _of_parts(
    parts: Sequence[Judged], target: Target
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    each = [_figures(one, len(target.classes)) for one in parts]
    means: dict[str, float | None] = {}
    spread: dict[str, float | None] = {}
    for name in each[0]:
        known = [found[name] for found in each]
        values = [value for value in known if value is not None]
        means[name] = float(np.mean(values)) if len(values) == len(known) else None
        spread[name] = float(np.std(values)) if len(values) == len(known) else None
    return means, spread if len(parts) > 1 else {}


def _figures(one: Judged, classes: int) -> dict[str, float | None]:
    if not classes:
        return _errors(one.predicted, one.true)
    from sklearn.metrics import f1_score

    labels = np.arange(classes)
    right = one.predicted == one.true
    present = [k for k in labels if (one.true == k).any()]
    assert one.probabilities is not None
    true = np.clip(one.probabilities[np.arange(len(one.true)), one.true], 1e-15, 1)
    return {
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(np.mean([right[one.true == k].mean() for k in present])),
        "f1_macro": float(
            f1_score(one.true, one.predicted, labels=present, average="macro", zero_division=0)
        ),
        "log_loss": float(-np.log(true).mean()),
        "roc_auc": _area(one, classes),
    }


def _area(one: Judged, classes: int) -> float | None:
    """The area under the ROC curve, of several classes the mean of each against the rest."""
    from sklearn.metrics import roc_auc_score

    assert one.probabilities is not None
    areas = []
    for label in range(classes) if classes > 2 else (1,):
        is_it = one.true == label
        if is_it.all() or not is_it.any():
            return None
        areas.append(roc_auc_score(is_it, one.probabilities[:, label]))
    return float(np.mean(areas))


def _errors(predicted: np.ndarray, true: np.ndarray) -> dict[str, float | None]:
    if not np.isfinite(predicted).all():
        return dict.fromkeys(FIGURES["numbers"])
    off = predicted - true
    spread = float(np.sum((true - true.mean()) ** 2))
    return {
        "rmse": float(np.sqrt(np.mean(off**2))),
        "mae": float(np.mean(np.abs(off))),
        "r2": 1 - float(np.sum(off**2)) / spread if spread > 0 else None,
    }
