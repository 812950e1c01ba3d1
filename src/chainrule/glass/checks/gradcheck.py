"""The gradient checker: the program's gradients against central differences, in float64."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from chainrule import data
from chainrule.engine.builder import gradient_name
from chainrule.engine.executor import Executor
from chainrule.glass.traces.trace import examples, trace
from chainrule.lowering import lower
from chainrule.network import Network

FLOOR = 1e-8  # norms below this are compared absolutely
#: What rounding may do to a difference of two losses, in units of the last place of the loss.
ROUNDING = 4


@dataclass(frozen=True)
class Check:
    """What was found for one parameter.

    Attributes:
        error: ‖dW − dW′‖ / max(‖dW‖, ‖dW′‖, floor), with dW′ by central differences. The floor is
            where the rounding of the loss is as large as the tolerance allows.
        checked: elements compared.
        left_out: elements left out, because a kink lies between the two points of the difference.
    """

    error: float
    checked: int
    left_out: int


@dataclass(frozen=True)
class GradientCheck:
    """The result of :func:`gradcheck`, by parameter.

    Attributes:
        tolerance: what each error is held against.
    """

    parameters: dict[str, Check] = field(default_factory=dict)
    tolerance: float = 1e-6

    @property
    def ok(self) -> bool:
        return all(check.error < self.tolerance for check in self.parameters.values())

    @property
    def worst(self) -> float:
        return max(check.error for check in self.parameters.values())

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        width = max(len(name) for name in self.parameters)
        lines = [
            f"{name.ljust(width)}  error {check.error:.2e}  "
            f"{'ok' if check.error < self.tolerance else 'WRONG'}  "
            f"{check.checked} elements"
            + (f", {check.left_out} left out at kinks" if check.left_out else "")
            for name, check in self.parameters.items()
        ]
        return "\n".join(lines)


def gradcheck(
    network: Network,
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    h: float = 1e-5,
    tolerance: float = 1e-6,
    gradients: dict[str, np.ndarray] | None = None,
) -> GradientCheck:
    """Compare every gradient of the network's program with central differences.

    (L(θ + h) − L(θ − h)) / 2h for each element θ of each parameter. Where the sign of a value in
    front of a kink differs between the two points, the difference says nothing about the
    derivative: the element is left out and counted.

    Args:
        network: with a loss; its parameters are read, not changed.
        X, y, sample_weight: as for the training; a few rows are enough.
        h: half the distance of the two points.
        tolerance: what the relative error of a parameter must stay below.
        gradients: gradients to check in place of the program's own, by name.

    Returns:
        The error of each parameter; true if all are below the tolerance.

    Raises:
        ValueError: for data that do not fit.

    >>> import numpy as np, chainrule as cr
    >>> net = cr.Network([cr.Dense(3, "tanh"), cr.Dense(2, "softmax")], loss="cross_entropy",
    ...                  inputs=2, seed=0)
    >>> bool(cr.gradcheck(net, np.eye(2), [0, 1]))
    True
    """
    for name, value in (("h", h), ("tolerance", tolerance)):
        if not (value > 0 and np.isfinite(value)):
            raise ValueError(f"{name} must be a positive number, not {value!r}")
    checks = {}
    for part in gradients_beside_differences(network, X, y, sample_weight, h):
        analytic = part.gradient
        if gradients is not None:
            analytic = _given(gradients, part.label, part.name, analytic.shape)
        floor = part.noise / tolerance
        checks[part.label] = compared(analytic.ravel(), part.differences, part.flipped, floor)
    return GradientCheck(checks, tolerance)


class Beside(NamedTuple):
    """The gradient of a parameter beside the differences of the loss.

    Attributes:
        name: the parameter's path.
        label: its short name, if it has one.
        gradient: of the program, in the parameter's shape.
        differences: (size,) by central differences.
        flipped: (size,) which of them met a kink.
        noise: what the rounding of the loss may add to the norm of the differences.
    """

    name: str
    label: str
    gradient: np.ndarray
    differences: np.ndarray
    flipped: np.ndarray
    noise: float


def gradients_beside_differences(
    network: Network, X: Any, y: Any, sample_weight: Any = None, h: float = 1e-5
) -> Iterator[Beside]:
    """Each trainable parameter's gradient and the differences; see :func:`gradcheck`."""
    X = examples(network, X, "X")
    found = trace(network, X, y, sample_weight=sample_weight)
    loss = abs(float(found["loss"]))
    if not np.isfinite(loss):
        raise ValueError("the loss is not finite for these data: there is no gradient to check")
    targets = data.targets(network, y, X.shape[0])
    weights = data.weights(sample_weight, None, targets, X.shape[0])
    differences = _Differences(network, X, targets, weights, h)
    for name, (start, shape) in network.places.items():
        if network.specifications[name].trainable:
            numeric, flipped = differences.of(start, int(np.prod(shape)))
            noise = ROUNDING * np.finfo(np.float64).eps * loss / h * math.sqrt(numeric.size)
            label = network.labels.get(name, name)
            yield Beside(name, label, found[gradient_name(name)], numeric, flipped, noise)


def _given(
    gradients: dict[str, np.ndarray], label: str, name: str, shape: tuple[int, ...]
) -> np.ndarray:
    """The gradient that the caller gave for a parameter."""
    if label not in gradients and name not in gradients:
        raise ValueError(f"gradients has none for {label!r}")
    given = np.asarray(gradients[label if label in gradients else name], np.float64)
    if given.shape != shape:
        raise ValueError(f"the gradient of {label} must have the shape {shape}, not {given.shape}")
    return given


def compared(
    analytic: np.ndarray, numeric: np.ndarray, flipped: np.ndarray, floor: float = FLOOR
) -> Check:
    """How far two vectors are apart, without the elements that met a kink."""
    a, n = analytic[~flipped], numeric[~flipped]
    scale = max(float(np.linalg.norm(a)), float(np.linalg.norm(n)), floor, FLOOR)
    error = float(np.linalg.norm(a - n) / scale) if a.size else 0.0
    return Check(error, int(a.size), int(flipped.sum()))


class _Differences:
    """Central differences of the loss, by running the forward part of the program."""

    def __init__(
        self,
        network: Network,
        X: np.ndarray,
        targets: data.Targets,
        weights: np.ndarray | None,
        h: float,
    ) -> None:
        assert network.loss is not None
        rows = X.shape[0]
        sources = {"X": X, "Y": targets.read_as("float64")}
        if weights is not None:
            sources["w"] = weights
        self._h = h
        self._vector = network.vector.astype(np.float64)
        self._scale = rows if network.loss.mean else 1
        program = lower(
            network, "evaluate", rows, labels=targets.labels, weighted=weights is not None,
            dtype="float64", tile_rows=rows, sources=sources, reuse=False, training=True,
        )  # fmt: skip
        self._kinks = [(program.buffers[k.value], list(k.columns), k.place) for k in program.kinks]
        self._rows = rows
        self._executor = Executor(
            program, self._vector, sources, rows, rows, mean=network.loss.mean, seed=network.seed
        )

    def of(self, start: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """The differences of ``size`` elements, and which of them met a kink."""
        differences, flipped = np.empty(size), np.zeros(size, bool)
        with self._executor:
            for k in range(size):
                place = start + k
                before = self._vector[place]
                self._vector[place] = before + self._h
                above, sides_above = self._loss()
                self._vector[place] = before - self._h
                below, sides_below = self._loss()
                self._vector[place] = before
                differences[k] = (above - below) / (2 * self._h)
                flipped[k] = not np.array_equal(sides_above, sides_below)
        return differences, flipped

    def _loss(self) -> tuple[float, np.ndarray]:
        self._executor.restart()
        self._executor.run(1)
        sides = [
            self._executor.binding.read(buffer, self._rows)[:, columns] > place
            for buffer, columns, place in self._kinks
        ]
        return (
            float(self._executor.losses[0] / self._scale),
            np.concatenate([s.ravel() for s in sides]) if sides else np.zeros(0, bool),
        )
