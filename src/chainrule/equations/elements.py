"""What one element of a value is computed from: a matrix equation becomes one of numbers.

The element [0, 2] of ``a·W + b`` is ``a[0,0] W[0,2] + a[0,1] W[1,2] + b[2]``: a tree again, whose
symbols are elements of the symbols of the whole.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.equations.trees import OPERATIONS, Expression, apply, number, symbol

Index = tuple[int, ...]


def name_of(value: str, index: Index) -> str:
    """The name of an element: ``W1[0,2]``; of a single number that of the value."""
    return f"{value}[{','.join(map(str, index))}]" if index else value


class Elements:
    """The elements of one tree.

    Args:
        tree: the tree.
        values: the value of each of its symbols.
        first: for those that are some columns of a value, the number of the first.

    >>> from chainrule.equations import symbols
    >>> a, W, b = symbols("a W b")
    >>> values = {"a": np.ones((4, 2)), "W": np.ones((2, 3)), "b": np.ones(3)}
    >>> print(Elements(a @ W + b, values)[0, 2])
    a[0,0] W[0,2] + a[0,1] W[1,2] + b[2]
    """

    def __init__(
        self, tree: Expression, values: Mapping[str, Any], first: Mapping[str, int] | None = None
    ) -> None:
        self._tree, self._first = tree, first or {}
        self._arrays: dict[int, np.ndarray] = {}
        with np.errstate(all="ignore"):  # what overflows is shown as it is
            self._evaluate(tree, values)

    @property
    def value(self) -> np.ndarray:
        """The value of the whole tree."""
        return self._arrays[id(self._tree)]

    def __getitem__(self, index: Index) -> Expression:
        return self._element(self._tree, index)

    def _evaluate(self, tree: Expression, values: Mapping[str, Any]) -> np.ndarray:
        """The value of each part, kept, since where an element comes from depends on shapes."""
        if tree.operation == "symbol":
            value = values[tree.arguments[0]]
        elif tree.operation == "number":
            value = tree.arguments[0]
        else:
            parts = [self._evaluate(argument, values) for argument in tree.arguments]
            value = OPERATIONS[tree.operation].compute(np, *parts)
        self._arrays[id(tree)] = array = np.asarray(value)
        return array

    def array(self, tree: Expression) -> np.ndarray:
        """The value of a part of the tree."""
        return self._arrays[id(tree)]

    def at(self, tree: Expression, index: Index) -> Expression:
        """An element of a part of the tree."""
        return self._element(tree, index)

    def _element(self, tree: Expression, index: Index) -> Expression:
        if tree.operation == "number":
            return tree
        if tree.operation == "symbol":
            name = tree.arguments[0]
            if name in self._first:
                index = (*index[:-1], index[-1] + self._first[name])
            return symbol(name_of(name, index if self.array(tree).ndim else ()))
        if tree.operation in DRAWN:
            return number(self.array(tree)[index].item())
        rule = RULES.get(tree.operation)
        if rule is not None:
            return rule(self, index, *tree.arguments)
        parts = (self._element(a, _broadcast(index, self.array(a))) for a in tree.arguments)
        return apply("multiply" if tree.operation == "hadamard" else tree.operation, *parts)


#: Operations whose elements are drawn: nothing that is shown tells where they come from.
DRAWN = {
    "normals", "row_normals", "uniforms", "betas", "partners", "shifted", "flipped",
}  # fmt: skip

RULES: dict[str, Callable[..., Expression]] = {}
Rule = Callable[..., Expression]


def rule(*operations: str) -> Callable[[Rule], Rule]:
    """Register what an element of these operations is."""

    def registered(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(operations, function))
        return function

    return registered


def _broadcast(index: Index, array: np.ndarray) -> Index:
    """The index into an operand of an operation that goes element by element."""
    own = index[len(index) - array.ndim :] if array.ndim else ()
    return tuple(0 if n == 1 else i for i, n in zip(own, array.shape, strict=True))


def _sum(terms: list[Expression]) -> Expression:
    if not terms:
        return number(0)
    return terms[0] if len(terms) == 1 else Expression("terms", tuple(terms))


def _row(of: Elements, x: Expression, index: Index) -> list[Expression]:
    """The elements along the last axis."""
    return [of.at(x, (*index, k)) for k in range(of.array(x).shape[-1])]


@rule("matmul")
def _matmul(of: Elements, index: Index, x: Expression, y: Expression) -> Expression:
    inner = range(of.array(x).shape[-1])
    i, j = index
    return _sum([of.at(x, (i, k)) * of.at(y, (k, j)) for k in inner])


@rule("transpose")
def _transpose(of: Elements, index: Index, x: Expression) -> Expression:
    return of.at(x, index[::-1])


@rule("sum_rows")
def _sum_rows(of: Elements, index: Index, x: Expression) -> Expression:
    return _sum([of.at(x, (i, *index)) for i in range(of.array(x).shape[0])])


@rule("mean_rows")
def _mean_rows(of: Elements, index: Index, x: Expression) -> Expression:
    return _sum_rows(of, index, x) / of.array(x).shape[0]


@rule("sum_outputs")
def _sum_outputs(of: Elements, index: Index, x: Expression) -> Expression:
    return _sum(_row(of, x, index))


@rule("mean_outputs")
def _mean_outputs(of: Elements, index: Index, x: Expression) -> Expression:
    return _sum(_row(of, x, index)) / of.array(x).shape[-1]


@rule("sum_outputs_column")
def _sum_outputs_column(of: Elements, index: Index, x: Expression) -> Expression:
    return _sum(_row(of, x, index[:-1]))


@rule("mean_outputs_column")
def _mean_outputs_column(of: Elements, index: Index, x: Expression) -> Expression:
    return _sum(_row(of, x, index[:-1])) / of.array(x).shape[-1]


@rule("max_outputs_column")
def _max_outputs_column(of: Elements, index: Index, x: Expression) -> Expression:
    return functools.reduce(lambda p, q: apply("maximum", p, q), _row(of, x, index[:-1]))


@rule("sum_all")
def _sum_all(of: Elements, _index: Index, x: Expression) -> Expression:
    return _sum([of.at(x, index) for index in np.ndindex(of.array(x).shape)])


@rule("logsumexp")
def _logsumexp(of: Elements, index: Index, x: Expression) -> Expression:
    return apply("log", _sum([apply("exp", term) for term in _row(of, x, index)]))


@rule("column")
def _column(of: Elements, index: Index, x: Expression) -> Expression:
    return of.at(x, index[:-1])


@rule("first_half")
def _first_half(of: Elements, index: Index, x: Expression) -> Expression:
    return of.at(x, index)


@rule("second_half")
def _second_half(of: Elements, index: Index, x: Expression) -> Expression:
    return of.at(x, (*index[:-1], index[-1] + of.array(x).shape[-1] // 2))


@rule("beside")
def _beside(of: Elements, index: Index, x: Expression, y: Expression) -> Expression:
    width = of.array(x).shape[-1]
    if index[-1] < width:
        return of.at(x, index)
    return of.at(y, (*index[:-1], index[-1] - width))


@rule("pick")
def _pick(of: Elements, index: Index, x: Expression, k: Expression) -> Expression:
    return of.at(x, (*index, int(of.array(k)[index])))


@rule("rows")
def _rows(of: Elements, index: Index, x: Expression, order: Expression) -> Expression:
    return of.at(x, (int(of.array(order)[index[0]]), *index[1:]))


@rule("onehot")
def _onehot(of: Elements, index: Index, k: Expression, _like: Expression) -> Expression:
    return number(int(of.array(k)[index[:-1]] == index[-1]))


@rule("repeated")
def _repeated(of: Elements, index: Index, y: Expression, _like: Expression) -> Expression:
    return of.at(y, (*index[:-1], index[-1] % of.array(y).shape[-1]))


@rule("spread")
def _spread(of: Elements, index: Index, k: Expression, like: Expression) -> Expression:
    each = of.array(like).shape[-1] // of.array(k).shape[0]
    return of.at(k, (index[-1] // each,))


@rule("embedded")
def _embedded(
    of: Elements, index: Index, x: Expression, vectors: Expression, column: Expression
) -> Expression:
    first, width = int(of.array(column)), of.array(vectors).shape[1]
    i, j = index
    if j < first:
        return of.at(x, index)
    if j < first + width:
        return of.at(vectors, (int(of.array(x)[i, first]), j - first))
    return of.at(x, (i, j - width + 1))


@rule("code_sums")
def _code_sums(
    of: Elements, index: Index, da: Expression, x: Expression, column: Expression,
    _like: Expression,
) -> Expression:  # fmt: skip
    first = int(of.array(column))
    level, j = index
    rows = np.flatnonzero(of.array(x)[:, first].astype(int) == level)
    return _sum([of.at(da, (int(i), first + j)) for i in rows])


@rule("unembedded")
def _unembedded(
    of: Elements, index: Index, da: Expression, column: Expression, width: Expression
) -> Expression:
    first, wide = int(of.array(column)), int(of.array(width))
    i, j = index
    if j == first:
        return number(0)
    return of.at(da, (i, j if j < first else j + wide - 1))
