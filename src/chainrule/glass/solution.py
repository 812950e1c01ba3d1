"""How a traced step becomes a worked solution in a notation."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.engine import layout
from chainrule.engine.builder import gradient_name
from chainrule.equations import Equation, Expression, symbol
from chainrule.equations.boxes import Box, Figure, Mark, Matrix, Power, Symbol, Words, box_of, row
from chainrule.equations.elements import Elements
from chainrule.equations.text import text
from chainrule.glass.definitions import Definition
from chainrule.glass.deriving import Deriver
from chainrule.glass.document import Document
from chainrule.glass.figures import figure
from chainrule.glass.lineage import shortened
from chainrule.glass.notation import Notation, Shown
from chainrule.glass.rounding import Rounding
from chainrule.glass.traced import Trace
from chainrule.layers import Dense
from chainrule.network import Network

FEW = 2  # neurons of a large layer that are shown, and inputs of each
FEW_EXAMPLES = 3
ORDINALS = ("First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth")


@dataclass(frozen=True)
class Style:
    """How much is shown.

    Attributes:
        form: ``matrix``, ``scalar`` or ``both``.
        derive: whether rules are derived.
        decimals: of the figures.
        largest: rows and columns of a matrix that is shown number by number.
    """

    form: str
    derive: bool
    decimals: int
    largest: int


class Solution:
    """Writes one step into a document.

    Args:
        trace: the step.
        notation: the letters.
        style: how much is shown.
        document: what it is written into.
    """

    def __init__(self, trace: Trace, notation: Notation, style: Style, document: Document) -> None:
        self._trace, self._notation, self._style = trace, notation, style
        self._document = document
        self._deriver = Deriver(document, notation) if style.derive else None

    # ------------------------------------------------------------------ sections

    def introduce(self, rounding: Rounding) -> None:
        """The network, its parameters, the data, and what the letters mean."""
        document, trace, notation = self._document, self._trace, self._notation
        network = trace.network
        document.heading("Network and data")
        examples = "one example" if trace.rows == 1 else f"{trace.rows} examples"
        loss = f"loss {network.loss}; " if "loss" in trace else ""
        document.say(f"{_layers(network)}; {loss}{examples}.")
        if trace.optimizer is not None:
            rate = self._figure(trace.scalars["learning_rate"])
            document.say(
                f"Optimizer: {trace.optimizer.name.replace('_', ' ')}, ",
                row(Symbol(notation.rate), "=", rate), ".",
            )  # fmt: skip
        document.say(f"The notation is that of {notation.source}. ", *notation.notes)
        if rounding:
            places = ", ".join(f"{name} to {n}" for name, n in rounding.decimals.items())
            document.say(f"Rounded before it is used, in decimals: {places}.")
        for path in ("x", "y", *network.places):
            if path in trace:
                self._given(path)

    def work(self, iteration: int) -> None:
        """The step itself.

        Args:
            iteration: its number, for the headings; 0 if there is but one.
        """
        document, which = self._document, ""
        if iteration > 1:
            self._deriver = None  # rules are derived once
        if iteration:
            word = ORDINALS[iteration - 1] if iteration <= len(ORDINALS) else f"{iteration}th"
            which = f"{word} iteration: "
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
            for buffer in step.instruction.writes:
                path = buffer.name
                if buffer.role == "gradient":
                    path = f"{path}.data" if f"{path}.data" in trace.definitions else path
                elif buffer.role == "parameter":
                    path = f"{path}.new"
                found = trace.definitions.get(path, ())
                if path.startswith("loss") or not found:
                    continue
                if len(found) > 1:  # each run of columns where its instruction ran
                    kernel = step.instruction.operands
                    found = tuple(
                        d for d in found if d.columns == (kernel["first"], kernel["last"])
                    )
                elif writers[buffer.name] != number:
                    continue
                yield from found

    def _title(self, owner: str) -> str:
        notation, network = self._notation, self._trace.network
        for path, layer in zip(network.paths, network.layers, strict=True):
            if path == owner and isinstance(layer, Dense):
                names = sorted({str(a) for a in layer.output_activations()})
                last = "output, " if path == network.paths[-1] else ""
                return f"Layer {notation.layers[owner]} ({last}{', '.join(names)})"
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
        if len(each) > FEW_EXAMPLES:
            self._document.say(f"And so on for all {len(each)} examples.")
        if not alone:
            self._scalar("loss", (), trace.definitions.elements(definition)[()])

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
        for path in self._trace.network.places:
            name = gradient_name(path)
            paths = [f"{name}.clipped"] + ([name] if f"{name}.data" in self._trace else [])
            for found in reversed(paths):
                for definition in self._trace.definitions.get(found, ()):
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

    # ------------------------------------------------------------------ equations

    def show(self, definition: Definition) -> None:
        """One equation, as a whole or number by number."""
        large = max(np.shape(np.atleast_2d(self._trace[definition.path]))) > self._style.largest
        if self._style.form != "scalar" and definition.columns is None:
            self._whole(definition)
        if self._style.form != "matrix" or definition.columns is not None or large:
            elements = self._trace.definitions.elements(definition)
            first = definition.columns[0] if definition.columns else 0
            for index in self._chosen(definition):
                inside = (*index[:-1], index[-1] - first) if first else index
                self._scalar(definition.path, index, elements[inside])

    def _whole(self, definition: Definition) -> None:
        shown = self._notation.shown(definition)
        if shown is not None:
            self._equation(shown)

    def _equation(self, shown: Shown) -> None:
        """An equation between whole values, in names and, if they are small, in numbers."""
        notation = self._notation
        left, whole = notation.named(shown.name), notation.array(shown.name)
        steps = [self._box(shown.tree)]
        arrays = [notation.array(name) for name in shown.tree.names]
        fits = all(self._fits(array) for array in (*arrays, whole))
        if fits:
            numbers = box_of(shown.tree, self._matrix_of, self._figure)
            steps += _unless_same(numbers, self._matrix(whole))
        self._document.equate(left, *steps, of=shown.name)
        if not fits:
            self._shape(left, whole)

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
            *_unless_same(numbers, result), of=shown.name,
        )  # fmt: skip

    def _given(self, path: str) -> None:
        notation = self._notation
        for name in self._given_names(path):
            array = notation.array(name)
            if self._fits(array):
                self._document.equate(notation.named(name), self._matrix(array), of=name)
            else:
                self._shape(notation.named(name), array)

    def _given_names(self, path: str) -> list[str]:
        """A parameter as the notation has it: Θ is W with b in front of it."""
        owner, _, name = path.partition(".")
        if self._notation.name != "theta" or f"{owner}.b" not in self._trace.network.places:
            return [path]
        return {"W": [f"{owner}.Theta"], "b": []}.get(name, [path])

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


def _unless_same(numbers: Box, result: Box) -> list[Box]:
    """The equation in numbers and its result; the result alone if that is all there is to say."""
    return [result] if text(numbers) == text(result) else [numbers, result]


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
            found.append(str(layer))
    return " → ".join(found)
