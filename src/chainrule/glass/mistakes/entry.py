"""What a known mistake is: the problem's own program with one thing done wrong.

To add one, register an entry in :mod:`chainrule.glass.mistakes.catalogue`: where it can be made,
and what it writes there. It is then tried in each layer alone and in all of them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from chainrule.engine.program import Buffer, Instruction
from chainrule.engine.stepper import Stepper
from chainrule.glass.mistakes.rerun import Situation, activates
from chainrule.layers.dense import affine, input_gradient, product

#: Where a mistake is made that no single layer is the place of.
WHOLE = ""

Where = Callable[[Instruction, Situation], bool]
Wrong = Callable[[Instruction, Stepper, Situation, Any], None]


def nothing(_instruction: Instruction, _running: Stepper, _at: Situation, _variant: Any) -> None:
    """What a mistake writes that is made in rounding or in reading alone."""


@dataclass(frozen=True)
class Mistake:
    """A known mistake.

    Attributes:
        name: short, as a reader is told it.
        says: what was done, in a sentence.
        right: what is right, in a sentence.
        where: whether it can be made at an instruction.
        wrong: overwrites what the instruction wrote.
        variants: the ways to make it, with their words; None stands for the only one.
        again: whether it uses weights that the step itself computes.
        rounds: what a variant rounds, by name; see :class:`~chainrule.Rounding`.
        exchanges: whether rows and columns are taken for each other in reading.
    """

    name: str
    says: str
    right: str
    where: Where
    wrong: Wrong = nothing
    variants: Callable[[Situation], Iterable[tuple[str, Any]]] = lambda _: [("", None)]
    again: bool = False
    rounds: Callable[[Any], dict[str, int]] | None = None
    exchanges: bool = False

    def places(self, at: Situation) -> list[str]:
        """The layers in which it can be made; ``WHOLE`` for what belongs to none."""
        found = (layer_of(i) for i in at.program.instructions if self.where(i, at))
        return list(dict.fromkeys(found))


MISTAKES: dict[str, Mistake] = {}


def register(mistake: Mistake) -> Mistake:
    """Add a mistake under its name.

    Raises:
        ValueError: if there is one of that name.

    >>> import chainrule as cr
    >>> from chainrule.glass.mistakes import MISTAKES, register, where, wrong
    >>> halved = register(Mistake("z halved", "z is half of what it should be", "z = W·a + b",
    ...                           where.biased, wrong.times(0.5)))
    >>> net = cr.Network([cr.Dense(1, "sigmoid")], loss="mse", inputs=1)
    >>> net.parameters.update({"W1": [[0.5]], "b1": [0.1]})
    >>> found = cr.diagnose(cr.Problem(net, [2.0], [1.0]), {"z1": 0.55})
    >>> found.explanations[0].name
    'z halved in layer 1'
    >>> del MISTAKES["z halved"]
    """
    if mistake.name in MISTAKES:
        raise ValueError(f"the mistake {mistake.name!r} exists already")
    MISTAKES[mistake.name] = mistake
    return mistake


def layer_of(instruction: Instruction) -> str:
    """The layer that an instruction belongs to, by the path of its own value or parameter."""
    kernel, outputs = instruction.kernel, instruction.kernel.outputs
    if kernel is input_gradient:
        key = "W"
    elif kernel in (affine, product):
        key = "z"
    elif activates(instruction):
        key = "a"
    else:
        key = next((name for name in ("delta", "dW", "db") if name in outputs), "")
    buffer = instruction.operands.get(key)
    return buffer.name.rpartition(".")[0] if isinstance(buffer, Buffer) else WHOLE
