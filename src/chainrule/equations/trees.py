"""Expression trees: how they are computed, and how they are written as a line of text.

A kernel carries the equations that it computes as trees, so that a test can evaluate them in
NumPy and compare, and so that a reader sees what ran::

    >>> from chainrule.equations import Equation, symbols
    >>> a, W, b = symbols("a W b")
    >>> equation = Equation("z", a @ W + b)
    >>> print(equation)
    z = a·W + b
    >>> print(equation.renamed({"z": "z1", "a": "x", "W": "W1", "b": "b1"}))
    z1 = x·W1 + b1
"""

import functools
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule.engine import random

Number = int | float


class Operation(NamedTuple):
    """How an operation is computed and how it is written; ``terms`` alone takes any number."""

    compute: Callable[..., Any]  # (xp, *arguments), xp being NumPy or what looks like it
    text: str
    binds: int  # the strength with which the written form holds together
    arguments: tuple[int, ...]  # the strength that each argument needs to go without brackets


def _logsumexp(xp: Any, z: Any) -> Any:
    top = xp.max(z, axis=-1, keepdims=True)
    return xp.squeeze(top, -1) + xp.log(xp.sum(xp.exp(z - top), axis=-1))


def _erfc(xp: Any, x: Any) -> Any:
    if xp is np:
        from scipy.special import erfc

        return erfc(x)
    from jax.scipy.special import erfc

    return erfc(x)


def _embedded(xp: Any, x: Any, vectors: Any, column: int) -> Any:
    codes = xp.asarray(x[:, column], dtype=int)
    return xp.concatenate([x[:, :column], vectors[codes], x[:, column + 1 :]], axis=1)


def _code_sums(xp: Any, da: Any, x: Any, column: int, like: Any) -> Any:
    levels, width = like.shape
    codes = xp.asarray(x[:, column], dtype=int)
    return xp.eye(levels)[codes].T @ da[:, column : column + width]


def _unembedded(xp: Any, da: Any, column: int, width: int) -> Any:
    code = xp.zeros((da.shape[0], 1))
    return xp.concatenate([da[:, :column], code, da[:, column + width :]], axis=1)


def _keys(place: Any) -> list[Any]:
    """What the draws of each row are keyed by; see :mod:`chainrule.engine.random`."""
    site, seed, step = (int(number) for number in place[:3])
    return [random.row_key(seed, site, step, int(row)) for row in place[3]]


@np.errstate(over="ignore")
def _normals(_xp: Any, x: Any, *place: Any) -> Any:
    units = range(x.shape[1])
    return np.array([[random.unit_normal(k, u) for u in units] for k in _keys(place)])


@np.errstate(over="ignore")
def _row_normals(_xp: Any, _x: Any, *place: Any) -> Any:
    return np.array([[random.unit_normal(k, 0)] for k in _keys(place)])


@np.errstate(over="ignore")
def _uniforms(_xp: Any, x: Any, *place: Any) -> Any:
    units = range(x.shape[1])
    return np.array([[random.unit_uniform(k, u) for u in units] for k in _keys(place)])


@np.errstate(over="ignore")
def _betas(_xp: Any, alpha: Any, *place: Any) -> Any:
    return np.array([random.beta_number(k, float(alpha)) for k in _keys(place)])


@np.errstate(over="ignore")
def _partners(_xp: Any, rows: Any, *place: Any) -> Any:
    return np.array([random.place_below(k, 0, int(rows)) for k in _keys(place)])


@np.errstate(over="ignore")
def _shifted(_xp: Any, x: Any, most: Any, height: int, width: int, depth: int, *place: Any) -> Any:
    s = int(most)
    images = np.pad(x.reshape(-1, height, width, depth), ((0, 0), (s, s), (s, s), (0, 0)))
    moved = []
    for image, key in zip(images, _keys(place), strict=True):
        down, right = (int(random.place_below(key, way, 2 * s + 1)) - s for way in (0, 1))
        moved.append(image[s - down : s - down + height, s - right : s - right + width])
    return np.array(moved).reshape(x.shape)


@np.errstate(over="ignore")
def _flipped(_xp: Any, x: Any, p: Any, height: int, width: int, depth: int, *place: Any) -> Any:
    images = x.reshape(-1, height, width, depth)
    turned = np.array([random.unit_uniform(key, 0) < p for key in _keys(place)])
    return np.where(turned[:, None, None, None], images[:, :, ::-1], images).reshape(x.shape)


ATOM, POWER, PREFIX, PRODUCT, QUOTIENT, NEGATION, SUM, COMPARISON, LOOSE = range(8, -1, -1)

OPERATIONS = {
    "terms": Operation(lambda xp, *x: functools.reduce(operator.add, x), " + ", SUM, (SUM,)),
    "add": Operation(lambda xp, x, y: x + y, "{} + {}", SUM, (SUM, SUM)),
    "subtract": Operation(lambda xp, x, y: x - y, "{} − {}", SUM, (SUM, NEGATION)),
    "negative": Operation(lambda xp, x: -x, "−{}", NEGATION, (QUOTIENT,)),
    "multiply": Operation(lambda xp, x, y: x * y, "{} {}", PRODUCT, (PRODUCT, PREFIX)),
    "hadamard": Operation(lambda xp, x, y: x * y, "{} ⊙ {}", PRODUCT, (PRODUCT, PREFIX)),
    "divide": Operation(lambda xp, x, y: x / y, "{} / {}", QUOTIENT, (QUOTIENT, POWER)),
    "matmul": Operation(lambda xp, x, y: x @ y, "{}·{}", PRODUCT, (PRODUCT, PREFIX)),
    "power": Operation(lambda xp, x, y: x**y, "{}^{}", POWER, (ATOM, ATOM)),
    "transpose": Operation(lambda xp, x: x.T, "{}ᵀ", ATOM, (ATOM,)),
    "exp": Operation(lambda xp, x: xp.exp(x), "exp({})", ATOM, (LOOSE,)),
    "expm1": Operation(lambda xp, x: xp.expm1(x), "expm1({})", ATOM, (LOOSE,)),
    "log": Operation(lambda xp, x: xp.log(x), "ln({})", ATOM, (LOOSE,)),
    "log1p": Operation(lambda xp, x: xp.log1p(x), "ln(1 + {})", ATOM, (SUM,)),
    "sqrt": Operation(lambda xp, x: xp.sqrt(x), "√({})", ATOM, (LOOSE,)),
    "tanh": Operation(lambda xp, x: xp.tanh(x), "tanh({})", ATOM, (LOOSE,)),
    "logistic": Operation(lambda xp, x: 1 / (1 + xp.exp(-x)), "σ({})", ATOM, (LOOSE,)),
    "softplus": Operation(lambda xp, x: xp.logaddexp(0.0, x), "ln(1 + exp({}))", ATOM, (LOOSE,)),
    "erfc": Operation(_erfc, "erfc({})", ATOM, (LOOSE,)),
    "sign": Operation(lambda xp, x: xp.sign(x), "sign({})", ATOM, (LOOSE,)),
    "absolute": Operation(lambda xp, x: xp.abs(x), "|{}|", ATOM, (LOOSE,)),
    "maximum": Operation(lambda xp, x, y: xp.maximum(x, y), "max({}, {})", ATOM, (LOOSE, LOOSE)),
    "minimum": Operation(lambda xp, x, y: xp.minimum(x, y), "min({}, {})", ATOM, (LOOSE, LOOSE)),
    "greater": Operation(lambda xp, x, y: x > y, "{} > {}", COMPARISON, (SUM, SUM)),
    "at_least": Operation(lambda xp, x, y: x >= y, "{} ≥ {}", COMPARISON, (SUM, SUM)),
    "where": Operation(
        lambda xp, c, x, y: xp.where(c, x, y), "{1} if {0} else {2}", LOOSE, (COMPARISON, SUM, SUM)
    ),
    "onehot": Operation(lambda xp, k, like: xp.eye(like.shape[-1])[k], "onehot({0})", ATOM,
                        (LOOSE, LOOSE)),
    "repeated": Operation(lambda xp, y, like: xp.tile(y, (1, like.shape[-1] // y.shape[-1])),
                          "{0}", ATOM, (ATOM, LOOSE)),
    "spread": Operation(lambda xp, k, like: xp.repeat(xp.asarray(k), like.shape[-1] // len(k)),
                        "{0}", ATOM, (ATOM, LOOSE)),
    "first_half": Operation(lambda xp, x: x[..., : x.shape[-1] // 2], "{}[first half]", ATOM,
                            (ATOM,)),
    "second_half": Operation(lambda xp, x: x[..., x.shape[-1] // 2 :], "{}[second half]", ATOM,
                             (ATOM,)),
    "beside": Operation(lambda xp, x, y: xp.concatenate([x, y], axis=-1), "[{}, {}]", ATOM,
                        (LOOSE, LOOSE)),
    "pick": Operation(lambda xp, x, k: xp.take_along_axis(x, k[:, None], axis=1)[:, 0],
                      "{}[{}]", ATOM, (ATOM, LOOSE)),
    "rows": Operation(lambda xp, x, order: x[order], "{}[{}]", ATOM, (ATOM, LOOSE)),
    "embedded": Operation(_embedded, "{0} with {1}[{0}[:, {2}]] for {0}[:, {2}]", LOOSE,
                          (ATOM, ATOM, LOOSE)),
    "code_sums": Operation(_code_sums, "Σᵢ onehot({1}[:, {2}])ᵀ·{0}[:, {2}:]", PREFIX,
                           (ATOM, ATOM, LOOSE, LOOSE)),
    "unembedded": Operation(_unembedded, "{0} with 0 for {0}[:, {1}:{1} + {2}]", LOOSE,
                            (ATOM, LOOSE, LOOSE)),
    "normals": Operation(_normals, "normal", ATOM, (LOOSE,) * 5),
    "row_normals": Operation(_row_normals, "normalᵢ", ATOM, (LOOSE,) * 5),
    "uniforms": Operation(_uniforms, "uniform", ATOM, (LOOSE,) * 5),
    "betas": Operation(_betas, "betaᵢ({0}, {0})", ATOM, (LOOSE,) * 5),
    "partners": Operation(_partners, "a row of the batch", ATOM, (LOOSE,) * 5),
    "shifted": Operation(_shifted, "shiftedᵢ({0}, {1})", ATOM, (LOOSE,) * 9),
    "flipped": Operation(_flipped, "flippedᵢ({0}, {1})", ATOM, (LOOSE,) * 9),
    "column": Operation(lambda xp, x: x[:, None], "{}", ATOM, (ATOM,)),
    "sum_outputs": Operation(lambda xp, x: xp.sum(x, axis=-1), "Σₖ {}", PREFIX, (PREFIX,)),
    "sum_outputs_column": Operation(
        lambda xp, x: xp.sum(x, axis=-1, keepdims=True), "Σₖ {}", PREFIX, (PREFIX,)
    ),
    "sum_rows": Operation(lambda xp, x: xp.sum(x, axis=0), "Σᵢ {}", PREFIX, (PREFIX,)),
    "sum_all": Operation(lambda xp, x: xp.sum(x), "Σ {}", PREFIX, (PREFIX,)),
    "mean_rows": Operation(lambda xp, x: xp.mean(x, axis=0), "meanᵢ {}", PREFIX, (PREFIX,)),
    "mean_outputs": Operation(lambda xp, x: xp.mean(x, axis=-1), "meanₖ {}", PREFIX, (PREFIX,)),
    "mean_outputs_column": Operation(
        lambda xp, x: xp.mean(x, axis=-1, keepdims=True), "meanₖ {}", PREFIX, (PREFIX,)
    ),
    "logsumexp": Operation(_logsumexp, "ln Σₖ exp({})", ATOM, (LOOSE,)),
    "max_outputs_column": Operation(
        lambda xp, x: xp.max(x, axis=-1, keepdims=True), "maxₖ {}", PREFIX, (ATOM,)
    ),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Expression:
    """A symbol, a number, or an operation on expressions."""

    operation: str
    arguments: tuple[Any, ...]

    def __add__(self, other: Any) -> "Expression":
        return apply("add", self, other)

    def __radd__(self, other: Any) -> "Expression":
        return apply("add", other, self)

    def __sub__(self, other: Any) -> "Expression":
        return apply("subtract", self, other)

    def __rsub__(self, other: Any) -> "Expression":
        return apply("subtract", other, self)

    def __mul__(self, other: Any) -> "Expression":
        return apply("multiply", self, other)

    def __rmul__(self, other: Any) -> "Expression":
        return apply("multiply", other, self)

    def __truediv__(self, other: Any) -> "Expression":
        return apply("divide", self, other)

    def __rtruediv__(self, other: Any) -> "Expression":
        return apply("divide", other, self)

    def __matmul__(self, other: Any) -> "Expression":
        return apply("matmul", self, other)

    def __pow__(self, other: Any) -> "Expression":
        return apply("power", self, other)

    def __neg__(self) -> "Expression":
        return apply("negative", self)

    def __gt__(self, other: Any) -> "Expression":
        return apply("greater", self, other)

    def __ge__(self, other: Any) -> "Expression":
        return apply("at_least", self, other)

    @property
    def T(self) -> "Expression":  # noqa: N802 - the mathematics' own name
        return apply("transpose", self)

    @property
    def names(self) -> frozenset[str]:
        """The symbols in it."""
        if self.operation == "symbol":
            return frozenset(self.arguments)
        if self.operation == "number":
            return frozenset()
        return frozenset().union(*(a.names for a in self.arguments))

    def replaced(self, values: "Mapping[str, Expression]") -> "Expression":
        """The tree with symbols replaced by trees."""
        if self.operation == "symbol":
            return values.get(self.arguments[0], self)
        if self.operation == "number":
            return self
        return Expression(self.operation, tuple(a.replaced(values) for a in self.arguments))

    def renamed(self, names: Mapping[str, str]) -> "Expression":
        """The tree with other names for its symbols."""
        return self.replaced({old: symbol(new) for old, new in names.items()})

    def evaluate(self, values: Mapping[str, Any], xp: Any = np) -> Any:
        """The value of the tree, computed by NumPy or a module that looks like it."""
        if self.operation == "symbol":
            return values[self.arguments[0]]
        if self.operation == "number":
            return self.arguments[0]
        arguments = [a.evaluate(values, xp) for a in self.arguments]
        return OPERATIONS[self.operation].compute(xp, *arguments)

    @property
    def strengths(self) -> tuple[int, ...]:
        """The strength that each argument needs to go without brackets."""
        strengths = OPERATIONS[self.operation].arguments
        return strengths * len(self.arguments) if self.operation == "terms" else strengths

    def text(self, needed: int = LOOSE) -> str:
        """The tree as a line of text, in brackets if it binds less than ``needed``."""
        if self.operation == "symbol":
            return str(self.arguments[0])
        if self.operation == "number":
            number = self.arguments[0]
            written = _number_text(number)
            return f"({written})" if number < 0 and needed > PRODUCT else written
        operation = OPERATIONS[self.operation]
        parts = [a.text(n) for a, n in zip(self.arguments, self.strengths, strict=True)]
        several = self.operation == "terms"
        written = operation.text.join(parts) if several else operation.text.format(*parts)
        if self.operation == "power" and self.arguments[1].arguments == (2,):
            written = f"{parts[0]}²"
        return f"({written})" if operation.binds < needed else written

    __str__ = text


def _number_text(number: Number) -> str:
    if number == 0.5:
        return "½"
    return f"−{-number:g}" if number < 0 else f"{number:g}"


def symbol(name: str) -> Expression:
    """A named value."""
    return Expression("symbol", (name,))


def symbols(names: str) -> tuple[Expression, ...]:
    """Several named values: ``a, W, b = symbols("a W b")``."""
    return tuple(symbol(name) for name in names.split())


def number(value: Number) -> Expression:
    """A number in a tree."""
    return Expression("number", (value,))


def apply(operation: str, *arguments: Any) -> Expression:
    """An operation of :data:`OPERATIONS` on expressions and numbers."""
    trees = (a if isinstance(a, Expression) else number(a) for a in arguments)
    return Expression(operation, tuple(trees))


@dataclass(frozen=True)
class Equation:
    """``target = value``; the target of an update may stand in the value with its old value."""

    target: str
    value: Expression
    sign: str = "="

    @property
    def names(self) -> frozenset[str]:
        return self.value.names

    def renamed(self, names: Mapping[str, str]) -> "Equation":
        return Equation(names.get(self.target, self.target), self.value.renamed(names), self.sign)

    def replaced(self, values: Mapping[str, Expression]) -> "Equation":
        return Equation(self.target, self.value.replaced(values), self.sign)

    def text(self) -> str:
        return f"{self.target} {self.sign} {self.value}"

    __str__ = text
