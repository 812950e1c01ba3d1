"""What a step computed: its values by name, and the instructions that wrote them."""

import copy
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.engine.program import Instruction, Program
from chainrule.glass.traces import lineage, tabular
from chainrule.glass.traces.definitions import Definitions
from chainrule.glass.traces.lineage import Influence, Why
from chainrule.glass.traces.pickling import portable
from chainrule.glass.traces.rounders import places_of
from chainrule.glass.traces.rounding import Rounding
from chainrule.network import Network
from chainrule.optimizers import Optimizer

if TYPE_CHECKING:
    from pandas import DataFrame


#: Runs the same step in float64 from other parameters and rows of x, rounded or not.
Again = Callable[[np.ndarray, np.ndarray, bool], "Trace"]


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
        scalars: the hyperparameters, by name, with the values that schedules have at this step.
        optimizer: if the step updated.
        rounding: what was rounded before it was used; empty if nothing was.
        input_names: what each column of the inputs is of, where it is known.
    """

    def __init__(
        self, network: Network, program: Program, *, rows: int, step: int, seed: int,
        scalars: Mapping[str, float], optimizer: Optimizer | None = None,
        rounding: Rounding | None = None, again: Again | None = None,
    ) -> None:  # fmt: skip
        self.program, self.network, self.rows = program, network, rows
        self.step, self.seed = step, seed
        self.optimizer, self.scalars = optimizer, dict(scalars)
        self.epoch: int | None = None
        self.rounding = rounding or Rounding()
        self.input_names: Sequence[str] = ()
        self._again = again
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

    def decimals(self, name: str) -> int | None:
        """To how many decimals a value was rounded before it was used; None if it was not."""
        return self._decimals.get(self.path(name))

    @functools.cached_property
    def _decimals(self) -> dict[str, int]:
        return places_of(self.network, self.program, self.rounding)

    def _run_again(self, parameters: np.ndarray, x: np.ndarray, rounded: bool) -> "Trace":
        """The same step in float64 from other parameters and inputs.

        Args:
            parameters: the flat vector.
            x: (m, inputs), as ``trace["x"]``.
            rounded: whether the policy of rounding applies.

        Raises:
            ValueError: if the trace was pickled, or made by hand.
        """
        if self._again is None:
            raise ValueError(
                "this trace cannot run its step again, since pickling kept no more than its "
                "numbers: ask the trace that cr.trace or a recorded run gives"
            )
        return self._again(parameters, x, rounded)

    def __copy__(self) -> "Trace":
        twin = Trace.__new__(Trace)
        twin.__dict__.update(self._own())
        twin.steps, twin._values = list(self.steps), dict(self._values)
        return twin

    def __deepcopy__(self, memo: dict[int, Any]) -> "Trace":
        twin = copy.copy(self)
        twin.network = self.network.copy()
        twin._values = copy.deepcopy(self._values, memo)
        twin.steps = [
            TracedStep(s.instruction, copy.deepcopy(dict(s.written), memo)) for s in self.steps
        ]
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """All but the code: with numbers, equations and names, but unable to run again."""
        state = self._own() | {"_again": None}
        known: dict[int, Instruction] = {}
        state["program"] = portable(self.program, known)
        state["steps"] = [
            TracedStep(known.get(id(s.instruction), s.instruction), s.written) for s in self.steps
        ]
        return state

    def _own(self) -> dict[str, Any]:
        """The attributes without what is found from them."""
        return {name: v for name, v in vars(self).items() if name not in ("definitions",)}

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

        The same step runs again in float64, with the number a little larger and a little smaller.
        Derivatives are taken without rounding; with ``by`` it applies. Where a value has another
        rate of change to either side, as relu at 0, the mean of the two is shown, and told.

        Args:
            name: of a parameter or an input: ``"W1[0,0]"``, ``"x[0,1]"``.
            by: how much it is changed; None gives derivatives.

        Returns:
            What prints as a table of the values that change, and holds the changes by name; of a
            value that does not change, zeros.

        Raises:
            ValueError: for something else, or a place that it does not have, or if the trace was
                pickled, which keeps no more than numbers.
            KeyError: if there is no such value.

        >>> import chainrule as cr
        >>> net = cr.Network([cr.Dense(1, "sigmoid", weights="zeros")],
        ...                  loss="binary_cross_entropy", inputs=2)
        >>> t = cr.trace(net, [0.5, 1.0], [1.0])
        >>> print(t.influence("W1[0,0]", by=2))
        W1[0,0] = 0
        value         changes in  most             for 2 more
        z1            1 of 1      z1[0,0]          1
        a1            1 of 1      a1[0,0]          0.231059
        loss.example  1 of 1      loss.example[0]  −0.379885
        loss          1 of 1      loss             −0.379885
        >>> t.influence("W1[0,0]")["loss"].round(6), t["dW1"][0, 0]
        (np.float64(-0.25), np.float64(-0.25))
        """
        return lineage.influence(self, name, by)

    def table(self, name: str) -> "DataFrame":
        """One value as a data frame whose rows and columns say what they are of.

        Raises:
            KeyError: if there is none of that name.

        >>> import chainrule as cr
        >>> net = cr.Network([cr.Dense(2, weights="zeros")], loss="mse", inputs=1)
        >>> cr.trace(net, [[1.0], [2.0]], [[1, 0], [1, 1]]).table("delta1")
        unit       0    1
        example
        0       -1.0  0.0
        1       -1.0 -1.0
        """
        return tabular.table(self, name)

    def frame(self) -> "DataFrame":
        """All values as one data frame, a number a line: name, path, row, column, number.

        >>> import chainrule as cr
        >>> net = cr.Network([cr.Dense(1, weights="zeros")], loss="mse", inputs=2)
        >>> cr.trace(net, [1.0, 2.0]).frame().tail(2)
          name      path  row  column  number
        5   z1  dense1.z    0       0     0.0
        6   a1  dense1.a    0       0     0.0
        """
        return tabular.frame(self)

    def to_dict(self) -> dict[str, Any]:
        """Everything in plain numbers and texts, for JSON: docs/trace.md describes it.

        >>> import chainrule as cr
        >>> net = cr.Network([cr.Dense(1, weights="zeros")], loss="mse", inputs=2)
        >>> cr.trace(net, [1.0, 2.0]).to_dict()["values"]["x"]["numbers"]
        [[1.0, 2.0]]
        """
        return tabular.document(self)


def label_of(network: Network, path: str) -> str:
    """The short name of a value by its path, if it has one: ``W1.new`` of ``dense1.W.new``."""
    owner, dot, rest = path.partition(".")
    name, further, last = rest.partition(".")
    short = network.labels.get(owner + dot + name)
    return path if short is None else short + further + last
