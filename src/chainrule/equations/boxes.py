"""The layout of mathematics: boxes within boxes, which a writer for each form of output writes.

A tree says what is computed, a box how it looks: a fraction has a line, a sum a sign. Boxes know
nothing of LaTeX or MathML.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.equations.trees import (
    ATOM,
    LOOSE,
    NEGATION,
    OPERATIONS,
    POWER,
    PRODUCT,
    QUOTIENT,
    SUM,
    Expression,
)


@dataclass(frozen=True)
class Box:
    """What all boxes have in common."""


@dataclass(frozen=True)
class Symbol(Box):
    """A letter with what stands above and below to its right.

    Attributes:
        letter: one or more, such as ``W`` or ``δ``.
        above, below: as text, such as ``[1]`` and ``1,2``; empty for none.
        bold: whether it stands for a vector or a matrix.
        over: an accent, ``^`` for a hat, ``-`` for a bar, or none.
    """

    letter: str
    above: str = ""
    below: str = ""
    bold: bool = False
    over: str = ""


@dataclass(frozen=True)
class Figure(Box):
    """A number as it is shown.

    Attributes:
        text: its digits, ``−0.184`` or ``1.3e−8``.
        value: the number that was rounded to them.
    """

    text: str
    value: float


@dataclass(frozen=True)
class Mark(Box):
    """A sign between others: +, ·, =, →."""

    text: str


@dataclass(frozen=True)
class Words(Box):
    """Words within mathematics."""

    text: str


@dataclass(frozen=True)
class Row(Box):
    """Boxes beside each other."""

    parts: tuple[Box, ...]


@dataclass(frozen=True)
class Fraction(Box):
    top: Box
    bottom: Box


@dataclass(frozen=True)
class Power(Box):
    base: Box
    exponent: Box


@dataclass(frozen=True)
class Root(Box):
    inner: Box


@dataclass(frozen=True)
class Bracketed(Box):
    """Something in brackets, ``()``, ``[]`` or ``||``."""

    inner: Box
    pair: str = "()"


@dataclass(frozen=True)
class Call(Box):
    """A function and what it is applied to: ``max(0, z)``."""

    function: str
    arguments: tuple[Box, ...]


@dataclass(frozen=True)
class Total(Box):
    """Σ over an index."""

    index: str
    inner: Box


@dataclass(frozen=True)
class Matrix(Box):
    rows: tuple[tuple[Box, ...], ...]


@dataclass(frozen=True)
class Cases(Box):
    """Values under conditions; a condition of None is all the rest."""

    rows: tuple[tuple[Box, Box | None], ...]


def row(*parts: Box | str) -> Row:
    """Boxes beside each other; texts become marks."""
    return Row(tuple(Mark(part) if isinstance(part, str) else part for part in parts))


Name = Callable[[str], Box]
Show = Callable[[float], Box]


def box_of(tree: Expression, name: Name, show: Show) -> Box:
    """The layout of a tree.

    Args:
        tree: the tree.
        name: the box of a symbol.
        show: the box of a number.
    """
    return _Layout(name, show)(tree, LOOSE)


class _Layout:
    def __init__(self, name: Name, show: Show) -> None:
        self._name, self._show = name, show

    def __call__(self, tree: Expression, needed: int, first: bool = True) -> Box:
        """A tree in brackets if it binds less than needed; ``first`` if nothing is before it."""
        if tree.operation in ("symbol", "number"):
            value = tree.arguments[0]
            box = self._name(value) if tree.operation == "symbol" else self._show(value)
            signed = isinstance(box, Figure) and box.text[:1] in "−-"
            signed = signed or (isinstance(box, Row) and box.parts[:1] == (Mark("−"),))
            return Bracketed(box) if signed and (needed > NEGATION or not first) else box
        box, binds = self._operation(tree)
        loose = binds < needed or (binds == NEGATION and not first)
        return Bracketed(box) if loose else box

    def _operation(self, tree: Expression) -> tuple[Box, int]:
        operation, arguments = tree.operation, tree.arguments
        if operation in LAYOUTS:
            return LAYOUTS[operation](self, *arguments)
        parts = [
            self(argument, needed, first=k == 0)
            for k, (argument, needed) in enumerate(zip(arguments, tree.strengths, strict=True))
        ]
        binds = OPERATIONS[operation].binds
        template = OPERATIONS[operation].text
        if operation == "terms":
            return row(*_joined(parts, "+")), binds
        if operation in ("multiply", "matmul"):
            return row(parts[0], _times(parts[1]), parts[1]), binds
        return row(*_filled(template, parts)), binds


def _joined(parts: Sequence[Box], sign: str) -> list[Box | str]:
    found: list[Box | str] = []
    for part in parts:
        found += [sign, part] if found else [part]
    return found


def _times(right: Box) -> str:
    """The sign of a product: none but a space, unless figures would run together."""
    while isinstance(right, Row | Power | Bracketed):
        if isinstance(right, Bracketed) and not isinstance(right.inner, Figure):
            break
        right = right.parts[0] if isinstance(right, Row) else (
            right.base if isinstance(right, Power) else right.inner
        )  # fmt: skip
    return "·" if isinstance(right, Figure) else " "


def _filled(template: str, parts: Sequence[Box]) -> list[Box | str]:
    """The template of an operation's text with boxes in its places."""
    import string

    found: list[Box | str] = []
    next_part = 0
    for literal, field, _, _ in string.Formatter().parse(template):
        if any(letter.isalpha() for letter in literal):
            found.append(Words(literal))
        elif literal.strip():
            found.append(literal.strip())
        if field is not None:
            found.append(parts[int(field) if field else next_part])
            next_part += 1
    return found


LAYOUTS: dict[str, Callable[..., tuple[Box, int]]] = {}


def _layout(*operations: str) -> Callable[[Any], Any]:
    def registered(function: Any) -> Any:
        for operation in operations:
            LAYOUTS[operation] = function
        return function

    return registered


def _call(function: str) -> Callable[..., tuple[Box, int]]:
    def layout(of: _Layout, *arguments: Expression) -> tuple[Box, int]:
        return Call(function, tuple(of(argument, LOOSE) for argument in arguments)), ATOM

    return layout


for _operation, _function in {
    "exp": "exp", "log": "ln", "tanh": "tanh", "logistic": "σ", "erfc": "erfc",
    "sign": "sign", "onehot": "onehot",
}.items():  # fmt: skip
    LAYOUTS[_operation] = _call(_function)
LAYOUTS["onehot"] = lambda of, k, _like: _call("onehot")(of, k)
LAYOUTS["repeated"] = LAYOUTS["spread"] = lambda of, y, _like: (of(y, ATOM), ATOM)
LAYOUTS["column"] = lambda of, x: (of(x, ATOM), ATOM)


def _of_several(function: str, operation: str) -> Callable[..., tuple[Box, int]]:
    """A function of two, written as one of many where it is nested: max(x, y, z)."""

    def flat(tree: Expression) -> list[Expression]:
        if tree.operation != operation:
            return [tree]
        return [part for argument in tree.arguments for part in flat(argument)]

    def layout(of: _Layout, x: Expression, y: Expression) -> tuple[Box, int]:
        return Call(function, tuple(of(part, LOOSE) for part in (*flat(x), *flat(y)))), ATOM

    return layout


LAYOUTS["maximum"] = _of_several("max", "maximum")
LAYOUTS["minimum"] = _of_several("min", "minimum")


@_layout("log1p")
def _log1p(of: _Layout, x: Expression) -> tuple[Box, int]:
    return Call("ln", (row(of._show(1), "+", of(x, SUM, first=False)),)), ATOM


@_layout("expm1")
def _expm1(of: _Layout, x: Expression) -> tuple[Box, int]:
    return row(Call("exp", (of(x, LOOSE),)), "−", of._show(1)), SUM


@_layout("softplus")
def _softplus(of: _Layout, x: Expression) -> tuple[Box, int]:
    return Call("ln", (row(of._show(1), "+", Call("exp", (of(x, LOOSE),))),)), ATOM


@_layout("divide")
def _divide(of: _Layout, x: Expression, y: Expression) -> tuple[Box, int]:
    return Fraction(of(x, LOOSE), of(y, LOOSE)), QUOTIENT


@_layout("power")
def _power(of: _Layout, x: Expression, y: Expression) -> tuple[Box, int]:
    base = of(x, ATOM)
    layered = isinstance(base, Symbol) and base.above.isdigit()  # which is no exponent
    if layered or (isinstance(base, Figure) and "e" in base.text):
        base = Bracketed(base)
    return Power(base, of(y, LOOSE)), POWER


@_layout("transpose")
def _transpose(of: _Layout, x: Expression) -> tuple[Box, int]:
    return Power(of(x, ATOM), Mark("⊤")), ATOM


@_layout("sqrt")
def _sqrt(of: _Layout, x: Expression) -> tuple[Box, int]:
    return Root(of(x, LOOSE)), ATOM


@_layout("absolute")
def _absolute(of: _Layout, x: Expression) -> tuple[Box, int]:
    return Bracketed(of(x, LOOSE), "||"), ATOM


@_layout("where")
def _where(of: _Layout, condition: Expression, yes: Expression, no: Expression) -> tuple[Box, int]:
    rows: list[tuple[Box, Box | None]] = [(of(yes, LOOSE), of(condition, LOOSE))]
    while no.operation == "where":
        condition, yes, no = no.arguments
        rows.append((of(yes, LOOSE), of(condition, LOOSE)))
    return Cases((*rows, (of(no, LOOSE), None))), LOOSE


def _total(index: str) -> Callable[..., tuple[Box, int]]:
    def layout(of: _Layout, x: Expression) -> tuple[Box, int]:
        return Total(index, of(x, PRODUCT)), QUOTIENT

    return layout


LAYOUTS["sum_rows"] = _total("i")
LAYOUTS["sum_outputs"] = LAYOUTS["sum_outputs_column"] = _total("k")
LAYOUTS["sum_all"] = _total("")


def _over(word: str, index: str) -> Callable[..., tuple[Box, int]]:
    def layout(of: _Layout, x: Expression) -> tuple[Box, int]:
        return row(Symbol(word, below=index), " ", of(x, ATOM)), QUOTIENT

    return layout


LAYOUTS["max_outputs_column"] = _over("max", "k")
LAYOUTS["mean_outputs"] = LAYOUTS["mean_outputs_column"] = _over("mean", "k")
LAYOUTS["mean_rows"] = _over("mean", "i")


@_layout("logsumexp")
def _logsumexp(of: _Layout, z: Expression) -> tuple[Box, int]:
    return Call("ln", (Total("k", Call("exp", (of(z, LOOSE),))),)), ATOM


__all__ = [
    "Box", "Bracketed", "Call", "Cases", "Figure", "Fraction", "Mark", "Matrix", "Power", "Root",
    "Row", "Symbol", "Total", "Words", "box_of", "row",
]  # fmt: skip
