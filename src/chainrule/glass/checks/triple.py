"""The triple check: the program's gradients, differences of its loss, and JAX's gradients of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.checks import real_number
from chainrule.glass.checks.differentiated import gradient_by_jax
from chainrule.glass.checks.gradcheck import Check, compared, gradients_beside_differences
from chainrule.network import Network

#: Of the norm of the whole gradient: parts that are smaller are compared absolutely with JAX's.
SMALL = 1e-5
NO_JAX = "JAX is not installed (pip install jax): two of the three were compared"


@dataclass(frozen=True)
class Checked:
    """What was found for one parameter.

    Attributes:
        differences: backpropagation against central differences.
        jax: backpropagation against JAX; None without it.
    """

    differences: Check
    jax: Check | None


@dataclass(frozen=True)
class TripleCheck:
    """The result of :func:`triple_check`, by parameter; true if all errors are small.

    Attributes:
        parameters: by name.
        tolerance: of central differences.
        jax_tolerance: of JAX, which computes without differences.
        note: why JAX was left out, if it was.
    """

    parameters: Mapping[str, Checked] = field(default_factory=dict)
    tolerance: float = 1e-6
    jax_tolerance: float = 1e-9
    note: str = ""

    def right(self, name: str) -> bool:
        """Whether the gradient of a parameter agrees with both."""
        found = self.parameters[name]
        if not found.differences.error < self.tolerance:
            return False
        return found.jax is None or found.jax.error < self.jax_tolerance

    @property
    def ok(self) -> bool:
        return all(map(self.right, self.parameters))

    @property
    def compared(self) -> int:
        """Elements that were compared."""
        return sum(found.differences.checked for found in self.parameters.values())

    @property
    def verdict(self) -> str:
        """The result in a sentence."""
        wrong = [name for name in self.parameters if not self.right(name)]
        if wrong:
            return f"WRONG: {', '.join(wrong)} of {len(self.parameters)} parameters"
        with_jax = any(found.jax for found in self.parameters.values())
        by = "central differences and JAX" if with_jax else "central differences"
        if not self.compared:
            return "nothing could be compared: every element met a kink"
        return f"right: all {self.compared} elements agree with {by}"

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        rows: list[tuple[str, ...]] = [
            ("parameter", "elements", "differences", "JAX", "at kinks", "")
        ]
        rows += [self._cells(name) for name in self.parameters]
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        lines = [
            "  ".join(
                cell.ljust(w) if k == 0 else cell.rjust(w)
                for k, (cell, w) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        return "\n".join([*lines, *filter(None, [self.note]), self.verdict])

    def _cells(self, name: str) -> tuple[str, str, str, str, str, str]:
        found = self.parameters[name]
        return (
            name, str(found.differences.checked), f"{found.differences.error:.1e}",
            "-" if found.jax is None else f"{found.jax.error:.1e}",
            str(found.differences.left_out or ""), "ok" if self.right(name) else "WRONG",
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """The same for programs; an error that is no number is None."""
        return {
            "ok": self.ok,
            "verdict": self.verdict,
            "note": self.note,
            "tolerance": self.tolerance,
            "jax_tolerance": self.jax_tolerance,
            "parameters": {
                name: {
                    "ok": self.right(name),
                    "elements": found.differences.checked,
                    "left_out": found.differences.left_out,
                    "differences": _finite(found.differences.error),
                    "jax": None if found.jax is None else _finite(found.jax.error),
                }
                for name, found in self.parameters.items()
            },
        }


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def triple_check(
    network: Network,
    X: Any,
    y: Any,
    *,
    sample_weight: Any = None,
    h: float = 1e-5,
    tolerance: float = 1e-6,
    jax_tolerance: float = 1e-9,
) -> TripleCheck:
    """Compare every gradient with central differences of the loss, and with JAX.

    JAX differentiates the program's own forward equations, in float64. Elements with a kink
    between the two points of the difference are left out and counted.

    Args:
        network: with a loss; its parameters are read, not changed.
        X, y, sample_weight: as for the training; a few rows are enough.
        h: half the distance of the two points of a difference.
        tolerance: what the relative error of a parameter, ‖dW − dW′‖ / max(‖dW‖, ‖dW′‖), must
            stay below.
        jax_tolerance: the same against JAX.

    Returns:
        The errors of each parameter; without JAX, those of the differences and a note.

    Raises:
        ValueError: for data that do not fit, or anything else that is not allowed.

    >>> import numpy as np, chainrule as cr
    >>> net = cr.Network([cr.Dense(3, "tanh"), cr.Dense(2, "softmax")], loss="cross_entropy",
    ...                  inputs=2, seed=0)
    >>> bool(cr.triple_check(net, np.eye(2), [0, 1]))
    True
    """
    if not isinstance(network, Network):
        raise ValueError(f"network must be a Network, not {type(network).__name__}")
    for name, value in (("h", h), ("tolerance", tolerance), ("jax_tolerance", jax_tolerance)):
        if not (real_number(value) and value > 0):
            raise ValueError(f"{name} must be a positive number, not {value!r}")
    parts = list(gradients_beside_differences(network, X, y, sample_weight, h))
    try:
        by_jax, note = gradient_by_jax(network, X, y, sample_weight), ""
    except ImportError:
        by_jax, note = None, NO_JAX
    found = {}
    least = SMALL * math.hypot(*(float(np.linalg.norm(part.gradient)) for part in parts))
    for part in parts:
        gradient, beside = part.gradient.ravel(), None
        if by_jax is not None:
            start = network.places[part.name][0]
            theirs = by_jax[start : start + gradient.size]
            beside = compared(gradient, theirs, part.flipped, least)
        floor = part.noise / tolerance
        by_differences = compared(gradient, part.differences, part.flipped, floor)
        found[part.label] = Checked(by_differences, beside)
    return TripleCheck(found, tolerance, jax_tolerance, note)
