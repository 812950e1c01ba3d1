"""Derivations of the rules of backpropagation, in the letters of a notation.

Each is given once, before the first use of its rule: 001's two cases of the output, with the
cross-entropy from the likelihood and softmax from its Jacobian; the rule of hidden layers, with
which 000 breaks off and which 002 leaves out; the gradients of weights and biases; f′.
"""

import functools
from collections.abc import Callable

from chainrule.activations import Activation
from chainrule.equations import Expression, apply, number, symbols
from chainrule.equations.boxes import (
    Box,
    Bracketed,
    Call,
    Fraction,
    Power,
    Symbol,
    Total,
    box_of,
    row,
)
from chainrule.glass.figures import figure
from chainrule.glass.notation import Notation
from chainrule.glass.traces.definitions import Definition
from chainrule.glass.writers.document import Document

a, y, z = symbols("a y z")
#: Losses of squared errors: the factor in front, and 1 for (a − y)², −1 for (y − a)².
SQUARES = {"mse": (0.5, 1), "rss": (1.0, -1)}
SLOPES: dict[str, tuple[Expression, ...]] = {
    "logistic": (
        apply("exp", -z) / (1 + apply("exp", -z)) ** 2,
        1 / (1 + apply("exp", -z)) * (1 - 1 / (1 + apply("exp", -z))),
    ),
    "tanh": ((apply("exp", z) + apply("exp", -z)) ** 2 / (apply("exp", z) + apply("exp", -z)) ** 2
             - (apply("exp", z) - apply("exp", -z)) ** 2
             / (apply("exp", z) + apply("exp", -z)) ** 2,),
}  # fmt: skip


class Deriver:
    """Writes derivations into a document, each before its first use.

    Args:
        document: what they are written into.
        notation: the letters.
    """

    def __init__(self, document: Document, notation: Notation) -> None:
        self._document, self._notation = document, notation
        self._seen: set[str] = set()
        trace = notation.trace
        # Derivations are those of one example; E is a sum, so that its parts are called so, too.
        self._loss = Symbol("ℓ" if trace.rows > 1 and not notation.sign else notation.loss)
        self._minus = notation.sign

    def before(self, definition: Definition) -> None:
        """Derive the rule that a definition uses, if it is one and was not used yet."""
        place = self._notation.place(definition.path)
        layer = place.layer
        if definition.phase != "backward" or (place.suffix and place.suffix != "unweighed"):
            return
        if place.quantity == "slope":
            self._of_activation(place.owner, self._notation.layers.get(place.owner))
        elif layer is None:
            return
        elif place.owner == self._notation.last and place.quantity in ("da", "delta"):
            self._once("loss", self._of_loss)
        elif place.quantity == "da" and self._is_plain(definition.tree, layer):
            self._once("hidden", lambda: self._of_hidden(layer))
        elif place.quantity == "dW" and self._reads(definition.tree, layer):
            self._once("weights", lambda: self._of_weights(layer))

    def _is_plain(self, tree: Expression, layer: int) -> bool:
        """Whether a derivative comes from the next dense layer alone: delta·Wᵀ."""
        after = self._path(layer + 1)
        return tree.operation == "matmul" and tree.names == {f"{after}.delta", f"{after}.W"}

    def _reads(self, tree: Expression, layer: int) -> bool:
        """Whether a layer's inputs are the outputs of the dense layer before it, or x."""
        inputs = f"{self._path(layer - 1)}.a" if layer > 1 else "x"
        return inputs in tree.names

    def _path(self, layer: int) -> str:
        return next((p for p, number_ in self._notation.layers.items() if number_ == layer), "")

    def _once(self, name: str, write: Callable[[], None]) -> None:
        if name not in self._seen:
            self._seen.add(name)
            write()

    # ------------------------------------------------------------------ symbols

    def _at(self, quantity: str, layer: int, below: str = "") -> Box:
        """A quantity of a layer, with letters for the neurons."""
        notation = self._notation
        letter = notation.letters["S" if quantity == "delta" and self._minus else quantity]
        if quantity in "za":
            letter = letter.lower()
        return Symbol(letter, notation.above(layer + notation.shift.get(quantity, 0)), below)

    def _weight(self, layer: int, source: str, unit: str) -> Box:
        """A weight from one neuron to another, in the order of the notation's indices."""
        notation = self._notation
        above = notation.above(layer + notation.shift.get("W", 0))
        return Symbol(notation.weight_letter, above, notation.weight(source, unit).replace(",", ""))

    def _tree(self, tree: Expression, names: dict[str, Box]) -> Box:
        return box_of(tree, lambda name: names.get(name, Symbol(name)), figure)

    def _by(self, what: Box) -> Box:
        """The derivative of the loss by something."""
        return Fraction(row("∂", self._loss), row("∂", what))

    # ------------------------------------------------------------------ rules

    def _of_loss(self) -> None:
        """How the loss changes with the output's weighted sum."""
        network = self._notation.trace.network
        assert network.loss is not None
        outputs = network.layers[-1].output_activations()
        same = len(set(outputs)) == 1
        pair = (network.loss.name, outputs[0].name if same else "")
        known = {
            ("binary_cross_entropy", "logistic"): self._of_cross_entropy,
            ("cross_entropy", "softmax"): self._of_softmax,
        }
        if pair in known:
            known[pair]()
            return
        if network.loss.name in SQUARES:
            self._of_squares(*SQUARES[network.loss.name])
        if outputs[0].rowwise:
            self._of_jacobian()
        else:
            self._of_any_output()

    @property
    def _several(self) -> bool:
        return self._notation.trace.network.outputs > 1

    def _over_outputs(self, box: Box) -> Box:
        """Σ over the outputs, if there are several."""
        return Total("k", Bracketed(box)) if self._several else box

    def _output(self) -> dict[str, Box]:
        """The symbols of the output layer's neuron k."""
        number_ = self._notation.layers[self._notation.last]
        several = self._notation.trace.network.outputs > 1
        below = "k" if several else ""
        return {
            "a": self._at("a", number_, below), "z": self._at("z", number_, below),
            "delta": self._at("delta", number_, below),
            "y": Symbol(self._notation.target, "", below),
        }  # fmt: skip

    def _of_squares(self, factor: float, sign: int) -> None:
        """The derivative of squared errors by an output."""
        document, names = self._document, self._output()
        tree = functools.partial(self._tree, names=names)
        one, other = (a, y) if sign > 0 else (y, a)
        square = tree((one - other) ** 2)
        whole = self._over_outputs(square) if self._several else square
        document.say("The loss of one example and its derivative by an output:")
        half: list[Box | str] = [] if factor == 1 else [figure(factor), " "]
        document.equate(self._loss, row(*half, whole))
        document.equate(self._by(names["a"]), tree(_slope_of(factor, a - y)))

    def _output_rule(self, delta: Box, signal: Box) -> None:
        """δ = ∂L/∂a · ∂a/∂z and what it comes to; with S the other way round."""
        names = self._output()
        product = row(
            *([self._minus] if self._minus else []), self._by(names["a"]), " ",
            Fraction(row("∂", names["a"]), row("∂", names["z"])),
        )  # fmt: skip
        self._document.equate(names["delta"], product, signal if self._minus else delta)

    def _of_cross_entropy(self) -> None:
        """001's case 2, from the likelihood."""
        document, names = self._document, self._output()
        tree = functools.partial(self._tree, names=names)
        document.say(
            "The output is the probability that the target is 1. Under it, the target has the "
            "probability ",
            row(Power(names["a"], names["y"]), " ", Power(Bracketed(tree(1 - a)), tree(1 - y))),
            "; the loss is minus its logarithm:",
        )  # fmt: skip
        entropy = -(y * apply("log", a) + (1 - y) * apply("log", 1 - a))
        document.equate(self._loss, self._over_outputs(tree(entropy)))
        document.equate(self._by(names["a"]), tree(-(y / a - (1 - y) / (1 - a))),
                        tree((a - y) / (a * (1 - a))))  # fmt: skip
        document.equate(Fraction(row("∂", names["a"]), row("∂", names["z"])), tree(a * (1 - a)))
        document.say("In the product the two factors cancel:")
        self._output_rule(tree(a - y), tree(y - a))

    def _of_softmax(self) -> None:
        """Through the Jacobian."""
        document, names = self._document, self._output()
        last = self._notation.layers[self._notation.last]
        other = {"a": self._at("a", last, "c"), "z": self._at("z", last, "c")}
        target = Symbol(self._notation.target, "", "c")
        document.say(
            "Each output of softmax depends on every weighted sum; its derivative is a matrix, the "
            "Jacobian. From ",
            row(other["a"], "=", Fraction(self._exp(other["z"]), Total("j", self._exp(
                self._at("z", last, "j"))))), ":",
        )  # fmt: skip
        jacobian = Fraction(row("∂", other["a"]), row("∂", names["z"]))
        one = Symbol("1", "", "c=k")
        document.equate(jacobian, row(other["a"], " ", Bracketed(row(one, "−", names["a"]))))
        document.say(
            "where ", one, " is 1 if c is k, else 0. With ",
            row(self._loss, "=", "−", Total("c", row(target, " ", Call("ln", (other["a"],))))), ":",
        )  # fmt: skip
        terms = Total("c", row(Fraction(target, other["a"]), " ", other["a"], " ",
                               Bracketed(row(one, "−", names["a"]))))  # fmt: skip
        minus = [] if self._minus else ["−"]
        steps = [
            row(*minus, terms),
            row(names["y"], "−", names["a"], " ", Total("c", target)) if self._minus
            else row(names["a"], " ", Total("c", target), "−", names["y"]),
            row(names["y"], "−", names["a"]) if self._minus else row(names["a"], "−", names["y"]),
        ]  # fmt: skip
        document.equate(names["delta"], *steps)
        document.say("since the targets of an example sum to 1.")

    @staticmethod
    def _exp(box: Box) -> Box:
        return Call("exp", (box,))

    def _of_any_output(self) -> None:
        """Through the output's activation."""
        document, names = self._document, self._output()
        document.say("By the chain rule, through the output's activation f:")
        prime = Call("f′", (names["z"],))
        product = row(*self._signs(), self._by(names["a"]), " ", prime)
        network = self._notation.trace.network
        outputs = network.layers[-1].output_activations()
        if network.loss is None or network.loss.name not in SQUARES or (
            {o.name for o in outputs} != {"logistic"}
        ):  # fmt: skip
            document.equate(names["delta"], product)
            return
        factor, _ = SQUARES[network.loss.name]
        error = _slope_of(factor, y - a if self._minus else a - y)
        document.equate(names["delta"], product, self._tree(error * (a * (1 - a)), names))

    def _of_jacobian(self) -> None:
        """Through an activation that takes all weighted sums of an example together: softmax."""
        document, names = self._document, self._output()
        last = self._notation.layers[self._notation.last]
        other, one = self._at("a", last, "c"), Symbol("1", "", "c=k")
        document.say(
            "Each output of softmax depends on every weighted sum, so the chain rule sums over the "
            "outputs c; ", one, " is 1 if c is k, else 0:",
        )  # fmt: skip
        jacobian = row(other, " ", Bracketed(row(one, "−", names["a"])))
        document.equate(Fraction(row("∂", other), row("∂", names["z"])), jacobian)
        by = row(*self._signs(), self._by(other))
        by_k = row(*self._signs(), self._by(names["a"]))
        document.equate(
            names["delta"],
            Total("c", row(Bracketed(by) if self._minus else by, " ", jacobian)),
            row(names["a"], " ", Bracketed(row(by_k, "−", Total("c", row(
                other, " ", Bracketed(by) if self._minus else by))))),
        )  # fmt: skip

    def _signs(self) -> list[str]:
        return [self._minus] if self._minus else []

    def _of_hidden(self, layer: int) -> None:
        """The rule of hidden layers."""
        document = self._document
        after = {"z": self._at("z", layer + 1, "k"), "delta": self._at("delta", layer + 1, "k")}
        mine = {"a": self._at("a", layer, "j"), "z": self._at("z", layer, "j")}
        weight = self._weight(layer + 1, "j", "k")
        document.say(
            "The output of neuron j reaches every neuron k of the next layer, with the weight ",
            weight, ", so the loss depends on it by all of them:",
        )  # fmt: skip
        document.equate(Fraction(row("∂", after["z"]), row("∂", mine["a"])), weight)
        minus = self._signs()
        document.equate(
            row(*minus, self._by(mine["a"])),
            Total("k", row(*minus, self._by(after["z"]), " ",
                           Fraction(row("∂", after["z"]), row("∂", mine["a"])))),
            Total("k", row(weight, " ", after["delta"])),
        )  # fmt: skip
        document.say("and through its own activation f:")
        prime = Call("f′", (mine["z"],))
        document.equate(
            self._at("delta", layer, "j"),
            row(*minus, self._by(mine["a"]), " ", prime),
            row(prime, " ", Total("k", row(weight, " ", after["delta"]))),
        )

    def _of_weights(self, layer: int) -> None:
        """The gradients of weights and biases."""
        document, notation = self._document, self._notation
        source = self._at("a", layer - 1, "i")
        weight, sum_ = self._weight(layer, "i", "j"), self._at("z", layer, "j")
        delta = self._at("delta", layer, "j")
        document.say(
            "A weight from i to j changes the weighted sum of j alone, by what it is multiplied "
            "with" + ("; a bias, by 1:" if self._biased() else ":")
        )
        document.equate(Fraction(row("∂", sum_), row("∂", weight)), source)
        minus = self._signs()
        step = row(*minus, delta, " ", source)
        document.equate(
            self._by(weight),
            row(self._by(sum_), " ", Fraction(row("∂", sum_), row("∂", weight))),
            step,
        )
        if notation.trace.rows > 1:
            batch = Fraction(row("∂", Symbol(notation.loss)), row("∂", weight))
            mean = notation.trace.network.loss is None or notation.trace.network.loss.mean
            if mean and not self._minus:
                document.say("The loss of the batch is the mean over the examples, and so is:")
                one = Fraction(figure(1), Symbol(notation.rows))
                document.equate(batch, row(one, " ", Total("i", self._by(weight))))
            else:
                document.say("The loss of the batch is the sum over the examples, and so is this.")

    def _biased(self) -> bool:
        places = self._notation.trace.network.places
        return any(f"{path}.b" in places for path in self._notation.layers)

    def _of_activation(self, owner: str, layer: int | None) -> None:
        """f′ of each activation of a layer, where it is used first."""
        network = self._notation.trace.network
        used = network.layers[network.paths.index(owner)].output_activations()
        for activation in dict.fromkeys(used):
            write = functools.partial(self._slope, activation, layer)
            self._once(f"slope {activation}", write)

    def _slope(self, activation: Activation, layer: int | None) -> None:
        if activation.rowwise:
            return
        if layer is None:  # of a layer within another: the letters alone
            names: dict[str, Box] = {"a": Symbol("a"), "z": Symbol("z")}
        else:
            names = {"a": self._at("a", layer), "z": self._at("z", layer)}
        names["k"] = figure(activation.k or 0.0)
        if activation.name == "linear":
            return
        document = self._document
        document.say(f"The derivative of {activation}:")
        document.equate(names["a"], self._tree(activation.equation, names))
        steps = (*SLOPES.get(activation.name, ()), activation.derivative_equation)
        prime = Call("f′", (names["z"],))
        document.equate(prime, *(self._tree(step, names) for step in steps))
        for place, value in activation.kinks.items():
            where = row(names["z"], "=", figure(place))
            taken = figure(value)
            document.say("At ", where, ", where there is no derivative, ", taken, " is taken.")


def _slope_of(factor: float, difference: Expression) -> Expression:
    """The derivative of a factor times the square of a difference."""
    return difference if factor != 1 else number(2) * difference
