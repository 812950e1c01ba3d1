"""Trees in another shape: samples in columns, and signs brought to the front."""

import math
from collections.abc import Callable

import numpy as np

from chainrule.equations import Expression, apply, number

#: Operations that a sign passes through, by the arguments that carry it.
CARRIES = {
    "multiply": (0, 1), "hadamard": (0, 1), "matmul": (0, 1), "divide": (0, 1), "transpose": (0,),
    "sum_rows": (0,), "sum_outputs": (0,), "sum_outputs_column": (0,), "sum_all": (0,),
    "mean_rows": (0,), "column": (0,),
}  # fmt: skip


def transposed(tree: Expression) -> Expression:
    """The equation of the transposed values, each symbol now standing for its transpose."""
    if tree.operation in ("symbol", "number"):
        return tree
    arguments = tuple(transposed(argument) for argument in tree.arguments)
    return Expression(tree.operation, arguments[::-1] if tree.operation == "matmul" else arguments)


def elementwise(
    tree: Expression, array: Callable[[str], np.ndarray]
) -> tuple[Expression, tuple[int, ...]]:
    """The tree with ⊙ for products of matrices element by element, and its value's shape.

    Args:
        tree: with samples in columns.
        array: the value of a symbol, (rows, columns).
    """
    if tree.operation == "symbol":
        return tree, array(tree.arguments[0]).shape
    if tree.operation == "number":
        return tree, (1, 1)
    found = [elementwise(argument, array) for argument in tree.arguments]
    arguments, shapes = tuple(t for t, _ in found), [shape for _, shape in found]
    operation = tree.operation
    if operation == "matmul":
        return Expression(operation, arguments), (shapes[0][0], shapes[1][1])
    if operation == "transpose":
        return Expression(operation, arguments), shapes[0][::-1]
    if operation in ("sum_rows", "mean_rows"):
        return Expression(operation, arguments), (shapes[0][0], 1)
    if "outputs" in operation or operation in ("logsumexp", "pick"):
        return Expression(operation, arguments), (1, shapes[0][1])
    if operation == "sum_all":
        return Expression(operation, arguments), (1, 1)
    if operation == "multiply" and all(math.prod(shape) > 1 for shape in shapes):
        operation = "hadamard"
    shape = (max(s[0] for s in shapes), max(s[1] for s in shapes))
    return Expression(operation, arguments), shape


def without_sums(tree: Expression) -> Expression:
    """The tree without sums over the examples, where there is but one."""
    if tree.operation in ("symbol", "number"):
        return tree
    if tree.operation == "sum_rows":
        return without_sums(tree.arguments[0])
    return Expression(tree.operation, tuple(without_sums(a) for a in tree.arguments))


def tidy(tree: Expression) -> Expression:
    """The tree with signs in front: −(−x) is x, x + (−y) is x − y, (−x)·y is −x·y."""
    if tree.operation in ("symbol", "number"):
        return tree
    arguments = [tidy(argument) for argument in tree.arguments]
    if tree.operation == "negative":
        return negated(arguments[0])
    if tree.operation in CARRIES:
        signs = 0
        for place in CARRIES[tree.operation]:
            if arguments[place].operation == "negative":
                arguments[place] = arguments[place].arguments[0]
                signs += 1
        plain = Expression(tree.operation, tuple(arguments))
        return negated(plain) if signs % 2 else plain
    negative = [argument.operation == "negative" for argument in arguments]
    if tree.operation == "terms" and all(negative):
        return negated(Expression("terms", tuple(a.arguments[0] for a in arguments)))
    if tree.operation == "add" and negative[1]:
        return arguments[0] - arguments[1].arguments[0]
    if tree.operation == "add" and negative[0]:
        return arguments[1] - arguments[0].arguments[0]
    if tree.operation == "subtract" and negative[1]:
        return tidy(arguments[0] + arguments[1].arguments[0])
    return Expression(tree.operation, tuple(arguments))


def negated(tree: Expression) -> Expression:
    """−tree, with the sign as far inside as it goes without brackets."""
    if tree.operation == "negative":
        inner: Expression = tree.arguments[0]
        return inner
    if tree.operation == "number":
        return number(-tree.arguments[0])
    if tree.operation == "subtract":
        return apply("subtract", tree.arguments[1], tree.arguments[0])
    return apply("negative", tree)
