"""The notation of 000: Θ^(l) with the bias in column 0, layers counted from the inputs."""

from dataclasses import replace
from typing import ClassVar

import numpy as np

from chainrule.equations import Expression, apply, symbol
from chainrule.equations.boxes import Box, Bracketed, Figure, Fraction, Symbol, row
from chainrule.glass.notation.base import Notation, Place, Shown, register
from chainrule.glass.traces.definitions import Definition, same
from chainrule.glass.traces.traced import Trace

ONE = ".one"  # behind the path of a layer's outputs: with the bias unit, 1, in front
REST = ".rest"  # behind the path of Θ: without column 0


@register
class Theta(Notation):
    """000: a^(1) are the inputs, Θ^(l) leads from layer l to layer l + 1, C is the cost."""

    name: ClassVar[str] = "theta"
    source: ClassVar[str] = "000"
    rate: ClassVar[str] = "η"
    weight_letter: ClassVar[str] = "θ"
    loss: ClassVar[str] = "C"
    rows: ClassVar[str] = "N"
    letters: ClassVar[dict[str, str]] = {
        "W": "Θ", "b": "θ", "z": "z", "a": "a", "delta": "δ", "da": "", "dW": "", "db": "",
        "Theta": "Θ", "dTheta": "",
    }  # fmt: skip
    shift: ClassVar[dict[str, int]] = {"z": 1, "a": 1, "delta": 1}
    about: ClassVar[tuple[str | Box, ...]] = (
        "Each column is an example. Layers count from the inputs, ", Symbol("a", "(1)", bold=True),
        ".",
    )  # fmt: skip
    of_biases: ClassVar[tuple[str | Box, ...]] = (
        " Column 0 of ", Symbol("Θ", bold=True), " holds the weights of the bias unit, ",
        row(Symbol("a", below="0"), "=", Figure("1", 1.0)),
        ", which stands in front of each layer's outputs; ", Symbol("Θ", bold=True, over="-"),
        " is without that column, since nothing before a bias unit reaches it.",
    )  # fmt: skip

    def __init__(self, trace: Trace) -> None:
        super().__init__(trace)
        self._biased = {path for path in self.layers if f"{path}.b" in trace.network.places}

    @property
    def notes(self) -> tuple[str | Box, ...]:
        return (*self.about, *(self.of_biases if self._biased else ()))

    def given_names(self, path: str) -> list[str]:
        place = self.place(path)
        if place.owner not in self._biased or place.quantity not in ("W", "b"):
            return [path]
        return [f"{place.owner}.Theta"] if place.quantity == "W" else []

    def above(self, layer: int) -> str:
        return f"({layer})"

    def weight(self, source: int | str, unit: int | str) -> str:
        return f"{source},{unit}"

    def indices(self, place: Place, index: tuple[int, ...]) -> tuple[str, str]:
        if place.quantity in ("b", "db"):
            return self.weight(0, index[0] + 1), ""
        return super().indices(place, index)

    def _with_example(
        self, letter: str, above: str, below: str, example: str, bold: bool, over: str
    ) -> Box:
        symbol_ = Symbol(letter, above, below, bold, over)
        return row(symbol_, f"({example})") if example else symbol_

    def _symbol(self, path: str, index: tuple[int, ...] | None) -> Box:
        base = path.removesuffix(ONE).removesuffix(REST)
        place = self.place(base)
        if place.quantity == "dTheta":
            below = self._symbol(f"{place.owner}.Theta", None)
            box: Box = Fraction(row("∂", Symbol(self.loss)), row("∂", below))
            return row(Bracketed(box), Symbol("", below=place.suffix)) if place.suffix else box
        box = super()._symbol(base, index)
        if isinstance(box, Symbol):
            if index is not None and place.quantity == "W":
                box = replace(box, letter=box.letter.replace("Θ", "θ"))
            folded = place.quantity == "W" and place.owner in self._biased and index is None
            if path.endswith(REST) or (folded and box.letter == self.letters["W"]):
                box = replace(box, over="-")
        return box

    def array(self, name: str) -> np.ndarray:
        if name.endswith(ONE):
            value = super().array(name.removesuffix(ONE))
            return np.vstack([np.ones((1, value.shape[1])), value])
        if name.endswith(REST):
            return self.array(name.removesuffix(REST))[:, 1:]
        place = self.place(name)
        if place.quantity in ("Theta", "dTheta"):
            letter = place.quantity.removesuffix("Theta")
            suffix = f".{place.suffix}" if place.suffix else ""
            weights = super().array(f"{place.owner}.{letter}W{suffix}")
            return np.hstack([super().array(f"{place.owner}.{letter}b{suffix}"), weights])
        return super().array(name)

    def shown(self, definition: Definition) -> Shown | None:
        place = self.place(definition.path)
        if place.quantity == "da":
            tree = definition.tree.replaced({
                f"{path}.W": symbol(f"{path}.Theta{REST}") for path in self._biased
            })  # fmt: skip
            return Shown(definition.path, self.in_columns(tree))
        if place.owner not in self._biased:
            return super().shown(definition)
        if place.quantity == "z":
            inputs = definition.tree.arguments[0].arguments[0].arguments[0]
            tree = apply("matmul", symbol(inputs + ONE), symbol(f"{place.owner}.Theta"))
            return Shown(definition.path, self.in_columns(tree))
        if place.quantity in ("W", "dW", "b", "db") and self._folds(place):
            if place.quantity in ("b", "db"):
                return None
            return self._folded(definition, place)
        return super().shown(definition)

    def _folds(self, place: Place) -> bool:
        """Whether weights and biases have one equation: not where a penalty spares the biases."""
        suffix = f".{place.suffix}" if place.suffix else ""
        letter = "d" if place.quantity.startswith("d") else ""
        paths = [f"{place.owner}.{letter}{name}{suffix}" for name in ("W", "b")]
        found = [self.trace.definitions.get(path, ()) for path in paths]
        if not all(len(definitions) == 1 for definitions in found):
            return False
        if f"{place.owner}.dW.data" in self.trace:
            return False
        if letter and not suffix:
            return True
        weights, biases = (definitions[0].tree for definitions in found)
        return same(weights, biases.renamed(self._renamed(place.owner, biases, "b", "W")))

    @staticmethod
    def _renamed(owner: str, tree: Expression, old: str, new: str) -> dict[str, str]:
        """The names of a layer's parameter and of all that belongs to it, under another letter."""
        names = {}
        for name in tree.names:
            for letter in ("", "d"):
                before = f"{owner}.{letter}{old}"
                if name == before or name.startswith(f"{before}."):
                    names[name] = f"{owner}.{letter}{new}{name.removeprefix(before)}"
        return names

    def _folded(self, definition: Definition, place: Place) -> Shown:
        suffix = f".{place.suffix}" if place.suffix else ""
        name = f"{place.owner}.{'d' if place.quantity == 'dW' else ''}Theta{suffix}"
        tree = definition.tree
        if place.quantity == "dW" and not suffix:
            product = tree.arguments[0] if tree.operation == "divide" else tree
            inputs = product.arguments[0].arguments[0].arguments[0]
            tree = tree.replaced({inputs: symbol(inputs + ONE)})
        else:
            tree = tree.renamed(self._renamed(place.owner, tree, "W", "Theta"))
        return Shown(name, self.in_columns(tree))
