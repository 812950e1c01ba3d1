"""What a step computed: its values by name, and the instructions that wrote them."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.engine.program import Instruction, Program
from chainrule.glass import lineage, tabular
from chainrule.glass.definitions import Definitions
from chainrule.glass.lineage import Influence, Why
from chainrule.network import Network
from chainrule.optimizers import Optimizer

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class TracedStep:
    """One instruction as it ran: its equations in the values' names, and what it wrote.

    Attributes:
        instruction: kernel, operands, phase.
        written: the values that it wrote, by label, in the dtype of the program.
    """

    instruction: Instruction
    written: Mapping[str, np.ndarray]

    def __str__(self) -> str:
        equations = ", ".join(e.text() for e in self.instruction.equations)
        values = ", ".join(f"{name} = {value}" for name, value in self.written.items())
        return f"{equations}: {values}" if values else equations


class Trace(Mapping[str, np.ndarray]):
    """Every value of one step by path (``dense1.z``) or short name (``z1``).

    ``z``, ``a``, ``da`` and ``delta`` are those of each example; ``dW``, ``db`` and ``loss`` those
    of the batch, divided by its rows. The values of a natural pair of output activation and loss
    have no ``da``: their program computes ``delta`` directly, mostly as a − y.

    Parameters are those that the step began with. With a penalty ``dW1`` holds its gradient as
    well, and ``dW1.data`` is without it; with clipping ``dW1.clipped`` is what the optimizer saw.
    Of a step with an optimizer there are also ``W1.new``, and each vector of its state, for Adam
    ``W1.m`` and ``W1.v`` with ``W1.m.old`` and ``W1.v.old`` from before the step, and their
    corrections ``W1.m_hat`` and ``W1.v_hat``.

    Attributes:
        steps: the instructions in the order in which they ran.
        program: what ran.
        network: whose program it is; its parameters may have changed since.
        rows: of the batch.
        step: the number of the update, from 1.
        seed: of its random numbers.
        epoch: of a recorded training, counted from 1; else None.
        scalars: the hyperparameters, by name.
        optimizer: if the step updated.
    """

    def __init__(
        self, network: Network, program: Program, *, rows: int, step: int, seed: int,
        scalars: Mapping[str, float], optimizer: Optimizer | None = None,
    ) -> None:  # fmt: skip
        self.program, self.network, self.rows = program, network, rows
        self.step, self.seed = step, seed
        self.optimizer, self.scalars = optimizer, dict(scalars)
        self.epoch: int | None = None
        #: What each column of the inputs is of, where it is known.
        self.input_names: Sequence[str] = ()
        #: The same step from other parameters and rows.
        self.again: Callable[[np.ndarray, Any], Trace] | None = None
        self.steps: list[TracedStep] = []
        self._values: dict[str, np.ndarray] = {}

    def record(self, instruction: Instruction, written: Mapping[str, np.ndarray]) -> None:
        """Keep what an instruction wrote, by path."""
        self._values.update(written)
        self.steps.append(TracedStep(instruction, {self.label(n): v for n, v in written.items()}))

    def set(self, name: str, value: np.ndarray) -> None:
        """Keep a value that no single instruction wrote."""
        self._values[name] = value

    def path(self, name: str) -> str:
        """The path of a value by its short name; a path stays as it is."""
        head, dot, rest = name.partition(".")
        return self.network.path(head) + dot + rest

    def label(self, path: str) -> str:
        """The short name of a value by its path, if it has one."""
        return label_of(self.network, path)

    def __getitem__(self, name: str) -> np.ndarray:
        path = self.path(name)
        if path not in self._values:
            raise KeyError(f"the trace holds no {name!r}; it holds {', '.join(self)}")
        return self._values[path]

    def __iter__(self) -> Iterator[str]:
        return (self.label(path) for path in self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __str__(self) -> str:
        return "\n".join(map(str, self.steps))

    @functools.cached_property
    def definitions(self) -> Definitions:
        """What each value is computed from, by path."""
        return Definitions(self)

    def why(self, name: str) -> Why:
        """Where one number comes from: its expression, and the numbers in it.

        Args:
            name: of a value and the place of the number, counted from 0: ``"dW2[3,1]"``,
                ``"loss"``.

        Returns:
            What prints as the expression, once with names and once with numbers, and can be asked
            for the origin of each of them in turn, down to inputs and parameters.

        Raises:
            ValueError: for a place that the value does not have.
            KeyError: if there is no such value.

        >>> import chainrule as cr
        >>> net = cr.Network([cr.Dense(1, "sigmoid", weights="zeros")],
        ...                  loss="binary_cross_entropy", inputs=2)
        >>> t = cr.trace(net, [[0.5, 1.0], [1.0, 3.0]], [1, 0])
        >>> print(t.why("dW1[1,0]"))
        dW1[1,0] = (x[0,1] delta1[0,0] + x[1,1] delta1[1,0]) / m
                 = (1·(−0.5) + 3·0.5) / 2
                 = 0.5
        >>> print(t.why("dW1[1,0]").why("delta1[1,0]"))
        delta1[1,0] = a1[1,0] − y[1,0]
                    = 0.5 − 0
                    = 0.5
        """
        return lineage.why(self, name)

    def influence(self, name: str, by: float | None = None) -> Influence:
        """Which values change when one weight or input does, and by how much.

        The same program runs again with the weight a little larger and a little smaller.

        Args:
            name: of a parameter or an input: ``"W1[0,0]"``, ``"x[0,1]"``.
            by: how much it is changed; None gives derivatives.

        Returns:
            What prints as a table of the values that change, and holds the changes by name.

        Raises:
            ValueError: for something else, or a place that it does not have.
            KeyError: if there is no such value.
        """
        return lineage.influence(self, name, by)

    def table(self, name: str) -> "DataFrame":
        """One value as a data frame whose rows and columns say what they are of.

        Raises:
            KeyError: if there is none of that name.
        """
        return tabular.table(self, name)

    def frame(self) -> "DataFrame":
        """All values as one data frame, a number a line: name, path, row, column, number."""
        return tabular.frame(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything in plain numbers and texts, for JSON: docs/trace.md describes it."""
        return tabular.document(self)


def label_of(network: Network, path: str) -> str:
    """The short name of a value by its path, if it has one: ``W1.new`` of ``dense1.W.new``."""
    owner, dot, rest = path.partition(".")
    name, further, last = rest.partition(".")
    short = network.labels.get(owner + dot + name)
    return path if short is None else short + further + last
