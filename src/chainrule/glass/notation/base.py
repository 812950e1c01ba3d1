"""What notations have in common: letters of values, places of elements, and their numbers."""

import re
from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np

from chainrule.equations import Expression, symbol
from chainrule.equations.boxes import Box, Bracketed, Call, Fraction, Symbol, row
from chainrule.equations.elements import name_of
from chainrule.equations.text import text
from chainrule.glass.notation.shapes import tidy, transposed, without_sums
from chainrule.glass.traces.definitions import Definition
from chainrule.glass.traces.lineage import place as place_of
from chainrule.glass.traces.lineage import split_name
from chainrule.glass.traces.tabular import axes
from chainrule.glass.traces.traced import Trace
from chainrule.layers import Dense

#: Letters of hyperparameters that lie at paths of their own.
SCALARS = {
    "rate": "ρ", "deviation": "σ", "epsilon": "ε", "momentum": "ρ", "k": "k", "penalty.l1": "λ₁",
    "penalty.l2": "λ₂", "clip.limit": "c", "constraint.limit": "r", "alpha": "α",
}  # fmt: skip
#: Letters of values of other layers, and what stands below them.
OTHERS = {
    "gamma": ("γ", ""), "beta": ("β", ""), "mean": ("μ", ""), "variance": ("σ²", ""),
    "batch_mean": ("μ", "B"), "batch_variance": ("σ²", "B"),
}  # fmt: skip
#: What has become of a value, as the last part of its path says.
STATES = ("new", "old", "free", "data", "clipped", "unweighed", "weighed", "smooth")


TERM = re.compile(r"(sum)?\d+")  # of a gradient that has several terms
ONE_HOT = "y.onehot"  # the name of class labels as one-hot columns
ORDER = {"W": 0, "delta": 1, "S": 1, "a": 2}  # of the factors of a product


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
        target, targets, one_hot: those of the target of one example, of all, and of classes as
            one-hot columns.
        letters: of the quantities of a layer.
        about: what a reader has to know of it, in words and symbols.
        weight_letter: that of a single weight.
        sign: what stands before derivatives by z and a: ``−`` for S = −δ.
        shift: what is added to a layer's number where it is shown, by quantity; else 0.
    """

    name: ClassVar[str]
    source: ClassVar[str]
    rate: ClassVar[str]
    loss: ClassVar[str]
    weight_letter: ClassVar[str]
    sign: ClassVar[str] = ""
    rows: ClassVar[str]
    target: ClassVar[str] = "y"
    targets: ClassVar[str] = "y"
    one_hot: ClassVar[str] = "Y"
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
        parts = path.split(".")
        suffix: list[str] = []
        while len(parts) > 1 and self._is_suffix(parts[-1]):
            suffix.insert(0, parts.pop())
        owner = ".".join(parts[:-1])
        layer = self.layers.get(owner) if parts[-1] in self.letters else None
        return Place(parts[-1], layer, ".".join(suffix), owner)

    def _is_suffix(self, part: str) -> bool:
        optimizer = self.trace.optimizer
        states = () if optimizer is None else (*optimizer.states, *optimizer.corrections)
        return part in STATES or part in states or TERM.fullmatch(part) is not None

    @abstractmethod
    def above(self, layer: int) -> str:
        """How a layer's number stands above a letter."""

    def title(self, layer: int) -> int:
        """The number of a layer in a heading."""
        return layer + self.shift.get("a", 0)

    def given_names(self, path: str) -> list[str]:
        """How what was given at a path is shown: by names of the notation's own values."""
        return [path]

    def box(self, path: str) -> Box:
        """The symbol of a whole value."""
        return self._symbol(path, None)

    def element(self, path: str, index: tuple[int, ...]) -> Box:
        """The symbol of one number of a value; places count from 1."""
        return self._symbol(path, index)

    def _symbol(self, path: str, index: tuple[int, ...] | None) -> Box:
        place = self.place(path)
        if place.quantity == "slope":
            return Call("f′", (self._symbol(f"{place.owner}.z", index),))
        if place.layer is None:
            return self._other(path, place, index)
        if place.quantity in ("da", "dW", "db"):
            of = self._path(place, place.quantity[1:])
            return self._derivative(place, of, index)
        assert place.layer is not None
        letter = self.letters[place.quantity]
        above = self.above(place.layer + self.shift.get(place.quantity, 0))
        where, example = ("", "") if index is None else self.indices(place, index)
        return self._letter(letter, above, where, example, place.suffix, index is None)

    def _derivative(self, place: Place, of: str, index: tuple[int, ...] | None) -> Box:
        """The loss by a value; marked with what has become of it."""
        top = row("∂", self._loss_of(place))
        box: Box = Fraction(top, row("∂", self._symbol(of, index)))
        return row(Bracketed(box), Symbol("", below=place.suffix)) if place.suffix else box

    def _path(self, place: Place, quantity: str) -> str:
        return "x" if place.layer == 0 else f"{place.owner}.{quantity}"

    def _loss_of(self, place: Place) -> Box:
        """The loss that is differentiated: that of an example, or of the batch."""
        parameter = f"{place.owner}.{place.quantity[1:]}" in self.trace.network.places
        return Symbol(self.loss if parameter or self.trace.rows == 1 else "ℓ")

    def _letter(
        self, letter: str, above: str, where: str, example: str, suffix: str, bold: bool,
        mark: str = "",
    ) -> Box:  # fmt: skip
        """A letter with all that stands around it.

        Args:
            letter: of the value.
            above: the layer.
            where: the place of an element.
            example: its example.
            suffix: what has become of the value, or what the optimizer keeps for it.
            bold: whether it is a whole value.
            mark: stands below, in front of the place.
        """
        word, over = suffix, ""
        first = suffix.partition(".")[0]
        if first and first not in STATES and not TERM.fullmatch(first):
            # A state of the optimizer: m of W, its letter being what is before an underscore.
            base, _, rest = first.removesuffix("_hat").partition("_")
            old = suffix.partition(".")[2]
            word = ",".join(filter(None, (rest, letter, old)))
            letter, over = base, "^" if first.endswith("_hat") else ""
        below = ",".join(filter(None, (word, mark, where)))
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

    def weight(self, source: int | str, unit: int | str) -> str:
        """The place of a weight, from an input or neuron to one of the next layer."""
        return f"{unit},{source}"

    def _other(self, path: str, place: Place, index: tuple[int, ...] | None) -> Box:
        """The symbol of what is no value of a dense layer."""
        example, unit = "", ""
        if index:
            example = str(index[0] + 1) if self.trace.rows > 1 else ""
            unit = str(index[1] + 1) if len(index) > 1 else ""
        if place.quantity == "y":
            one = index is None or self.trace.network.outputs == 1
            letter = self.targets if index is None and self.trace.rows > 1 else self.target
            if self.trace["y"].ndim == 1:
                letter = "class"
            return self._letter(letter, "", "" if one else unit, example, place.suffix, False)
        if path == ONE_HOT:
            return Symbol(self.one_hot, bold=True)
        if path == "loss":
            return Symbol(self.loss)
        if path in ("loss.example", "loss.weighed"):
            return self._letter("ℓ", "", "", example, path[5:].removeprefix("example"), False)
        if path in ("η", "m", "rows"):
            return Symbol(self.rate if path == "η" else self.rows)
        if path == "loss.k":
            return Symbol("k", "", str(index[0] + 1) if index else "")
        if path in self.trace.scalars:
            return Symbol(SCALARS.get(path) or SCALARS.get(place.quantity, place.quantity))
        if not place.owner:
            word = "weight" if path == "weight" else path
            return self._with_example(word, "", "", example if index else "", False, "")
        of = f"{place.owner}.{place.quantity[1:]}"
        if place.quantity.startswith("d") and (of in self.trace or of in self.trace.network.places):
            return self._derivative(place, of, index)
        where = ",".join(str(k + 1) for k in index or ())
        if index and axes(self.trace, path)[:1] == ("example",):
            where = unit
        else:
            example = ""
        letter, mark = OTHERS.get(place.quantity, (place.quantity, ""))
        if place.quantity == "delta":
            letter = "δ"
        elif path in self.trace.network.places and place.quantity in ("mean", "variance"):
            mark = "run"
        if place.quantity == "xhat":
            return self._with_example("x", place.owner, where, example, False, "^")
        return self._letter(letter, place.owner, where, example, place.suffix, False, mark)

    # ------------------------------------------------------------------ numbers

    def array(self, name: str) -> np.ndarray:
        """A value as the notation shows it: (features, examples), one number as (1, 1)."""
        if name == ONE_HOT:
            return np.eye(self.trace.network.outputs)[np.asarray(self.trace["y"], int)].T
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
        tree = self.plain(tree)
        return transposed(tree if self.trace.rows > 1 else without_sums(tree))

    def plain(self, tree: Expression) -> Expression:
        """The tree without factors k that are 1, and with one-hot targets as a value."""
        if tree.operation in ("symbol", "number"):
            return tree
        if tree.operation == "onehot":
            return symbol(ONE_HOT)
        arguments = tuple(self.plain(argument) for argument in tree.arguments)
        if tree.operation in ("multiply", "hadamard"):
            for one, other in (arguments, arguments[::-1]):
                if one.operation == "symbol" and self._is_one(one.arguments[0]):
                    return other
        return Expression(tree.operation, arguments)

    def _is_one(self, name: str) -> bool:
        return name.endswith(".k") and self.trace.scalars.get(name) == 1

    def shown_element(self, path: str, index: tuple[int, ...], tree: Expression) -> Shown:
        """The equation of one number: the name of an element and its tree."""
        name = f"{path}[{','.join(map(str, index))}]" if index else path
        return Shown(name, tidy(self.in_order(self.plain(tree))))

    def in_order(self, tree: Expression) -> Expression:
        """Products of two elements as matrix products have them: W a, δ a, W δ."""
        if tree.operation in ("symbol", "number"):
            return tree
        arguments = tuple(self.in_order(argument) for argument in tree.arguments)
        if tree.operation == "multiply" and all(a.operation == "symbol" for a in arguments):
            ranks = [ORDER.get(self.place(split_name(a.arguments[0])[0]).quantity, 1)
                     for a in arguments]  # fmt: skip
            arguments = arguments[::-1] if ranks[0] > ranks[1] else arguments
        return Expression(tree.operation, arguments)

    def named(self, symbol: str) -> Box:
        """The box of a symbol of such a tree, of a whole value or of an element."""
        path, index = split_name(symbol)
        return self.element(path, index) if index else self.box(path)

    def letters_of(self, name: str) -> str:
        """How the notation writes a number of the trace, with its sign or factor if it differs.

        >>> import chainrule as cr
        >>> from chainrule.glass.notation import notation_of
        >>> net = cr.Network([cr.Dense(2, "tanh"), cr.Dense(1)], "mse", inputs=3)
        >>> t = cr.trace(net, [1.0, 2.0, 3.0], [0.5])
        >>> notation_of("bracket", t).letters_of("dW1[2,0]")
        '∂L/∂W^[1]₁₃'
        >>> notation_of("signal", t).letters_of("delta1[0,1]")
        '−S¹₂'
        """
        path, index = place_of(self.trace, name)
        shown = self.shown_element(path, index, symbol(name_of(path, index)))
        stored, mine = float(np.asarray(self.trace[path])[index]), self.value_of(shown.name)
        written = text(self.named(shown.name))
        if stored == mine:
            return written
        return f"−{written}" if stored == -mine else f"{stored / mine:g} times {written}"

    def value_of(self, symbol: str) -> float:
        """The number that an element's symbol stands for."""
        return self.number(*split_name(symbol))


#: The notation of whoever asks for none.
DEFAULT_NOTATION = "bracket"
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
