"""How steep the activations of a traced step are where its values lie.

The slopes come from the equations that the program's own instructions carry, so that a new
activation, or one of the user's own, is understood without a line here.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.engine import layout
from chainrule.engine.program import Buffer, Instruction
from chainrule.equations import Equation, Expression

if TYPE_CHECKING:
    from chainrule.glass.traces.traced import Trace

SATURATED = 0.01  # of the largest slope: |z| > 6 for the logistic function, > 3 for tanh
NEARLY_ALL = 0.99  # of the rows
DEAD = 1e-6  # of the largest slope
NEAR = np.linspace(-10, 10, 2001)  # where the largest slope is looked for
FAR = np.array([-1e3, 1e3])  # where a function that flattens is flat


@dataclass(frozen=True)
class Slopes:
    """The shares of a layer's units, over those whose function flattens on one side or on both.

    Attributes:
        dead: None if no function of the layer is flat on one side alone.
        saturated: None if none is flat on both sides.
        units: how many units it has.
    """

    dead: float | None
    saturated: float | None
    units: int


def slopes_of(found: "Trace") -> dict[str, Slopes]:
    """The slopes at each ``<path>.a`` whose activation ran backward elementwise, by path.

    The output of a natural pair has none: its delta is a − y, which no slope makes small.
    """
    k_of = found.program.scalars
    forward = {
        place_of(i): value_of(i) for i in found.program.instructions
        if i.phase == layout.FORWARD and {"a", "z", "k"} <= set(i.operands)
    }  # fmt: skip
    units: dict[str, list[tuple[bool, bool, np.ndarray]]] = {}
    for i in found.program.instructions:
        slope = slope_of(i)
        if slope is None or place_of(i) not in forward or name_of(i, "k") not in k_of:
            continue
        k = float(k_of[name_of(i, "k")])
        z, a = (_columns(i, found[name_of(i, name)]) for name in ("z", "a"))
        left, right, top = _shape(forward[place_of(i)], slope, k)
        steep = np.broadcast_to(np.abs(slope.evaluate({"z": z, "a": a, "k": k})), z.shape)
        units.setdefault(name_of(i, "a").rpartition(".")[0], []).append(
            (left != right, left and right, steep / top)
        )
    return {owner: _shares(parts) for owner, parts in units.items()}


def _shares(parts: list[tuple[bool, bool, np.ndarray]]) -> Slopes:
    dead = [(steep <= DEAD).all(axis=0) for one_side, _, steep in parts if one_side]
    saturated = [(steep < SATURATED).mean(axis=0) >= NEARLY_ALL for _, both, steep in parts if both]
    return Slopes(_share(dead), _share(saturated), sum(s.shape[1] for _, _, s in parts))


def _share(parts: list[Any]) -> float | None:
    return float(np.concatenate(parts).mean()) if parts else None


def slope_path(z: str) -> str:
    """Where a trace has f′ of a weighted sum: ``dense1.slope`` of ``dense1.z``."""
    return f"{z.removesuffix('.z')}.slope"


def slope_of(instruction: Instruction) -> Expression | None:
    """f′ of an instruction that computes delta = da ⊙ f′(z), else None."""
    if instruction.phase != layout.BACKWARD or not {"da", "z", "a", "k"} <= set(
        instruction.operands
    ):
        return None
    value = value_of(instruction)
    if value.operation != "hadamard" or value.arguments[0].names != {"da"}:
        return None
    slope = value.arguments[1]
    return slope if slope.names <= {"z", "a", "k"} else None


def value_of(instruction: Instruction) -> Expression:
    """What an instruction computes, in the names of its operands."""
    equation = instruction.kernel.equations[-1]
    assert isinstance(equation, Equation)
    return equation.value


def place_of(instruction: Instruction) -> tuple[str, Any]:
    """Which outputs an activation's instruction is for: the value and its first column."""
    return name_of(instruction, "a"), instruction.operands.get("first", 0)


def _shape(f: Expression, slope: Expression, k: float) -> tuple[bool, bool, float]:
    """Whether a function is flat far to the left and to the right, and its largest slope."""
    with np.errstate(all="ignore"):
        near, far = (
            np.abs(np.broadcast_to(slope.evaluate({"z": z, "a": f.evaluate({"z": z, "k": k}),
                                                   "k": k}), z.shape))
            for z in (NEAR, FAR)
        )  # fmt: skip
    top = float(np.nanmax(near)) or 1.0
    # An equation may overflow to NaN where its kernel, which is stable, does not.
    left, right = (bool(s / top < SATURATED) or bool(np.isnan(s)) for s in far)
    return left, right, top


def name_of(instruction: Instruction, operand: str) -> str:
    """The path of an operand."""
    buffer = instruction.operands[operand]
    assert isinstance(buffer, Buffer)
    return buffer.name


def _columns(instruction: Instruction, value: np.ndarray) -> np.ndarray:
    """The columns that an instruction works on."""
    if "first" not in instruction.operands:
        return value
    first, last = instruction.operands["first"], instruction.operands["last"]
    assert isinstance(first, int)
    assert isinstance(last, int)
    return value[:, first:last]
