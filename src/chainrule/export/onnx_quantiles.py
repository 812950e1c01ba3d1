"""Quantiles to a normal distribution as nodes of ONNX: scikit-learn's QuantileTransformer.

Between two quantiles the share of the training rows is interpolated; the inverse of the normal
distribution takes it from there.
"""

from typing import Any

import numpy as np

from chainrule.export.onnx_graph import Graph

NEAR = 1e-7  # scikit-learn's: so near to the outermost quantiles is at them

# Of the middle and of the tails, the highest power first.
MIDDLE = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
     4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
     1.3314166789178437745e2, 3.3871328727963666080e0),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
     2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
     4.2313330701600911252e1, 1.0),
)  # fmt: skip
TAIL = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
     1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
     4.63033784615654529590e0, 1.42343711074968357734e0),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
     1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
     2.05319162663775882187e0, 1.0),
)  # fmt: skip


def quantile_nodes(graph: Graph, transformer: Any, x: str) -> str:
    """Append the transformer, for (rows, columns) of float64 without NaN."""
    quantiles = transformer.quantiles_
    below = _interpolated(graph, transformer, x, "LessOrEqual")
    above = _interpolated(graph, transformer, x, "Less")
    share = graph.node("Mul", graph.node("Add", below, above), 0.5)
    high = graph.node("Greater", graph.node("Add", x, NEAR), graph.constant(quantiles[-1:]))
    share = graph.node("Where", high, 1, share)
    low = graph.node("Less", graph.node("Sub", x, NEAR), graph.constant(quantiles[:1]))
    share = graph.node("Where", low, 0, share)
    least = NEAR - np.spacing(1)
    return inverse_normal(graph, graph.node("Clip", share, least, 1 - least))


def _interpolated(graph: Graph, transformer: Any, x: str, smaller: str) -> str:
    """The share of the rows at x, on the line between the two quantiles around it.

    Where quantiles are equal, ``LessOrEqual`` takes the last of them and ``Less`` the first. The
    place is searched for in halves, in all columns at once: quantiles stand one column after the
    other, filled up to a power of two.
    """
    count, columns = transformer.quantiles_.shape
    size = 1 << count.bit_length()
    padded = np.full((columns, size), np.inf)
    padded[:, :count] = transformer.quantiles_.T
    known = graph.constant(padded.ravel(), name="quantiles")
    shares = np.ones(size)
    shares[:count] = transformer.references_
    reached = graph.constant(shares, name="shares")
    zeros = graph.cast(graph.node("IsNaN", x), np.int64)  # of the shape of x
    start = graph.node("Add", zeros, graph.constant(np.arange(columns) * size, np.int64))
    place = start
    step = size // 2
    while step:
        last = graph.node("Add", place, graph.constant(step - 1, np.int64))
        more = graph.node(smaller, graph.node("Gather", known, last), x)
        further = graph.node("Add", place, graph.constant(step, np.int64))
        place = graph.node("Where", more, further, place)
        step //= 2
    place = graph.node("Sub", graph.node("Sub", place, start), graph.constant(1, np.int64))
    most = max(count - 2, 0)
    # Places outside of the quantiles are set later: here they must only exist.
    place = graph.node(
        "Clip", place, graph.constant(0, np.int64), graph.constant(most, np.int64)
    )  # fmt: skip
    one = graph.constant(1, np.int64)
    here, then = place, graph.node("Add", place, one)
    left = graph.node("Gather", known, graph.node("Add", start, here))
    width = graph.node("Sub", graph.node("Gather", known, graph.node("Add", start, then)), left)
    width = graph.node("Where", graph.node("Equal", width, 0), 1, width)
    first = graph.node("Gather", reached, here)
    rise = graph.node("Sub", graph.node("Gather", reached, then), first)
    along = graph.node("Div", graph.node("Sub", x, left), width)
    return graph.node("Add", first, graph.node("Mul", along, rise))


def inverse_normal(graph: Graph, p: str) -> str:
    """Append z with Φ(z) = p, for p in (1e-11, 1 − 1e-11).

    Source: Wichura, "Algorithm AS 241: The Percentage Points of the Normal Distribution", 1988.
    """
    q = graph.node("Sub", p, 0.5)
    r = graph.node("Sub", 0.180625, graph.node("Mul", q, q))
    middle = graph.node("Mul", q, _ratio(graph, MIDDLE, r))
    tail = graph.node("Min", p, graph.node("Sub", 1, p))
    r = graph.node("Sqrt", graph.node("Neg", graph.node("Log", tail)))
    outer = _ratio(graph, TAIL, graph.node("Sub", r, 1.6))
    outer = graph.node("Mul", graph.node("Sign", q), outer)
    far = graph.node("Greater", graph.node("Abs", q), 0.425)
    return graph.node("Where", far, outer, middle)


def _ratio(graph: Graph, powers: tuple[tuple[float, ...], tuple[float, ...]], r: str) -> str:
    above, below = (graph.polynomial(r, coefficients) for coefficients in powers)
    return graph.node("Div", above, below)
