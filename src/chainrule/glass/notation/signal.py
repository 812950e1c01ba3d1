"""The notation of 002: signals y, errors e = d − y, local gradients S = −δ, and a sum E."""

from typing import ClassVar

import numpy as np

from chainrule.equations import Expression, apply, symbol
from chainrule.equations.boxes import Box, Fraction, Symbol, row
from chainrule.glass.notation.base import Notation, Place, Shown, register
from chainrule.glass.notation.shapes import tidy
from chainrule.glass.traces.definitions import Definition, with_part
from chainrule.glass.traces.lineage import ordered_names, split_name
from chainrule.glass.traces.traced import Trace
from chainrule.optimizers import GradientDescent

ERROR = "e"


@register
class Signal(Notation):
    """002: w^l leaves layer l, y^0 are the inputs, S^l = −δ^l, and E is a sum over the examples.

    Where the loss is a mean over m examples, E is m times it, and so are its derivatives; the step
    is the same, η / m times that of the sum.
    """

    name: ClassVar[str] = "signal"
    source: ClassVar[str] = "002"
    rate: ClassVar[str] = "η"
    weight_letter: ClassVar[str] = "w"
    loss: ClassVar[str] = "E"
    rows: ClassVar[str] = "T"
    sign: ClassVar[str] = "−"
    target: ClassVar[str] = "d"
    targets: ClassVar[str] = "d"
    one_hot: ClassVar[str] = "d"
    letters: ClassVar[dict[str, str]] = {
        "W": "w", "b": "b", "z": "v", "a": "y", "delta": "S", "da": "", "dW": "", "db": "",
        "S": "S",
    }  # fmt: skip
    shift: ClassVar[dict[str, int]] = {"W": -1}
    about: ClassVar[tuple[str | Box, ...]] = (
        "Each column is an example. ", Symbol("w", "l", bold=True), " leads from layer l to layer "
        "l + 1, and ", Symbol("y", "0", bold=True), " are the inputs. The error ",
        row(Symbol("e"), "=", Symbol("d"), "−", Symbol("y")), " is target minus output, and ",
        row(Symbol("S"), "=", "−", Fraction(row("∂", Symbol("E")), row("∂", Symbol("v")))),
        " is the local gradient: ", row(Symbol("S"), "=", "−", Symbol("δ")), ".",
    )  # fmt: skip

    def __init__(self, trace: Trace) -> None:
        super().__init__(trace)
        self._factor = float(trace.definitions.value("m"))

    @property
    def notes(self) -> tuple[str | Box, ...]:
        if self._factor == 1:
            return self.about
        return (
            *self.about, " ", Symbol("E"), " is the sum over the ", Symbol("T"), " examples: it "
            "and its derivatives are ", Symbol("T"), " times those of the mean, and a step by the "
            "mean is one by ", Fraction(Symbol("η"), Symbol("T")), ".",
        )  # fmt: skip

    def above(self, layer: int) -> str:
        return str(layer)

    def _with_example(
        self, letter: str, above: str, below: str, example: str, bold: bool, over: str
    ) -> Box:
        found = Symbol(letter, above, below, bold, over)
        return row(found, f"({example})") if example else found

    def _symbol(self, path: str, index: tuple[int, ...] | None) -> Box:
        if path == ERROR:
            example = str(index[0] + 1) if index and self.trace.rows > 1 else ""
            unit = str(index[1] + 1) if index and self.trace.network.outputs > 1 else ""
            return self._with_example("e", "", unit, example, False, "")
        return super()._symbol(path, index)

    def _derivative(self, place: Place, of: str, index: tuple[int, ...] | None) -> Box:
        box = super()._derivative(place, of, index)
        return row(self.sign, box) if place.quantity == "da" else box

    def _loss_of(self, place: Place) -> Box:
        return Symbol(self.loss)

    def array(self, name: str) -> np.ndarray:
        return self._sign(name) * super().array(self._stored(name)) if name != ERROR else (
            super().array("y") - super().array(f"{self.last}.a")
        )  # fmt: skip

    def number(self, name: str, index: tuple[int, ...]) -> float:
        if name == ERROR:
            return super().number("y", index) - super().number(f"{self.last}.a", index)
        return self._sign(name) * super().number(self._stored(name), index)

    def _stored(self, name: str) -> str:
        place = self.place(name)
        suffix = f".{place.suffix}" if place.suffix else ""
        return f"{place.owner}.delta{suffix}" if place.quantity == "S" else name

    def _sign(self, name: str) -> float:
        """What a stored value is multiplied by to be what the notation means."""
        place = self.place(name)
        if place.quantity in ("S", "da"):
            return -1.0
        return self._factor if place.quantity in ("dW", "db") or name == "loss" else 1.0

    def _rewritten(self, path: str, tree: Expression) -> Shown:
        """An equation of the stored values, or of their elements, in those of the notation."""
        place, values = self.place(path), {}
        tree = self._with_error(tree)
        for name in ordered_names(tree):
            value, _ = split_name(name)
            rest = name.removeprefix(value)
            inner = self.place(value)
            if inner.quantity == "delta":
                values[name] = -symbol(self._signal(inner) + rest)
            elif inner.quantity == "da":
                values[name] = -symbol(name)
            elif inner.quantity in ("dW", "db") and self._factor != 1:
                values[name] = symbol(name) / symbol("m")
        tree = tree.replaced(values)
        if place.quantity in ("delta", "da"):
            tree = -tree
        elif (place.quantity in ("dW", "db") or path == "loss") and self._factor != 1:
            tree = _times_m(tree)
        name = self._signal(place) if place.quantity == "delta" else path
        return Shown(name, tidy(tree))

    @staticmethod
    def _signal(place: Place) -> str:
        """The name of S for a delta."""
        return f"{place.owner}.S" + (f".{place.suffix}" if place.suffix else "")

    def _with_error(self, tree: Expression) -> Expression:
        """The tree with −e for output minus target."""
        output, target = f"{self.last}.a", "y"
        for name in ordered_names(tree):
            value, _ = split_name(name)
            if value == output:
                rest = name.removeprefix(value)
                difference = symbol(name) - symbol(f"{target}{rest}")
                tree = with_part(tree, difference, -symbol(f"{ERROR}{rest}"))
        return tree

    def before_the_loss(self) -> tuple[Shown, ...]:
        target = self.trace["y"]
        if target.ndim == 1:
            return ()  # classes
        return (Shown(ERROR, symbol("y") - symbol(f"{self.last}.a")),)

    def shown(self, definition: Definition) -> Shown | None:
        tree = definition.tree
        place = self.place(definition.path)
        plain = isinstance(self.trace.optimizer, GradientDescent) and place.suffix == "new"
        if plain:  # w ← w + η Σ S y, as the text has it
            gradient = f"{place.owner}.d{place.quantity}"
            found = self.trace.definitions.get(gradient, ())
            if len(found) == 1:
                tree = tree.replaced({gradient: found[0].tree})
        shown = self._rewritten(definition.path, tree)
        return Shown(shown.name, self.in_columns(shown.tree))

    def shown_element(self, path: str, index: tuple[int, ...], tree: Expression) -> Shown:
        shown = self._rewritten(path, self.plain(tree))
        where = f"[{','.join(map(str, index))}]" if index else ""
        return Shown(shown.name + where, self.in_order(shown.tree))


def _times_m(tree: Expression) -> Expression:
    """m times a tree that is divided by m."""
    if tree.operation == "divide" and tree.arguments[1].names == {"m"}:
        inner: Expression = tree.arguments[0]
        return inner
    return apply("multiply", symbol("m"), tree)
