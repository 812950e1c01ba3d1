"""What notations have in common: letters of values, places of elements, and their numbers."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np

from chainrule.equations import Expression
from chainrule.equations.boxes import Box, Bracketed, Fraction, Symbol, row
from chainrule.glass.definitions import Definition
from chainrule.glass.lineage import split_name
from chainrule.glass.notation.shapes import tidy, transposed, without_sums
from chainrule.glass.tabular import axes
from chainrule.glass.traced import Trace
from chainrule.layers import Dense

#: Letters of hyperparameters that lie at paths of their own.
SCALARS = {
    "rate": "ρ", "deviation": "σ", "epsilon": "ε", "momentum": "ρ", "k": "k", "l1": "λ₁",
    "l2": "λ₂", "limit": "c", "alpha": "α",
}  # fmt: skip
#: Letters of values of other layers.
OTHERS = {
    "gamma": "γ", "beta": "β", "xhat": "x", "mean": "μ", "variance": "σ²", "batch_mean": "μ",
    "batch_variance": "σ²", "s": "s", "E": "E",
}  # fmt: skip
LAYER_VALUES = ("W", "b", "z", "a", "delta", "da", "dW", "db")


class Shown(NamedTuple):
    """An equation as a notation shows it: between values and letters that the notation knows."""

    name: str
    tree: Expression


class Place(NamedTuple):
    """What a path says: which quantity, of which layer, and what has become of it.

    Attributes:
        quantity: ``W``, ``z``, ``delta``, ...; the whole path of what is no value of a layer.
        layer: counted from 1 among the dense layers; 0 for the inputs; None for others.
        suffix: ``new``, ``m``, ``clipped``, ...; empty for the value itself.
        owner: the layer's path.
    """

    quantity: str
    layer: int | None
    suffix: str
    owner: str


class Notation(ABC):
    """A trace in the symbols of one text: samples stand in columns.

    Attributes:
        name: under which :data:`NOTATIONS` has it.
        source: the text that it comes from.
        rate, loss, rows: the letters of the learning rate, of the loss and of the number of
            examples.
        target, targets: those of the target of one example and of all.
        letters: of the quantities of a layer.
        about: what a reader has to know of it, in words and symbols.
        shift: what is added to a layer's number where it is shown, by quantity; else 0.
    """

    name: ClassVar[str]
    source: ClassVar[str]
    rate: ClassVar[str]
    loss: ClassVar[str]
    rows: ClassVar[str]
    target: ClassVar[str] = "y"
    targets: ClassVar[str] = "y"
    letters: ClassVar[dict[str, str]]
    shift: ClassVar[dict[str, int]] = {}
    about: ClassVar[tuple[str | Box, ...]] = ()

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        network = trace.network
        dense = [p for p, layer in zip(network.paths, network.layers, strict=True)
                 if isinstance(layer, Dense)]  # fmt: skip
        self.layers = {path: number for number, path in enumerate(dense, start=1)}
        self.last = network.paths[-1]

    @property
    def notes(self) -> tuple[str | Box, ...]:
        """What a reader of this trace has to know of the notation, in words and symbols."""
        return self.about

    # ------------------------------------------------------------------ names

    def place(self, path: str) -> Place:
        """What a path says."""
        if path == "x":
            return Place("a", 0, "", "")
        owner, _, rest = path.partition(".")
        quantity, _, suffix = rest.partition(".")
        if owner in self.layers and quantity in self.letters:
            return Place(quantity, self.layers[owner], suffix, owner)
        return Place(path, None, "", owner)

    @abstractmethod
    def above(self, layer: int) -> str:
        """How a layer's number stands above a letter."""

    def box(self, path: str) -> Box:
        """The symbol of a whole value."""
        return self._symbol(path, None)

    def element(self, path: str, index: tuple[int, ...]) -> Box:
        """The symbol of one number of a value; places count from 1."""
        return self._symbol(path, index)

    def _symbol(self, path: str, index: tuple[int, ...] | None) -> Box:
        place = self.place(path)
        if place.layer is None:
            return self._other(path, index)
        if place.quantity in ("da", "dW", "db"):
            below = self._symbol(self._path(place, place.quantity[1:]), index)
            box: Box = Fraction(row("∂", self._loss_of(place, index)), row("∂", below))
            if not place.suffix:
                return box
            return row(Bracketed(box), Symbol("", below=place.suffix))
        return self._letter(place, index)

    def _path(self, place: Place, quantity: str) -> str:
        return "x" if place.layer == 0 else f"{place.owner}.{quantity}"

    def _loss_of(self, place: Place, index: tuple[int, ...] | None) -> Box:
        """The loss that is differentiated: that of an example, or of the batch."""
        each = place.quantity == "da" and self.trace.rows > 1
        return Symbol("ℓ") if each else Symbol(self.loss)

    def _letter(self, place: Place, index: tuple[int, ...] | None) -> Box:
        assert place.layer is not None
        letter = self.letters[place.quantity]
        above = self.above(place.layer + self.shift.get(place.quantity, 0))
        where, example = ("", "") if index is None else self.indices(place, index)
        word, over = place.suffix, ""
        if word and word not in ("new", "old", "free"):  # a state of the optimizer: m_W
            word, _, old = place.suffix.partition(".")
            base, over = (word.removesuffix("_hat"), "^") if word.endswith("_hat") else (word, "")
            word = ",".join(filter(None, (letter, base[2:], old)))
            letter = base[0]
        below = ",".join(filter(None, (word, where)))
        bold = index is None
        return self._with_example(letter, above, below, example, bold, over)

    def _with_example(
        self, letter: str, above: str, below: str, example: str, bold: bool, over: str
    ) -> Box:
        """A letter with the number of the example, if there are several."""
        return Symbol(letter, f"{above}({example})" if example else above, below, bold, over)

    def indices(self, place: Place, index: tuple[int, ...]) -> tuple[str, str]:
        """The place of an element below the letter, and its example."""
        one = [k + 1 for k in index]
        if place.quantity in ("W", "dW"):
            return self.weight(*one), ""
        if place.quantity in ("b", "db"):
            return str(one[0]), ""
        return str(one[1]), str(one[0]) if self.trace.rows > 1 else ""

    def weight(self, source: int, unit: int) -> str:
        """The place of a weight, from an input or neuron to one of the next layer."""
        return f"{unit},{source}"

    def _other(self, path: str, index: tuple[int, ...] | None) -> Box:
        """The symbol of what is no value of a dense layer."""
        example = unit = ""
        if index:
            example = str(index[0] + 1) if self.trace.rows > 1 else ""
            unit = str(index[1] + 1) if len(index) > 1 else ""
        if path == "y":
            one = index is None or self.trace.network.outputs == 1
            letter = self.targets if index is None and self.trace.rows > 1 else self.target
            return self._with_example(letter, "", "" if one else unit, example, False, "")
        if path == "loss":
            return Symbol(self.loss)
        if path in ("loss.example", "loss.weighed"):
            return self._with_example("ℓ", "", path[5:].removeprefix("example"), example, False, "")
        if path in ("η", "m", "rows"):
            return Symbol(self.rate if path == "η" else self.rows)
        if "." not in path:
            return Symbol(path)
        owner, _, rest = path.partition(".")
        quantity = rest.rpartition(".")[2]
        if path in self.trace.scalars:
            return Symbol(SCALARS.get(quantity, quantity))
        if index and axes(self.trace, path)[:1] == ("example",):
            below = unit
        else:
            below, example = ",".join(str(k + 1) for k in index or ()), ""
        over = "^" if quantity == "xhat" else ""
        letter = OTHERS.get(quantity, quantity)
        return self._with_example(letter, owner, below, example, False, over)

    # ------------------------------------------------------------------ numbers

    def array(self, name: str) -> np.ndarray:
        """A value as the notation shows it: (features, examples), one number as (1, 1)."""
        value: Any = self.trace.definitions.value(name)
        array = np.asarray(value, float)
        if array.ndim == 0:
            return array.reshape(1, 1)
        if array.ndim == 1:
            by_rows = name.partition(".")[0] in ("loss", "weight") or name == "y"
            return array.reshape(1, -1) if by_rows else array.reshape(-1, 1)
        return array.T

    def number(self, name: str, index: tuple[int, ...]) -> float:
        """One number, by its place in the value as it is stored."""
        return float(np.asarray(self.trace.definitions.value(name), float)[index])

    # ------------------------------------------------------------------ equations

    def shown(self, definition: Definition) -> Shown | None:
        """The equation of a whole value; None if another one says it already."""
        return Shown(definition.path, self.in_columns(definition.tree))

    def before_the_loss(self) -> tuple[Shown, ...]:
        """Values of the notation's own that the loss and what follows are written in."""
        return ()

    def in_columns(self, tree: Expression) -> Expression:
        """The tree for values whose columns are the examples."""
        return transposed(tree if self.trace.rows > 1 else without_sums(tree))

    def shown_element(self, path: str, index: tuple[int, ...], tree: Expression) -> Shown:
        """The equation of one number: the name of an element and its tree."""
        return Shown(f"{path}[{','.join(map(str, index))}]" if index else path, tidy(tree))

    def named(self, symbol: str) -> Box:
        """The box of a symbol of such a tree, of a whole value or of an element."""
        path, index = split_name(symbol)
        return self.element(path, index) if index else self.box(path)

    def value_of(self, symbol: str) -> float:
        """The number that an element's symbol stands for."""
        return self.number(*split_name(symbol))


#: The notations by name.
NOTATIONS: dict[str, type[Notation]] = {}


def register(notation: type[Notation]) -> type[Notation]:
    """Add a notation under its name; a decorator."""
    NOTATIONS[notation.name] = notation
    return notation


def checked_notation(name: Any) -> str:
    """The name of a notation.

    Raises:
        ValueError: that lists the notations, for another name.
    """
    if not isinstance(name, str) or name not in NOTATIONS:
        known = ", ".join(map(repr, sorted(NOTATIONS)))
        raise ValueError(f"notation must be one of {known}, not {name!r}")
    return name


def notation_of(name: str, trace: Trace) -> Notation:
    """A trace in a notation.

    Raises:
        ValueError: that lists the notations, for another name.
    """
    return NOTATIONS[checked_notation(name)](trace)
