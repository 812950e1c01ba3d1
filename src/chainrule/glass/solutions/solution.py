"""How a traced step becomes a worked solution in a notation."""

from collections.abc import Iterator

import numpy as np

from chainrule.engine import layout
from chainrule.engine.builder import gradient_name
from chainrule.engine.program import Instruction
from chainrule.equations import Equation, Expression, symbol
from chainrule.equations.boxes import Box, Symbol, box_of, row
from chainrule.equations.elements import Elements
from chainrule.glass.notation import Notation
from chainrule.glass.notation.base import ONE_HOT, SCALARS
from chainrule.glass.solutions.deriving import Deriver
from chainrule.glass.solutions.equating import FEW_EXAMPLES, Equating, Style
from chainrule.glass.traces.definitions import Definition
from chainrule.glass.traces.lineage import shortened
from chainrule.glass.traces.rounding import Rounding
from chainrule.glass.traces.slopes import name_of, slope_of, slope_path
from chainrule.glass.traces.traced import Trace
from chainrule.glass.writers.document import Document
from chainrule.layers import Dense
from chainrule.network import Network
from chainrule.optimizers import LETTERS

ORDINALS = ("First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth")


class Solution(Equating):
    """Writes one step into a document.

    Args:
        trace: the step.
        notation: the letters.
        style: how much is shown.
        document: what it is written into.
    """

    def __init__(self, trace: Trace, notation: Notation, style: Style, document: Document) -> None:
        super().__init__(trace, notation, style, document)
        self._deriver = Deriver(document, notation) if style.derive else None

    # ------------------------------------------------------------------ sections

    def introduce(self) -> None:
        """The network, its parameters, the data, and what the letters mean."""
        document, trace, notation = self._document, self._trace, self._notation
        network = trace.network
        document.heading("Network and data")
        examples = "one example" if trace.rows == 1 else f"{trace.rows} examples"
        loss = f"loss {network.loss}; " if "loss" in trace else ""
        document.say(f"{_layers(network)}; {loss}{examples}.")
        if trace.optimizer is not None:
            name = trace.optimizer.name.replace("_", " ")
            document.say(f"Optimizer: {name}, ", *self._hyperparameters(), ".")
        document.say(f"The {notation.name} notation. ", *notation.notes)
        if self._style.form != "scalar":
            document.say(
                "Functions, powers and fractions of matrices are meant element by element, and so "
                "is the product ⊙."
            )
        if trace.rounding:
            rounded = self._rounded_names(trace.rounding)
            document.say("Rounded before it is used: ", *rounded, ".")
        for path in ("x", "y", "weight", *network.places):
            if path == "weight" and path in trace:
                document.say("The weights of the examples, scaled so that their mean is one:")
            if path in trace:
                self._given(path)
            if path == "y" and "y" in trace and trace["y"].ndim == 1:
                document.say("Classes count from 0: class 0 is neuron 1. One-hot, in columns:")
                self._given(ONE_HOT)

    def _hyperparameters(self) -> Iterator[str | Box]:
        """The letters of what an optimizer, a penalty and the like are given, with their values."""
        first = True
        scalars = self._trace.scalars
        own = sorted(scalars, key=lambda name: name not in LETTERS)  # the optimizer's come first
        for name in own:
            value = scalars[name]
            letter = LETTERS.get(name) or SCALARS.get(name)
            if letter is None or (name.startswith("penalty.") and not value):
                continue
            box = self._notation.named("η") if letter == "η" else Symbol(letter)
            if not first:
                yield ", "
            yield row(box, "=", self._figure(value))
            first = False

    def _rounded_names(self, rounding: Rounding) -> Iterator[str | Box]:
        """What is rounded, in the letters of the notation, and to how many decimals."""
        for k, (name, decimals) in enumerate(rounding.decimals.items()):
            path = self._trace.path(name)
            known: Box | str = self._notation.box(path) if path in self._trace else f"every {name}"
            yield from ([", "] if k else [])
            yield from (known, f" to {decimals} decimal{'' if decimals == 1 else 's'}")

    def work(self, iteration: int) -> None:
        """The step itself.

        Args:
            iteration: its number, for the headings; 0 if there is but one.
        """
        document, which = self._document, ""
        if iteration > 1:
            self._deriver = None  # rules are derived once
        if iteration:
            named = iteration <= len(ORDINALS)
            word = f"{ORDINALS[iteration - 1]} iteration" if named else f"Iteration {iteration}"
            which = f"{word}: "
        document.heading(f"{which}forward propagation".capitalize())
        self._steps(layout.FORWARD)
        if "loss" not in self._trace:
            return
        document.heading(f"{which}loss".capitalize())
        self._loss()
        document.heading(f"{which}backpropagation".capitalize())
        self._steps(layout.BACKWARD)
        self._reductions()
        if self._trace.optimizer is not None:
            document.heading(f"{which}update".capitalize())
            self._updates()

    def _steps(self, phase: int) -> None:
        owner = ""
        for definition in self._in_order(phase):
            place = definition.path.partition(".")[0]
            if place != owner:
                owner = place
                self._document.heading(self._title(owner), 2)
            if self._deriver:
                self._deriver.before(definition)
            self.show(definition)
            self._same_as_natural(definition)

    def _in_order(self, phase: int) -> Iterator[Definition]:
        """The definitions of a phase as the instructions ran; a sum where its last part did."""
        trace = self._trace
        writers: dict[str, int] = {}
        for number, step in enumerate(trace.steps):
            for buffer in step.instruction.writes:
                writers[buffer.name] = number
        for number, step in enumerate(trace.steps):
            if step.instruction.phase != phase:
                continue
            if slope_of(step.instruction) is not None:
                place = slope_path(name_of(step.instruction, "z"))
                yield from self._own(trace.definitions.get(place, ()), step.instruction)
            for buffer in step.instruction.writes:
                path = buffer.name
                if buffer.role == "gradient":
                    path = f"{path}.data" if f"{path}.data" in trace.definitions else path
                elif buffer.role == "parameter":
                    path = f"{path}.new"
                found = trace.definitions.get(path, ())
                if path.startswith("loss") or not found:
                    continue
                if len(found) > 1:
                    found = self._own(found, step.instruction)
                elif writers[buffer.name] != number:
                    continue
                yield from found

    @staticmethod
    def _own(found: tuple[Definition, ...], instruction: Instruction) -> tuple[Definition, ...]:
        """Of the definitions of a value's columns those of an instruction."""
        own = tuple(instruction.operands.get(name) for name in ("first", "last"))
        return tuple(d for d in found if d.columns in (None, own))

    def _title(self, owner: str) -> str:
        notation, network = self._notation, self._trace.network
        for path, layer in zip(network.paths, network.layers, strict=True):
            if path == owner and isinstance(layer, Dense):
                names = dict.fromkeys(str(a) for a in layer.output_activations())
                last = "output, " if path == network.paths[-1] else ""
                number = notation.title(notation.layers[owner])
                return f"Layer {number} ({last}{', '.join(names)})"
        return owner

    def _loss(self) -> None:
        trace = self._trace
        each, (definition,) = trace["loss.example"], trace.definitions["loss"]
        for shown in self._notation.before_the_loss():
            self._equation(shown)
        alone = trace.rows == 1 and definition.tree.names == {"loss.example"}
        for k in range(min(len(each), FEW_EXAMPLES)):
            path, index = ("loss", ()) if alone else ("loss.example", (k,))
            self._scalar(path, index, self._from_outputs((k,)))
            for definition_ in trace.definitions.get("loss.weighed", ()):
                weighed = trace.definitions.elements(definition_)[(k,)]
                self._scalar("loss.weighed", (k,), weighed)
        if len(each) > FEW_EXAMPLES:
            self._document.say(f"And so on for all {len(each)} examples.")
        if not alone:
            self._mean_loss(definition)

    def _mean_loss(self, definition: Definition) -> None:
        """The loss of the batch; what penalties add to it stands as a sum over each matrix."""
        terms: list[Expression] = []
        tree = definition.tree
        while tree.operation == "add":
            terms.insert(0, tree.arguments[1])
            tree = tree.arguments[0]
        data = Definition("loss", tree, definition.phase)
        elements = self._trace.definitions.elements(data)
        if not terms:
            self._scalar("loss", (), elements[()])
            return
        notation = self._notation
        shown = notation.shown_element("loss", (), elements[()])
        names: list[Box | str] = [box_of(shortened(shown.tree), self._name_of, self._figure)]
        numbers: list[Box | str] = [box_of(shortened(shown.tree), self._number_of, self._figure)]
        factor = notation.value_of("loss") / float(self._trace["loss"])
        for term in terms:
            part = Definition("loss", term, definition.phase)
            value = float(self._trace.definitions.elements(part).value) * factor
            names += ["+", self._box(notation.in_columns(term))]
            numbers += ["+", self._figure(value)]
        result = self._figure(notation.value_of("loss"))
        self._document.equate(notation.named("loss"), row(*names), row(*numbers), result, of="loss")

    def _from_outputs(self, index: tuple[int, ...]) -> Expression:
        """The loss of an example; of a natural pair as the loss of the outputs, if it is the same.

        The program computes it from z, where no logarithm can meet 0.
        """
        trace = self._trace
        (definition,) = trace.definitions["loss.example"]
        tree = trace.definitions.elements(definition)[index]
        loss = trace.network.loss
        labels = trace["y"].ndim == 1
        form = None if loss is None else loss.forms.get("labels" if labels else "values")
        if form is None or "y.smooth" in trace:
            return tree
        (equation,) = form.value.equations
        assert isinstance(equation, Equation)
        if not equation.names <= {"a", "y"}:
            return tree
        values = {"a": trace[f"{self._notation.last}.a"], "y": trace["y"]}
        with np.errstate(all="ignore"):
            elements = Elements(equation.value, values)
        # As near as the dtype allows: a loss that overflows one way has to be shown the other.
        near = 1e-9 if trace.program.dtype == "float64" else 1e-5
        if not np.allclose(elements.value, trace["loss.example"], rtol=near, atol=near * 1e-3):
            return tree
        found = elements[index]
        names = {n: n.replace("a[", f"{self._notation.last}.a[", 1)
                 for n in found.names if n.startswith("a[")}  # fmt: skip
        return found.renamed(names)

    def _same_as_natural(self, definition: Definition) -> None:
        """Say that the two factors of a natural pair cancel, where both were computed."""
        trace, last = self._trace, self._notation.last
        if definition.path != f"{last}.delta" or f"{last}.da" not in trace:
            return
        loss, outputs = trace.network.loss, trace.network.layers[-1].output_activations()
        kind = "labels" if trace["y"].ndim == 1 else "values"
        if loss is None or not loss.form(outputs, kind)[1] or trace["y"].ndim == 1:
            return
        tree = symbol(f"{last}.a") - symbol("y")
        if np.allclose(trace[f"{last}.a"] - trace["y"], trace[definition.path], atol=1e-9):
            self._document.say("The two factors cancel:")
            self.show(Definition(definition.path, tree, "backward"))

    def _reductions(self) -> None:
        """What a penalty adds to the gradients, and what clipping leaves of them."""
        said = False
        for path in self._trace.network.places:
            name = gradient_name(path)
            added = [name] if f"{name}.data" in self._trace else []
            for found in (*added, f"{name}.clipped"):
                for definition in self._trace.definitions.get(found, ()):
                    if not said:
                        said = True
                        self._document.heading("Penalty and clipping", 2)
                    self.show(definition)

    def _updates(self) -> None:
        trace, optimizer = self._trace, self._trace.optimizer
        assert optimizer is not None
        owner = ""
        paths = sorted(trace.network.places, key=lambda p: -trace.network.paths.index(_owner(p)))
        for path in paths:
            names = [*optimizer.states, *optimizer.corrections, "free", "new"]
            found = [d for n in names for d in trace.definitions.get(f"{path}.{n}", ())
                     if d.phase == "update"]  # fmt: skip
            if found and path.partition(".")[0] != owner:
                owner = path.partition(".")[0]
                self._document.heading(self._title(owner), 2)
            for definition in found:
                self.show(definition)


def _owner(path: str) -> str:
    return path.partition(".")[0]


def _layers(network: Network) -> str:
    """The layers in one line: 2 inputs → 2 relu → 1 logistic."""
    found = [f"{network.inputs} input{'s' if network.inputs > 1 else ''}"]
    for layer in network.layers:
        if isinstance(layer, Dense):
            names = list(dict.fromkeys(str(a) for a in layer.output_activations()))
            found.append(f"{layer.units} {', '.join(names)}")
        else:
            found.append(str(layer).replace(", name=None", ""))
    return " → ".join(found)
