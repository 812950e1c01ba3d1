"""Activations as nodes of ONNX: its own operators where there are, else the entry's equation.

The equation is the one that the kernel is tested against, so an activation that a user registered
is exported as well, if its equation is made of the operations below.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.activations import Activation
from chainrule.equations import Expression
from chainrule.export.onnx_graph import Graph

#: The operator of ONNX and its attributes, by the name of the activation.
NATIVE: dict[str, tuple[str, Callable[[Activation], dict[str, Any]]]] = {
    "logistic": ("Sigmoid", lambda entry: {}),
    "tanh": ("Tanh", lambda entry: {}),
    "relu": ("Relu", lambda entry: {}),
    "softmax": ("Softmax", lambda entry: {"axis": 1}),
    "leaky_relu": ("LeakyRelu", lambda entry: {"alpha": entry.k}),
    "elu": ("Elu", lambda entry: {"alpha": entry.k}),
    "softplus": ("Softplus", lambda entry: {}),
    "softsign": ("Softsign", lambda entry: {}),
    "exponential": ("Exp", lambda entry: {}),
}
#: Those that onnxruntime has for float64 too, at the version of the operators that is used.
IN_FLOAT64 = {"logistic", "tanh", "relu", "softmax", "exponential"}


def _erfc(graph: Graph, x: Any) -> str:
    """1 − erf; onnxruntime computes erf in float32 only."""
    if graph.dtype == np.float32:
        return graph.node("Sub", 1, graph.node("Erf", x))
    error = graph.node("Erf", graph.cast(x, np.float32))
    return graph.node("Sub", 1, graph.cast(error, graph.dtype))


def _simple(operator: str, **attributes: Any) -> Callable[..., str]:
    return lambda graph, *arguments: graph.node(operator, *arguments, **attributes)


#: An operation of an equation as nodes.
OPERATIONS: dict[str, Callable[..., str]] = {
    "add": _simple("Add"),
    "subtract": _simple("Sub"),
    "negative": _simple("Neg"),
    "multiply": _simple("Mul"),
    "hadamard": _simple("Mul"),
    "divide": _simple("Div"),
    "power": _simple("Pow"),
    "exp": _simple("Exp"),
    "expm1": lambda graph, x: graph.node("Sub", graph.node("Exp", x), 1),
    "log": _simple("Log"),
    "log1p": lambda graph, x: graph.node("Log", graph.node("Add", x, 1)),
    "sqrt": _simple("Sqrt"),
    "tanh": _simple("Tanh"),
    "logistic": _simple("Sigmoid"),
    "erfc": _erfc,
    "sign": _simple("Sign"),
    "absolute": _simple("Abs"),
    "maximum": _simple("Max"),
    "minimum": _simple("Min"),
    "greater": _simple("Greater"),
    "at_least": _simple("GreaterOrEqual"),
    "where": _simple("Where"),
    "max_outputs_column": _simple("ReduceMax", axes=[1], keepdims=1),
    "sum_outputs_column": lambda graph, x: graph.node(
        "ReduceSum", x, graph.constant([1], np.int64), keepdims=1
    ),
}


def activation(graph: Graph, entry: Activation, z: str, path: str) -> str:
    """Append a = f(z).

    Raises:
        ValueError: for an entry without an operator, whose equation needs an operation that ONNX
            has not.
    """
    if entry.name == "linear" and entry.k == 1:
        return z
    if entry.name in NATIVE and (graph.dtype == np.float32 or entry.name in IN_FLOAT64):
        operator, attributes = NATIVE[entry.name]
        return graph.node(operator, z, name=f"{path}.a", **attributes(entry))
    try:
        return str(_nodes(graph, entry.equation, {"z": z, "k": entry.k}))
    except KeyError as error:
        raise ValueError(
            f"the activation {entry.name!r} cannot be exported: ONNX has nothing for the "
            f"{error} of its equation"
        ) from None


def _nodes(graph: Graph, tree: Expression, values: dict[str, Any]) -> Any:
    if tree.operation == "symbol":
        return values[tree.arguments[0]]
    if tree.operation == "number":
        return float(tree.arguments[0])
    arguments = [_nodes(graph, argument, values) for argument in tree.arguments]
    return OPERATIONS[tree.operation](graph, *arguments)
