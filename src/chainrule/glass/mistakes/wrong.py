"""What is written where a mistake is made: each computes from the values that the step has."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.program import Instruction
from chainrule.engine.stepper import Stepper
from chainrule.glass.mistakes.entry import Wrong
from chainrule.glass.mistakes.rerun import Situation, columns_of, operand
from chainrule.glass.traces.slopes import name_of, place_of, slope_of
from chainrule.layers.dense import bias_gradient


def output(i: Instruction, running: Stepper) -> np.ndarray:
    """The only value that an instruction writes."""
    (name,) = i.kernel.outputs
    return operand(i, running, name)


def times(factor: float) -> Wrong:
    """What was written, times a number."""

    def wrong(i: Instruction, running: Stepper, _at: Situation, _variant: Any) -> None:
        value = output(i, running)
        value *= factor

    return wrong


def over_rows(power: int) -> Wrong:
    """What was reduced, times the rows of the batch to a power."""

    def wrong(i: Instruction, running: Stepper, at: Situation, _variant: Any) -> None:
        value = ranged(i, running, "g") if "g" in i.operands else output(i, running)
        value *= float(at.rows) ** power

    return wrong


def ranged(i: Instruction, running: Stepper, name: str) -> np.ndarray:
    """The part of a flat vector that an instruction works on."""
    first, last = int(running.context["start"]), int(running.context["stop"])
    return operand(i, running, name)[first:last]


def slope_at(i: Instruction, running: Stepper, at: Situation, z: Any, a: Any) -> Any:
    """f′ of an instruction's activation, by its own equation, where we say."""
    tree = slope_of(i)
    assert tree is not None
    k = float(operand(i, running, "k").ravel()[0])
    return tree.evaluate({"z": z, "a": a, "k": k})


def slope_times(power: int) -> Wrong:
    """delta with f′ to a power."""

    def wrong(i: Instruction, running: Stepper, at: Situation, _variant: Any) -> None:
        delta = operand(i, running, "delta")
        delta[...] = operand(i, running, "da")
        if power:
            z, a = operand(i, running, "z"), operand(i, running, "a")
            delta *= slope_at(i, running, at, z, a) ** power

    return wrong


def slope_at_a(i: Instruction, running: Stepper, at: Situation, _variant: Any) -> None:
    a, k = operand(i, running, "a"), float(operand(i, running, "k").ravel()[0])
    of_a = at.functions[place_of(i)].evaluate({"z": a, "k": k})
    operand(i, running, "delta")[...] = operand(i, running, "da") * slope_at(
        i, running, at, a, of_a
    )


def slope_from_z(i: Instruction, running: Stepper, at: Situation, _variant: Any) -> None:
    z = operand(i, running, "z")
    operand(i, running, "delta")[...] = operand(i, running, "da") * slope_at(i, running, at, z, z)


def diagonal(i: Instruction, running: Stepper, _at: Situation, _variant: Any) -> None:
    a, da = operand(i, running, "a"), operand(i, running, "da")
    operand(i, running, "delta")[...] = da * a * (1 - a)


def slope_again(i: Instruction, running: Stepper, at: Situation, _variant: Any) -> None:
    delta = operand(i, running, "delta").copy()
    for activated in at.slopes[name_of(i, "delta")]:
        z, a = operand(activated, running, "z"), operand(activated, running, "a")
        delta[:, columns_of(activated)] *= slope_at(activated, running, at, z, a)
    if i.kernel is bias_gradient:
        output(i, running)[...] = delta.sum(axis=0)
    else:
        output(i, running)[...] = operand(i, running, "a").T @ delta


def z_for_a(i: Instruction, running: Stepper, _at: Situation, _variant: Any) -> None:
    owner = name_of(i, "a").rpartition(".")[0]
    z = running.value(running.program.buffers[f"{owner}.z"])
    output(i, running)[...] = z.T @ operand(i, running, "delta")


def delta_of_the_mean(i: Instruction, running: Stepper, at: Situation, _variant: Any) -> None:
    over_rows(1 if "g" in i.operands else -1)(i, running, at, None)


def back_through(weights_of: Callable[[Instruction, Stepper, Situation], Any]) -> Wrong:
    """da with other weights, or with none that could be had."""

    def wrong(i: Instruction, running: Stepper, at: Situation, _variant: Any) -> None:
        matrix = weights_of(i, running, at)
        if matrix is not None:
            output(i, running)[...] = operand(i, running, "delta") @ np.asarray(matrix).T

    return wrong


def updated_weights(i: Instruction, _running: Stepper, at: Situation) -> Any:
    return at.updated.get(name_of(i, "W"))


def old_weights(i: Instruction, _running: Stepper, at: Situation) -> Any:
    return None if at.before is None else at.parameter(name_of(i, "W"), at.before)


def transposed_weights(i: Instruction, running: Stepper, _at: Situation) -> Any:
    return operand(i, running, "W").T


def no_weights(i: Instruction, running: Stepper, _at: Situation) -> Any:
    return np.ones_like(operand(i, running, "W"))


def one_neuron(i: Instruction, running: Stepper, _at: Situation, k: int) -> None:
    delta, matrix = operand(i, running, "delta"), operand(i, running, "W")
    if k < delta.shape[1]:
        output(i, running)[...] = delta[:, k : k + 1] @ matrix[:, k : k + 1].T


def forward_transposed(i: Instruction, running: Stepper, _at: Situation, _variant: Any) -> None:
    x, matrix = operand(i, running, "a"), operand(i, running, "W")
    output(i, running)[...] += x @ (matrix.T - matrix)


def bias_of(number: float) -> Wrong:
    """z with another number in place of the biases."""

    def wrong(i: Instruction, running: Stepper, _at: Situation, _variant: Any) -> None:
        z = output(i, running)
        z -= operand(i, running, "b") - number

    return wrong


def unactivated(i: Instruction, running: Stepper, _at: Situation, _variant: Any) -> None:
    operand(i, running, "a")[...] = operand(i, running, "z")


def uphill(i: Instruction, running: Stepper, at: Situation, _variant: Any) -> None:
    p = ranged(i, running, "p")
    p[...] = 2 * _before(running, at) - p


def whole_gradient(i: Instruction, running: Stepper, at: Situation, _variant: Any) -> None:
    ranged(i, running, "p")[...] = _before(running, at) - ranged(i, running, "g")


def _before(running: Stepper, at: Situation) -> np.ndarray:
    first, last = int(running.context["start"]), int(running.context["stop"])
    return at.parameters[first:last]
