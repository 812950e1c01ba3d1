"""A problem as a lecturer sets it: a small network, its weights, data, and what a step does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import data
from chainrule.checks import whole
from chainrule.glass.notation import checked_notation
from chainrule.glass.notation.base import DEFAULT_NOTATION
from chainrule.glass.problems.claims import Claim, claims_of, unfused
from chainrule.glass.traces.rounders import places_of
from chainrule.glass.traces.rounding import Rounding
from chainrule.glass.traces.trace import examples
from chainrule.network import Network
from chainrule.optimizers import GradientDescent, Optimizer
from chainrule.schedules import Schedule

MOST_ITERATIONS = 1000


@dataclass(frozen=True, eq=False)
class Problem:
    """A network with all its weights, a batch, and how it is to be worked out.

    Args:
        network: with a loss; the problem keeps a copy of it in float64.
        x: (m, inputs) or (inputs,) numbers.
        y: the targets of the m examples, as for the training; for one example also a number or
            its row.
        optimizer: whose steps are made.
        rounding: what is rounded before it is used, as on paper; see
            :class:`~chainrule.Rounding`.
        notation: ``"theta"``, ``"bracket"`` or ``"signal"``.
        iterations: how many steps, at least 1.
        title: of the problem.
        claims: what a reader found, by the names of the values, such as ``"dW3[0,0]"``, numbers
            or texts; see :func:`~chainrule.diagnose`.

    Raises:
        ValueError: for data that do not fit the network, or anything else that is not allowed.

    >>> import chainrule as cr
    >>> net = cr.Network([cr.Dense(1, "sigmoid", weights="zeros")],
    ...                  loss="binary_cross_entropy", inputs=2)
    >>> problem = cr.Problem(net, [0.5, 1.0], 1.0, optimizer=cr.GradientDescent(0.1))
    >>> problem.y
    array([[1.]])
    >>> print(problem.to_toml())
    loss = "binary_cross_entropy"
    rate = 0.1
    inputs = [[0.5, 1.0]]
    target = [[1.0]]
    <BLANKLINE>
    [[layers]]
    activation = "logistic"
    weights = [[0.0, 0.0]]
    biases = [0.0]
    <BLANKLINE>
    """

    network: Network
    x: Any
    y: Any
    optimizer: Optimizer = field(default_factory=GradientDescent)
    rounding: Rounding = field(default_factory=Rounding)
    notation: str = DEFAULT_NOTATION
    iterations: int = 1
    title: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.network, Network):
            raise ValueError(f"network must be a network, not {self.network!r}")
        if self.network.loss is None:
            raise ValueError("the network has no loss: give one, such as loss='mse'")
        network = self.network.copy()
        network.use_dtype("float64")
        data.check_finite(network.vector, "the parameters of the network")
        x = examples(network, self.x, "x")
        y = data.targets(network, _in_rows(network, self.y, len(x)), len(x))
        if not isinstance(self.optimizer, Optimizer):
            raise ValueError(
                f"an optimizer such as cr.GradientDescent() takes steps, not {self.optimizer!r}"
            )
        for key, value in self.optimizer.scalars.items():
            if isinstance(value, Schedule):
                raise ValueError(f"{key} of a problem's optimizer must be a number, not {value!r}")
        checked_notation(self.notation)
        if not isinstance(self.title, str):
            raise ValueError(f"title must be a text, not {self.title!r}")
        found = {
            "network": network, "x": x, "y": y.read_as("float64"),
            "rounding": Rounding.of(self.rounding),
            "iterations": whole("iterations", self.iterations, 1, MOST_ITERATIONS),
            "claims": dict(self.claims) if isinstance(self.claims, Mapping) else self.claims,
        }  # fmt: skip
        for name, value in found.items():
            object.__setattr__(self, name, value)
        places_of(network, unfused(self), self.rounding)
        self.claimed()

    @property
    def labels(self) -> bool:
        """Whether the targets are the numbers of classes."""
        return bool(np.issubdtype(np.asarray(self.y).dtype, np.integer))

    def claimed(self, claims: Mapping[str, Any] | None = None) -> list[Claim]:
        """Claims as they are understood; by default those of the problem.

        Raises:
            ValueError: for a name of nothing that is computed, or what is no number.
        """
        return claims_of(self, self.claims if claims is None else claims)

    def to_toml(self) -> str:
        """The problem as a file holds it, which :func:`~chainrule.read_problem` reads.

        Raises:
            ValueError: for a network with layers that are not dense, which files do not describe.
        """
        from chainrule.glass.problems.writing import written

        return written(self)


def _in_rows(network: Network, y: Any, rows: int) -> np.ndarray:
    """The targets of one example may be a number or a row."""
    array = data.numeric(y, "y")
    if rows == 1 and (array.ndim == 0 or (array.ndim == 1 and array.size > 1)):
        return array[None]
    return array
