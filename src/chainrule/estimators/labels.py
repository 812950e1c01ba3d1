"""Labels of any type, and the targets and outputs of a network that stand for them."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels

Kind = Literal["binary", "multiclass", "multilabel"]


@dataclass(frozen=True)
class Labels:
    """The labels of a classification, in sorted order.

    Attributes:
        classes: the labels; of several labels at once the numbers of the columns.
        kind: ``binary`` (up to two classes, one output), ``multiclass`` (an output for each) or
            ``multilabel`` (an output for each label, which an example has or has not).

    >>> labels = Labels.of(np.array(["no", "yes", "no"]))
    >>> labels.numbers(np.array(["yes", "no"]))
    array([1, 0])
    >>> labels.decided(np.array([[0.75], [0.25]]), 0.5)
    array(['yes', 'no'], dtype='<U3')
    """

    classes: np.ndarray
    kind: Kind

    @classmethod
    def of(cls, y: Any) -> "Labels":
        """Those that occur in y: (m,), or an indicator matrix (m, K).

        Raises:
            ValueError: for targets that are no labels, or several columns of classes.
        """
        check_classification_targets(y)
        target = type_of_target(y)
        if target.endswith("multioutput"):
            raise ValueError(
                "y has several columns of classes: this classifier takes one column, or an "
                "indicator matrix of labels that are there (1) or not (0)"
            )
        if target == "multilabel-indicator":
            return cls(np.arange(y.shape[1]), "multilabel")
        return cls.known(y)

    @classmethod
    def known(cls, classes: Any) -> "Labels":
        """The labels that are given, each once or more often."""
        unique = np.asarray(unique_labels(classes))
        return cls(unique, "binary" if unique.size <= 2 else "multiclass")

    @property
    def outputs(self) -> int:
        """Outputs of a network for them."""
        return 1 if self.kind == "binary" else len(self.classes)

    def numbers(self, y: np.ndarray) -> np.ndarray:
        """The places of labels, all of them known, among the classes: int64."""
        return np.searchsorted(self.classes, y).astype(np.int64)

    def unknown(self, y: Any) -> np.ndarray:
        """The labels in y that are none of these."""
        if self.kind == "multilabel":
            return np.arange(len(self.classes), max(y.shape[1], len(self.classes)))
        return np.setdiff1d(unique_labels(y), self.classes)

    def targets(self, y: Any, as_labels: bool) -> np.ndarray:
        """What a network is trained on: numbers (m,), or rows of 0 and 1 (m, outputs).

        Args:
            y: labels, all of them known.
            as_labels: whether the loss takes the numbers of classes.
        """
        if self.kind == "multilabel":
            dense = y.toarray() if hasattr(y, "toarray") else y
            return (np.asarray(dense) != 0).astype(np.uint8)
        numbers = self.numbers(y)
        if self.kind == "binary":
            return numbers[:, None]
        return numbers if as_labels else np.eye(len(self.classes), dtype=np.uint8)[numbers]

    def decided(self, outputs: np.ndarray, threshold: float) -> np.ndarray:
        """The labels of outputs (m, outputs): those above the threshold, or the largest."""
        if self.kind == "multilabel":
            return (outputs > threshold).astype(np.int64)
        return self.classes.take(self.places(outputs, threshold))

    def places(self, outputs: np.ndarray, threshold: float) -> np.ndarray:
        """The same as places among the classes: (m,)."""
        if self.kind == "binary":
            last = len(self.classes) - 1
            return np.minimum(outputs[:, 0] > threshold, last)
        return outputs.argmax(axis=1)

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """A column for each class."""
        if self.kind == "binary":
            return np.hstack([1 - outputs, outputs])
        return outputs
