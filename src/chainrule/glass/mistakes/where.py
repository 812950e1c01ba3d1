"""Where mistakes can be made: questions about an instruction, answered from its own equation."""

import math

import numpy as np

from chainrule import dataflow
from chainrule.activations import activations
from chainrule.engine import layout
from chainrule.engine.program import Buffer, Instruction
from chainrule.equations import Expression
from chainrule.glass.mistakes.rerun import Situation
from chainrule.glass.traces.slopes import name_of, slope_of, value_of
from chainrule.layers.dense import affine, bias_gradient, input_gradient, product, weight_gradient
from chainrule.optimizers import GradientDescent


def loss_value(i: Instruction, _at: Situation) -> bool:
    return i.phase == layout.FORWARD and "loss" in i.kernel.outputs


def loss_slope(i: Instruction, _at: Situation) -> bool:
    return i.phase == layout.BACKWARD and "y" in i.operands and "da" in i.kernel.outputs


def loss_either(i: Instruction, at: Situation) -> bool:
    return loss_value(i, at) or loss_slope(i, at)


def slope(i: Instruction, _at: Situation) -> bool:
    return slope_of(i) is not None


def curved(i: Instruction, at: Situation) -> bool:
    """f′ that is not the same everywhere, so that its argument counts."""
    found = slope_of(i)
    return found is not None and bool(found.names & {"z", "a"})


def written_in_a(i: Instruction, at: Situation) -> bool:
    found = slope_of(i)
    return found is not None and "a" in found.names


def jacobian(i: Instruction, _at: Situation) -> bool:
    return i.kernel is activations["softmax"].backward


def gradients(i: Instruction, _at: Situation) -> bool:
    return i.kernel in (weight_gradient, bias_gradient)


def weights_behind_an_activation(i: Instruction, at: Situation) -> bool:
    return i.kernel is weight_gradient and any(a == name_of(i, "a") for a, _ in at.functions)


def sloped_gradients(i: Instruction, at: Situation) -> bool:
    return gradients(i, at) and name_of(i, "delta") in at.slopes


def backward(i: Instruction, _at: Situation) -> bool:
    return i.kernel is input_gradient


def backward_of_several(i: Instruction, at: Situation) -> bool:
    return backward(i, at) and shape(i, "delta")[-1] > 1


def backward_square(i: Instruction, at: Situation) -> bool:
    return backward(i, at) and len(set(shape(i, "W"))) == 1 and shape(i, "W")[0] > 1


def forward_square(i: Instruction, _at: Situation) -> bool:
    return i.kernel in (affine, product) and len(set(shape(i, "W"))) == 1 and shape(i, "W")[0] > 1


def biased(i: Instruction, _at: Situation) -> bool:
    return i.kernel is affine


def batch_gradient(i: Instruction, at: Situation) -> bool:
    return i.kernel is dataflow.reduce_gradients and at.rows > 1


def mean_gradient(i: Instruction, at: Situation) -> bool:
    return batch_gradient(i, at) and at.mean


def mean_slope(i: Instruction, at: Situation) -> bool:
    return mean_gradient(i, at) or (loss_slope(i, at) and at.mean and at.rows > 1)


def batch_loss(i: Instruction, at: Situation) -> bool:
    return i.kernel is dataflow.mean_loss and at.rows > 1


def update(i: Instruction, at: Situation) -> bool:
    return i.kernel is at.problem.optimizer.kernel


def descent(i: Instruction, at: Situation) -> bool:
    return update(i, at) and isinstance(at.problem.optimizer, GradientDescent)


def halved(i: Instruction, at: Situation) -> bool:
    return loss_either(i, at) and _loss_factor(at, gradient=False) == 0.5


def halved_slope(i: Instruction, at: Situation) -> bool:
    return loss_slope(i, at) and _loss_factor(at, gradient=False) == 0.5


def doubled_slope(i: Instruction, at: Situation) -> bool:
    return loss_slope(i, at) and _loss_factor(at, gradient=True) == 2


def logarithmic(i: Instruction, at: Situation) -> bool:
    """A loss that is a sum of logarithms: another base divides all of it."""
    if not loss_value(i, at):
        return False
    value = value_of(i)
    operations = _operations(value)
    if "log" not in operations or not value.names <= {"a", "y", "k"}:
        return False
    if "pick" in operations:  # −ln of the output of the label
        return value.operation == "negative" and value.arguments[0].operation == "log"
    known = {"a": np.array([[0.3, 0.7]]), "y": np.array([[0.2, 0.8]]), "k": 2.0}
    once, twice = (float(_scaled(value, factor).evaluate(known)[0]) for factor in (1.0, 2.0))
    return math.isclose(2 * once, twice)


def logarithmic_either(i: Instruction, at: Situation) -> bool:
    return loss_either(i, at) and any(logarithmic(j, at) for j in at.program.instructions)


def shape(instruction: Instruction, name: str) -> tuple[int, ...]:
    """The shape of an operand."""
    buffer = instruction.operands[name]
    assert isinstance(buffer, Buffer)
    return buffer.shape


def _loss_factor(at: Situation, gradient: bool) -> float | None:
    """The number in front of the loss, or of its derivative."""
    wanted = loss_slope if gradient else loss_value
    for instruction in at.program.instructions:
        if wanted(instruction, at):
            value = value_of(instruction)
            if value.operation == "multiply" and value.arguments[0].operation == "number":
                return float(value.arguments[0].arguments[0])
    return None


def _operations(tree: Expression) -> set[str]:
    if tree.operation in ("symbol", "number"):
        return set()
    return {tree.operation}.union(*(_operations(argument) for argument in tree.arguments))


def _scaled(tree: Expression, factor: float) -> Expression:
    """The tree with each logarithm times a factor."""
    if tree.operation in ("symbol", "number"):
        return tree
    inner = Expression(tree.operation, tuple(_scaled(a, factor) for a in tree.arguments))
    return factor * inner if tree.operation == "log" else inner
