"""Labels of any type, and the targets and outputs of a network that stand for them."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import sparse
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d

Kind = Literal["binary", "multiclass", "multilabel"]


@dataclass(frozen=True)
class Labels:
    """The labels of a classification, in sorted order.

    Attributes:
        classes: the labels; of several labels at once the numbers of the columns.
        kind: ``binary`` (up to two classes, one output), ``multiclass`` (an output for each) or
            ``multilabel`` (an output for each label, which an example has or has not).
        threshold: of a single output, above which a label is there; 0 for scores.
        sparse: whether the indicator matrix was sparse, and decisions are to be.

    >>> labels = Labels.of(np.array(["no", "yes", "no"]))
    >>> labels.numbers(np.array(["yes", "no"]))
    array([1, 0])
    >>> labels.decided(np.array([[0.75], [0.25]]))
    array(['yes', 'no'], dtype='<U3')
    """

    classes: np.ndarray
    kind: Kind
    threshold: float = 0.5
    sparse: bool = False

    @classmethod
    def of(cls, y: Any) -> "Labels":
        """Those that occur in y: (m,), or an indicator matrix (m, K).

        Raises:
            ValueError: for targets that are no labels, or several columns of classes.
            TypeError: for labels of several types.
        """
        if isinstance(y, np.ndarray) and y.ndim == 1 and y.dtype.kind in "biuU":
            return cls._sorted(np.unique(y))  # which type_of_target would find, but slowly
        _refuse_mixed(y)
        check_classification_targets(y)
        target = type_of_target(y)
        if target.endswith("multioutput"):
            raise ValueError(
                "y has several columns of classes: this classifier takes one column, or an "
                "indicator matrix of labels that are there (1) or not (0)"
            )
        if target == "multilabel-indicator":
            return cls(np.arange(y.shape[1]), "multilabel", sparse=sparse.issparse(y))
        return cls.known(y)

    @classmethod
    def known(cls, classes: Any) -> "Labels":
        """The labels that are given, each once or more often."""
        return cls._sorted(np.asarray(unique_labels(classes)))

    @classmethod
    def _sorted(cls, classes: np.ndarray) -> "Labels":
        return cls(classes, "binary" if classes.size <= 2 else "multiclass")

    @property
    def outputs(self) -> int:
        """Outputs of a network for them."""
        return 1 if self.kind == "binary" else len(self.classes)

    def numbers(self, y: np.ndarray) -> np.ndarray:
        """The places of labels among the classes: int64.

        Raises:
            ValueError: for labels that are none of them.
        """
        try:
            places = np.searchsorted(self.classes, y)
            np.minimum(places, len(self.classes) - 1, out=places)
            known = np.array_equal(self.classes.take(places), y)
        except TypeError:  # of another kind, which cannot be compared
            known = False
        if not known:
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes}. 'y' has {np.unique(y)}."
            )
        return places.astype(np.int64, copy=False)

    def targets(self, y: Any, as_labels: bool) -> np.ndarray:
        """What a network is trained on: numbers (m,), or rows of 0 and 1 (m, outputs).

        Args:
            y: labels: (m,), or an indicator matrix (m, K).
            as_labels: whether the loss takes the numbers of classes.

        Raises:
            ValueError: for labels that are none of the classes, or another number of columns.
        """
        if self.kind == "multilabel":
            if y.ndim != 2 or y.shape[1] != len(self.classes):
                raise ValueError(
                    f"y must have {len(self.classes)} columns, one for each label, not the shape "
                    f"{y.shape}"
                )
            dense = y.toarray() if hasattr(y, "toarray") else y
            return (np.asarray(dense) != 0).astype(np.uint8)
        if y.ndim != 1:
            raise ValueError(f"y must be one column of labels, not the shape {y.shape}")
        numbers = self.numbers(y)
        if self.kind == "binary":
            return numbers[:, None]
        return numbers if as_labels else np.eye(len(self.classes), dtype=np.uint8)[numbers]

    def decided(self, outputs: np.ndarray) -> Any:
        """The labels of outputs (m, outputs): those above the threshold, or the largest."""
        if self.kind == "multilabel":
            found = (outputs > self.threshold).astype(np.int64)
            return sparse.csr_matrix(found) if self.sparse else found
        return self.classes.take(self.places(outputs))

    def places(self, outputs: np.ndarray) -> np.ndarray:
        """The same as places among the classes: (m,)."""
        if self.kind == "binary":
            last = len(self.classes) - 1
            return np.minimum(outputs[:, 0] > self.threshold, last)
        return outputs.argmax(axis=1)

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """A column for each class."""
        if self.kind == "binary":
            return np.hstack([1 - outputs, outputs])
        return outputs


def one_column(y: Any) -> Any:
    """A single column as a vector, with scikit-learn's warning."""
    return column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y


def numbers_of(targets: np.ndarray) -> np.ndarray:
    """The numbers of classes, of targets in any form."""
    if targets.ndim == 1:
        return targets
    return targets[:, 0] if targets.shape[1] == 1 else targets.argmax(axis=1)


def refuse_missing(y: Any, name: str) -> None:
    """Refuse labels that are not there.

    Raises:
        ValueError: naming the first of them.
    """
    if isinstance(y, np.ndarray) and y.dtype != object:
        return  # NaN is found with the other numbers
    try:
        rows = np.asarray(y, dtype=object if isinstance(y, list | tuple) else None)
    except ValueError:
        return  # of no shape: what checks shapes says so
    if rows.dtype == object and rows.ndim and rows.size:
        missing = np.flatnonzero(_gaps(rows.reshape(len(rows), -1)).any(axis=1))
        if missing.size:
            labels = "a label" if missing.size == 1 else f"{missing.size} labels, the first"
            raise ValueError(f"{name} misses {labels} in row {missing[0]} (NaN, None or NA)")


def _gaps(labels: np.ndarray) -> np.ndarray:
    """Which labels are missing; pandas' NA is neither equal nor unequal to itself."""
    try:
        return np.asarray((labels != labels) | (labels == None), dtype=bool)  # noqa: E711
    except TypeError:
        return np.frompyfunc(_is_gap, 1, 1)(labels).astype(bool)
    except ValueError:  # labels that are arrays
        return np.zeros(labels.shape, bool)


def _is_gap(label: Any) -> bool:
    try:
        return label is None or bool(label != label)
    except TypeError:
        return True


def _refuse_mixed(y: Any) -> None:
    """Refuse labels that have no order, which classes are in."""
    if getattr(y, "dtype", None) != np.dtype(object):
        return
    kinds = sorted({type(label).__name__ for label in np.asarray(y, dtype=object).ravel()})
    if "str" in kinds and len(kinds) > 1:
        raise TypeError(
            f"y must be labels of one type, and these are of several: {', '.join(kinds)}"
        )
