"""How a definition is shown: as an equation of whole values, or number by number."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from chainrule.checks import whole
from chainrule.equations import Expression
from chainrule.equations.boxes import Box, Figure, Mark, Matrix, Power, Words, box_of, row
from chainrule.equations.text import text
from chainrule.glass.figures import DECIMALS, figure
from chainrule.glass.notation import Notation, Shown
from chainrule.glass.notation.shapes import elementwise
from chainrule.glass.traces.definitions import Definition
from chainrule.glass.traces.lineage import shortened
from chainrule.glass.traces.traced import Trace
from chainrule.glass.writers.document import Document

FORMS = ("matrix", "scalar", "both")
FEW = 2  # neurons of a large layer that are shown, and inputs of each
FEW_EXAMPLES = 3
OVERFLOWING = ("max_outputs_column",)


@dataclass(frozen=True)
class Style:
    """How much is shown.

    Attributes:
        form: ``matrix``, ``scalar`` or ``both``.
        derive: whether rules are derived.
        decimals: of the figures.
        largest: rows and columns of a matrix that is shown number by number.

    Raises:
        ValueError: for what cannot be shown so.
    """

    form: str = "matrix"
    derive: bool = False
    decimals: int = DECIMALS
    largest: int = 6

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"form must be one of {', '.join(FORMS)}, not {self.form!r}")
        found = {
            "derive": bool(self.derive), "decimals": whole("decimals", self.decimals, 0, 12),
            "largest": whole("largest", self.largest, 1, 50),
        }  # fmt: skip
        for name, value in found.items():
            object.__setattr__(self, name, value)


class Equating:
    """Writes definitions of a trace into a document.

    Args:
        trace: whose values they are.
        notation: the letters.
        style: how much is shown.
        document: what is written into.
    """

    def __init__(self, trace: Trace, notation: Notation, style: Style, document: Document) -> None:
        self._trace, self._notation, self._style = trace, notation, style
        self._document = document
        self._said_shift = False

    def show(self, definition: Definition) -> None:
        """One equation, as a whole or number by number."""
        definition = self._unshifted(definition)
        large = max(np.shape(np.atleast_2d(self._trace[definition.path]))) > self._style.largest
        if self._style.form != "scalar" and definition.columns is None:
            self._whole(definition)
        if self._style.form != "matrix" or definition.columns is not None or large:
            elements = self._trace.definitions.elements(definition)
            first = definition.columns[0] if definition.columns else 0
            for index in self._chosen(definition):
                inside = (*index[:-1], index[-1] - first) if first else index
                self._scalar(definition.path, index, elements[inside])

    def _unshifted(self, definition: Definition) -> Definition:
        """The equation without the largest value, subtracted only so that nothing overflows."""
        tree = without_shifts(definition.tree)
        if not any(operation in OVERFLOWING for operation in operations_of(definition.tree)):
            return definition
        plain = replace(definition, tree=tree)
        with np.errstate(all="ignore"):
            value = self._trace.definitions.elements(plain).value
        if not np.allclose(value, self._trace[definition.path], rtol=1e-6, atol=1e-9):
            return definition
        if not self._said_shift:
            self._said_shift = True
            self._document.say(
                "The program subtracts the largest weighted sum of an example from all of them "
                "first, which changes nothing but that no exponential overflows:"
            )
        return plain

    def _whole(self, definition: Definition) -> None:
        shown = self._notation.shown(definition)
        if shown is not None:
            self._equation(shown)

    def _equation(self, shown: Shown) -> None:
        """An equation between whole values, in names and, if they are small, in numbers."""
        notation = self._notation
        left, whole = notation.named(shown.name), notation.array(shown.name)
        tree, _ = elementwise(shown.tree, notation.array)
        steps = [self._box(tree)]
        arrays = [notation.array(name) for name in tree.names]
        fits = all(self._fits(array) for array in (*arrays, whole))
        if fits:
            numbers = box_of(tree, self._matrix_of, self._figure)
            steps += _unless_same(numbers, self._matrix(whole))
        self._document.equate(left, *steps, last=self._last_sign(shown.name), of=shown.name)
        if not fits:
            self._shape(left, whole)

    def _last_sign(self, name: str) -> str:
        """≈ in front of a number that was rounded before it was used."""
        return "=" if self._trace.decimals(name) is None else "≈"

    def _chosen(self, definition: Definition) -> Iterator[tuple[int, ...]]:
        """The places of the numbers that are shown one by one."""
        value = np.asarray(self._trace[definition.path])
        start, stop = definition.columns or (0, value.shape[-1] if value.ndim else 1)
        largest = self._style.largest
        ranges = [range(n if n <= largest else FEW) for n in value.shape]
        if value.ndim:
            stop = stop if stop - start <= largest else start + FEW
            ranges[-1] = range(start, stop)
        by_example = value.ndim > 1 and value.shape[0] == self._trace.rows
        if by_example and definition.phase in ("forward", "backward"):
            ranges[0] = range(min(value.shape[0], FEW_EXAMPLES))
        grid = np.meshgrid(*(np.array(r) for r in ranges), indexing="ij")
        yield from zip(*(axis.ravel().tolist() for axis in grid), strict=True)

    def _scalar(self, path: str, index: tuple[int, ...], tree: Expression) -> None:
        notation = self._notation
        shown = notation.shown_element(path, index, tree)
        result = self._figure(notation.value_of(shown.name))
        if shown.tree.operation == "number":
            self._document.equate(notation.named(shown.name), result, of=shown.name)
            return
        short = shortened(shown.tree)
        numbers = box_of(short, self._number_of, self._figure)
        self._document.equate(
            notation.named(shown.name), box_of(short, self._name_of, self._figure),
            *_unless_same(numbers, result), last=self._last_sign(path), of=shown.name,
        )  # fmt: skip

    def _given(self, path: str) -> None:
        notation = self._notation
        for name in notation.given_names(path):
            array = notation.array(name)
            if self._fits(array):
                self._document.equate(notation.named(name), self._matrix(array), of=name)
            else:
                self._shape(notation.named(name), array)

    def _shape(self, left: Box, array: np.ndarray) -> None:
        rows, columns = (Figure(str(n), n) for n in array.shape)
        self._document.equate(left, Power(Mark("ℝ"), row(rows, "×", columns)), sign="∈")

    # ------------------------------------------------------------------ numbers

    def _fits(self, array: np.ndarray) -> bool:
        return max(array.shape) <= self._style.largest

    def _figure(self, number: float) -> Figure:
        return figure(number, self._style.decimals)

    def _box(self, tree: Expression) -> Box:
        return box_of(tree, self._notation.named, self._figure)

    def _name_of(self, name: str) -> Box:
        return Words(name) if name.startswith("…") else self._notation.named(name)

    def _number_of(self, name: str) -> Box:
        return Words(name) if name.startswith("…") else self._figure(self._notation.value_of(name))

    def _matrix_of(self, name: str) -> Box:
        return self._matrix(self._notation.array(name))

    def _matrix(self, array: np.ndarray) -> Box:
        """The numbers of an array; a single one goes without brackets."""
        if array.size == 1:
            return self._figure(float(array.ravel()[0]))
        return Matrix(tuple(tuple(self._figure(float(n)) for n in line) for line in array))


def operations_of(tree: Expression) -> set[str]:
    """The operations in a tree."""
    if tree.operation in ("symbol", "number"):
        return set()
    return {tree.operation}.union(*(operations_of(argument) for argument in tree.arguments))


def without_shifts(tree: Expression) -> Expression:
    """The tree without differences from a row's largest value."""
    if tree.operation in ("symbol", "number"):
        return tree
    arguments = tuple(without_shifts(argument) for argument in tree.arguments)
    if tree.operation == "subtract" and arguments[1].operation in OVERFLOWING:
        inner: Expression = arguments[0]
        return inner
    return Expression(tree.operation, arguments)


def _unless_same(numbers: Box, result: Box) -> list[Box]:
    """The equation in numbers and its result; the result alone if that is all there is to say."""
    return [result] if text(numbers) == text(result) else [numbers, result]
