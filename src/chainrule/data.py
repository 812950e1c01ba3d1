"""Checks of data before any work is done: shapes, types, values, each with one clear sentence."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.checks import real_number
from chainrule.losses import Loss

if TYPE_CHECKING:
    from chainrule.network import Network


BLOCK = 2**18  # elements that are looked at together: they stay in the cache for a second look


@dataclass(frozen=True)
class Targets:
    """Targets as a program takes them: reals (m, outputs), or integer labels (m,)."""

    values: np.ndarray
    labels: bool

    def rows(self, which: np.ndarray) -> "Targets":
        """The targets of some rows."""
        return Targets(np.ascontiguousarray(self.values[which]), self.labels)

    def one_hot(self, classes: int) -> "Targets":
        """Labels as rows of values; values as they are."""
        return Targets(np.eye(classes)[self.values], False) if self.labels else self

    def read_as(self, dtype: str) -> np.ndarray:
        """What a program reads: labels as they are, reals in its dtype.

        Raises:
            ValueError: for values that overflow in it.
        """
        if self.labels:
            return self.values
        self.check_range(dtype)
        return self.values.astype(dtype, copy=False)

    def check_range(self, dtype: str, name: str = "y") -> None:
        """Refuse finite reals that are infinite in the dtype of the computation.

        Raises:
            ValueError: naming the largest of them.
        """
        found = self.values.dtype
        if found.kind == "f" and found.itemsize > np.dtype(dtype).itemsize:
            check_finite(self.values, name, dtype)


def dtype_of(X: Any) -> str:
    """The dtype to compute in if the data alone decide: float64 for float64, else float32."""
    return "float64" if X.dtype == np.float64 else "float32"


def features(X: Any, inputs: int, name: str = "X", dtype: str | None = None) -> Any:
    """Check features; the array itself if programs can read it.

    Args:
        X: (m, inputs) numbers.
        inputs: how many the network takes.
        name: for messages.
        dtype: of the computation; None stands for that of :func:`dtype_of`.

    Raises:
        ValueError: if it is not numeric, not (m, inputs), empty, or not finite in the dtype.
    """
    if hasattr(X, "tocsr") and hasattr(X, "indptr"):
        X = X.tocsr()
        _check_width(X.shape, inputs, name)
        X.check_format(full_check=True)  # an index out of range would be a crash
        check_finite(X.data, name, dtype or dtype_of(X))
        return X
    array = numeric(X, name)
    if array.ndim != 2:
        raise ValueError(f"{name} must have two dimensions (rows, features), not {array.ndim}")
    _check_width(array.shape, inputs, name)
    check_finite(array, name, dtype or dtype_of(array))
    return array


def refuse_disguised(data: Any, name: str) -> None:
    """Refuse arrays that NumPy would turn into plain ones without what they mean.

    Raises:
        ValueError: for masked values, which would count, and for named fields.
    """
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        rows = np.argwhere(np.ma.getmaskarray(data))[:, 0]
        values = "a masked value" if len(rows) == 1 else f"{len(rows)} masked values, the first"
        raise ValueError(
            f"{name} has {values} in row {rows[0]}: fill what is masked or leave those rows out"
        )
    fields = getattr(getattr(data, "dtype", None), "names", None)
    if fields:
        raise ValueError(
            f"{name} must be plain values, and its elements have the fields {', '.join(fields)}: "
            "give an array with a column for each"
        )


def numeric(data: Any, name: str) -> np.ndarray:
    """An array of numbers.

    Raises:
        ValueError: if it cannot be one.
    """
    refuse_disguised(data, name)
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{name} is not an array: {error}") from None
    if array.dtype == object:
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"{name} must be numbers, and holds other things") from None
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must be numbers, not {array.dtype}")
    return array


def _check_width(shape: tuple[int, ...], inputs: int, name: str) -> None:
    if shape[1] != inputs:
        raise ValueError(f"{name} has {shape[1]} features, and the network takes {inputs}")
    if shape[0] == 0:
        raise ValueError(f"{name} has no rows")


def check_finite(array: np.ndarray, name: str, dtype: str | None = None) -> None:
    """Refuse infinities and NaN, in one pass and constant memory.

    Args:
        array: of any numbers.
        name: for messages.
        dtype: of the computation: what would be infinite in it is refused, too.

    Raises:
        ValueError: naming the first infinity or NaN and its place, or the largest of the numbers.
    """
    if array.dtype.kind != "f" or array.size == 0:
        return
    limit = np.finfo(array.dtype).max
    if dtype is not None:
        limit = min(limit, np.finfo(dtype).max)
    rows = max(1, BLOCK // max(1, array[0].size))
    starts = range(0, len(array), rows)
    with np.errstate(invalid="ignore"):  # NaN is not below any limit
        extremes = ((b.max(), b.min()) for b in (array[k : k + rows] for k in starts))
        if all(high <= limit and low >= -limit for high, low in extremes):
            return
    for start in starts:
        wrong = np.argwhere(~np.isfinite(array[start : start + rows]))
        if wrong.size:
            place = wrong[0] + [start, *[0] * (array.ndim - 1)]
            where = ", ".join(str(k) for k in place)
            raise ValueError(
                f"{name}[{where}] is {array[tuple(place)]}: every value must be finite"
            )
    largest = max(float(array.max()), -float(array.min()))
    raise ValueError(
        f"{name} holds a number of the size {largest:.3g}, too large for {dtype}, in which the "
        "network computes"
    )


def targets(network: "Network", y: Any, rows: int, name: str = "y") -> Targets:
    """Check targets against the network's loss and outputs.

    Raises:
        ValueError: if they are not what the loss takes.
    """
    loss = network.loss
    assert loss is not None
    array = numeric(y, name)
    if len(array.shape) == 0 or len(array) != rows:
        found = len(array) if array.shape else "no"
        raise ValueError(f"{name} has {found} rows, and X has {rows}")
    check_finite(array, name)
    wants_labels = "labels" in loss.forms and (
        array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1 and network.outputs > 1)
    )
    if wants_labels:
        return Targets(_labels(array.reshape(-1), network.outputs, name), True)
    array = array[:, None] if array.ndim == 1 else array
    columns = loss.target_columns(network.outputs)
    if array.ndim != 2 or array.shape[1] != columns:
        needed = f"a column for each of the {columns} outputs"
        if columns != network.outputs:
            needed = f"{columns} columns for the {network.outputs} outputs"
        raise ValueError(f"{name} must have {needed}, not the shape {np.shape(y)}")
    _check_interval(array, loss, name)
    if loss.distribution and not np.allclose(array.sum(axis=1), 1, atol=1e-5):
        raise ValueError(f"each row of {name} must sum to 1 for the loss {loss.name!r}")
    return Targets(array, False)


def _check_interval(array: np.ndarray, loss: Loss, name: str) -> None:
    low, high = loss.targets
    least = array.min()
    if least < low or array.max() > high or (loss.positive and least == low):
        allowed = f"lie between {low:g} and {high:g}"
        if np.isinf(high):
            allowed = f"be {'greater than' if loss.positive else 'at least'} {low:g}"
        raise ValueError(f"{name} must {allowed} for the loss {loss.name!r}")


def _labels(array: np.ndarray, classes: int, name: str) -> np.ndarray:
    if array.dtype.kind == "f" and not np.array_equal(np.floor(array), array):
        raise ValueError(f"{name} must be whole numbers: the classes from 0 to {classes - 1}")
    if array.min() < 0 or array.max() >= classes:
        wrong = array[(array < 0) | (array >= classes)][0]
        raise ValueError(
            f"{name} holds the class {wrong:.0f}, and the network's classes are 0 to {classes - 1}"
        )
    return np.ascontiguousarray(array, dtype=np.int64)


def weights(sample_weight: Any, class_weight: Any, y: Targets, rows: int) -> np.ndarray | None:
    """Example weights scaled to mean one over the training set, or None if all are equal.

    Args:
        sample_weight: (m,) numbers, none negative.
        class_weight: ``"balanced"``, or a mapping from class to weight.
        y: the targets.
        rows: m.

    Raises:
        ValueError: if they are negative, of another length, or for classes that do not occur.
    """
    if sample_weight is None and class_weight is None:
        return None
    total = np.ones(rows)
    if sample_weight is not None:
        total = numeric(sample_weight, "sample_weight").astype(np.float64)
        if total.shape != (rows,):
            raise ValueError(f"sample_weight has the shape {total.shape}, and X has {rows} rows")
        check_finite(total, "sample_weight")
        if total.min() < 0:
            raise ValueError("sample_weight must not be negative")
    if class_weight is not None:
        total = total * _class_weights(class_weight, y)
    return mean_one(total)


def mean_one(weights: np.ndarray) -> np.ndarray:
    """Weights scaled to mean one.

    Raises:
        ValueError: if they are all 0.
    """
    if weights.size and weights.max() > 1e300:  # whose sum would overflow
        weights = weights / weights.max()
    if weights.sum() <= 0:
        raise ValueError(
            "the weights of the examples sum to 0: sample_weight and class_weight must leave one "
            "above 0"
        )
    return np.asarray(weights / weights.mean())


def _class_weights(class_weight: Any, y: Targets) -> np.ndarray:
    classes = y.values if y.labels else _classes_of_values(y.values)
    found, counts = np.unique(classes, return_counts=True)
    if class_weight == "balanced":
        table = dict(zip(found.tolist(), classes.size / (found.size * counts), strict=True))
    elif hasattr(class_weight, "items"):
        table = dict(class_weight)
        for key, value in table.items():
            if key not in found:
                raise ValueError(f"class_weight names the class {key!r}, which does not occur in y")
            if not real_number(value) or value < 0:
                raise ValueError(f"class_weight of class {key!r} must be at least 0, not {value}")
    else:
        raise ValueError(f"class_weight is 'balanced' or a mapping, not {class_weight!r}")
    return np.array([table.get(c, 1.0) for c in classes.tolist()])


def _classes_of_values(values: np.ndarray) -> np.ndarray:
    if values.shape[1] > 1:
        return np.argmax(values, axis=1)
    classes = values[:, 0].astype(np.int64)
    if not np.array_equal(classes, values[:, 0]):
        raise ValueError("class_weight needs classes as targets")
    return classes
