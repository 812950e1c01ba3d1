"""Where a number comes from, and what depends on it."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chainrule.equations import Expression, symbol
from chainrule.equations.boxes import Box, Bracketed, Symbol, box_of, row
from chainrule.equations.elements import name_of
from chainrule.equations.text import text
from chainrule.glass.figures import figure

if TYPE_CHECKING:
    from chainrule.glass.traces.traced import Trace

NAME = re.compile(r"([^\[\]]+)(?:\[\s*(\d+(?:\s*,\s*\d+)*)\s*\])?")
MOST_TERMS = 8  # of a sum that are shown
STEP = 1e-6  # of the differences that give derivatives
BEND, LEAST_BEND = 1e-3, 1e-5  # by which one-sided differences of a smooth value may differ

GIVEN = {
    "x": "an input", "y": "a target", "weight": "the weight of an example",
}  # fmt: skip


def place(trace: "Trace", name: str) -> tuple[str, tuple[int, ...]]:
    """The path of a value and the place in it that a name such as ``dW2[3,1]`` stands for.

    Raises:
        KeyError: if there is no such value.
        ValueError: if it has no such place.
    """
    match = NAME.fullmatch(name.strip())
    if not match:
        raise ValueError(f"{name!r} is no name of a number: they are such as W1[0,2] and loss")
    value, path = np.asarray(trace[match[1]]), trace.path(match[1])
    index = tuple(int(k) for k in match[2].split(",")) if match[2] else ()
    fits = len(index) == value.ndim and all(
        k < n for k, n in zip(index, value.shape, strict=True)
    )  # fmt: skip
    if not fits:
        last = ",".join(str(n - 1) for n in value.shape)
        first = ",".join("0" for _ in value.shape)
        places = (
            f"its places go from {match[1]}[{first}] to {match[1]}[{last}]" if last
            else f"it is one number: {match[1]}"
        )  # fmt: skip
        raise ValueError(f"there is no {name}: {places}")
    return path, index


@dataclass(frozen=True)
class Why:
    """Where one number comes from.

    Attributes:
        name: of the number, such as ``dW2[3,1]``.
        value: the number.
        expression: what it equals, in names; None for what was given.
        operands: the numbers in it by name, in their order.
        note: what it is, if it was given.
        decimals: to how many it was rounded; None if it was not.
    """

    name: str
    value: float
    expression: Expression | None
    operands: dict[str, float]
    note: str
    decimals: int | None
    _trace: "Trace"

    def why(self, name: str) -> "Why":
        """Where a number comes from: one of the operands, or any other."""
        return why(self._trace, name)

    def tree(self, depth: int = 3) -> str:
        """The origin of the number, of its operands, and so on, indented."""
        lines: list[str] = []
        self._grow(lines, depth, 0, set())
        return "\n".join(lines)

    def _grow(self, lines: list[str], depth: int, level: int, seen: set[str]) -> None:
        value = figure(self.value).text
        if self.expression is None:
            lines.append(f"{'  ' * level}{self.name} = {value}  ({self.note})")
            return
        rounded = self._rounded()
        rounded = rounded and f"  ({rounded})"
        lines.append(f"{'  ' * level}{self.name} = {self._written()} = {value}{rounded}")
        if level < depth and self.name not in seen:
            seen.add(self.name)
            for name in list(self.operands)[: 2 * MOST_TERMS]:
                if name.partition("[")[0] in self._trace:
                    self.why(name)._grow(lines, depth, level + 1, seen)

    def _rounded(self) -> str:
        if self.decimals is None:
            return ""
        return f"rounded to {self.decimals} decimal{'' if self.decimals == 1 else 's'}"

    def _written(self) -> str:
        assert self.expression is not None
        # In brackets a function that is given by cases stands in one line.
        return text(Bracketed(box_of(shortened(self.expression), _named, _shown)))[1:-1]

    def __str__(self) -> str:
        value = figure(self.value).text
        rounded = self._rounded()
        rounded = rounded and f", {rounded}"
        if self.expression is None:
            return f"{self.name} = {value}, {self.note}{rounded}"
        tree = shortened(self.expression)
        numbers = box_of(tree, lambda n: _value_box(n, self.operands), _shown)
        named = box_of(tree, _named, _shown)
        first = text(row(Symbol(self.name), "=", named))
        indent = " " * len(self.name)
        rest = [text(row(Symbol(indent), "=", box)) for box in (numbers, _shown(self.value))]
        return "\n".join([first, *rest]) + rounded


def why(trace: "Trace", name: str) -> Why:
    """Where a number of a trace comes from; see :meth:`Trace.why`."""
    path, index = place(trace, name)
    label = name_of(trace.label(path), index)
    value, decimals = float(np.asarray(trace[path])[index]), trace.decimals(path)
    for definition in trace.definitions.get(path, ()):
        first, last = definition.columns or (0, np.inf)
        if definition.columns and not first <= index[-1] < last:
            continue
        elements = trace.definitions.elements(definition)
        inside = (*index[:-1], index[-1] - first) if definition.columns else index
        tree = elements[inside]
        operands = {n: _number(trace, n) for n in ordered_names(tree)}
        labels = {n: _label(trace, n) for n in operands}
        known = {labels[n]: number for n, number in operands.items()}
        return Why(label, value, tree.renamed(labels), known, "", decimals, trace)
    return Why(label, value, None, {}, _note(trace, path), decimals, trace)


def ordered_names(tree: Expression) -> dict[str, None]:
    """The symbols of a tree in the order in which they are read."""
    if tree.operation == "symbol":
        return {tree.arguments[0]: None}
    found: dict[str, None] = {}
    if tree.operation != "number":
        for argument in tree.arguments:
            found |= ordered_names(argument)
    return found


def shortened(tree: Expression, most: int = MOST_TERMS) -> Expression:
    """The tree with the middle of long sums left out."""
    if tree.operation in ("symbol", "number"):
        return tree
    arguments = tree.arguments
    if tree.operation == "terms" and len(arguments) > most:
        gone = len(arguments) - most + 1
        arguments = (*arguments[: most - 2], symbol(f"… ({gone} more) …"), arguments[-1])
    return Expression(tree.operation, tuple(shortened(a, most) for a in arguments))


def split_name(name: str) -> tuple[str, tuple[int, ...]]:
    """The value and the place of an element's symbol."""
    value, bracket, index = name.partition("[")
    return value, tuple(map(int, index[:-1].split(","))) if bracket else ()


def _number(trace: "Trace", name: str) -> float:
    value, index = split_name(name)
    return float(np.asarray(trace.definitions.value(value))[index])


def _label(trace: "Trace", name: str) -> str:
    value, index = split_name(name)
    return name_of(trace.label(value), index)


def _named(name: str) -> Box:
    return Symbol(name)


def _shown(number: float) -> Box:
    return figure(number)


def _value_box(name: str, operands: dict[str, float]) -> Box:
    return figure(operands[name]) if name in operands else Symbol(name)


def _note(trace: "Trace", path: str) -> str:
    if path in trace.network.places:
        return "a parameter that the step began with"
    if path.endswith(".old"):
        return "what the optimizer remembered of the steps before"
    return GIVEN.get(path.partition(".")[0], "given")


@dataclass(frozen=True)
class Influence:
    """What a change of one number changes.

    Attributes:
        name: of the number that is changed.
        value: the number.
        by: how much it was changed; None if the changes are derivatives.
        changes: by name, of each value that changes: its derivative with respect to the number, or
            its difference.
        kinks: the names of those whose rates of change differ clearly to either side; the mean
            of both is shown.
    """

    name: str
    value: float
    by: float | None
    changes: dict[str, np.ndarray]
    kinks: tuple[str, ...]
    _forward: tuple[str, ...]
    _trace: "Trace"

    def __getitem__(self, name: str) -> np.ndarray:
        known = self._trace[name]  # or the error that says what there is
        label = self._trace.label(self._trace.path(name))
        return self.changes[label] if label in self.changes else np.zeros(np.shape(known))

    def __str__(self) -> str:
        how = "per unit" if self.by is None else f"for {figure(self.by).text} more"
        lines = [("value", "changes in", "most", how)]
        for name in self._forward:
            change = self.changes[name]
            touched = int(np.count_nonzero(change))
            index = np.unravel_index(int(np.argmax(np.abs(change))), change.shape)
            at = tuple(int(k) for k in index)
            largest = figure(float(change[at])).text
            lines.append((name, f"{touched} of {change.size}", name_of(name, at), largest))
        widths = [max(len(line[k]) for line in lines) for k in range(3)] + [0]
        rows = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            for line in lines
        ]
        return "\n".join([f"{self.name} = {figure(self.value).text}", *rows, *self._notes()])

    def _notes(self) -> list[str]:
        notes = []
        if self.by is None and self._trace.rounding:
            notes.append("derivatives of the step without its rounding, which makes steps of them")
        if self.kinks:
            notes.append(
                f"at a kink: {', '.join(self.kinks)} change at another rate to either side of "
                "this number, and the mean of both is shown"
            )
        return notes


def influence(trace: "Trace", name: str, by: float | None) -> Influence:
    """What a change of a parameter or an input changes; see :meth:`Trace.influence`."""
    path, index = place(trace, name)
    network = trace.network
    if path != "x" and path not in network.places:
        raise ValueError(f"influence is asked of a parameter or an input x, not of {name}")
    if by is not None and not (isinstance(by, int | float) and np.isfinite(by) and by != 0):
        raise ValueError(f"by must be a number other than 0, not {by!r}")
    value = float(trace[path][index])
    step = STEP * max(1.0, abs(value)) if by is None else float(by)
    with np.errstate(all="ignore"):
        middle = _moved(trace, path, index, 0.0, by is not None)
        high = _moved(trace, path, index, step, by is not None)
        low = middle if by is not None else _moved(trace, path, index, -step, False)
    divisor = 1.0 if by is not None else 2 * step
    changes, forward, kinks = {}, [], []
    for label in trace:
        after, now, before = (np.asarray(found[label], float) for found in (high, middle, low))
        if np.array_equal(after, before, equal_nan=True):
            continue
        with np.errstate(all="ignore"):
            changes[label] = np.asarray((after - before) / divisor)
            if by is None and _bends(after, now, before, step):
                kinks.append(label)
        definitions = trace.definitions.get(trace.path(label), ())
        if label == "loss" or any(d.phase == "forward" for d in definitions):
            forward.append(label)
    shown = name_of(trace.label(path), index)
    return Influence(shown, value, by, changes, tuple(kinks), tuple(forward), trace)


def _bends(after: np.ndarray, now: np.ndarray, before: np.ndarray, step: float) -> bool:
    """Whether the differences to either side differ by more than curvature and rounding explain."""
    above, below = (after - now) / step, (now - before) / step
    slopes = np.maximum(np.abs(above), np.abs(below))
    room = BEND * slopes + LEAST_BEND * max(1.0, float(np.max(np.abs(now))))
    return bool(np.any(np.abs(above - below) > room))


def _moved(
    trace: "Trace", path: str, index: tuple[int, ...], step: float, rounded: bool
) -> "Trace":
    """The same step with one number changed."""
    vector = np.concatenate([np.ravel(trace[p]) for p in trace.network.places] or [np.zeros(0)])
    vector, x = vector.astype(np.float64), np.array(trace["x"], np.float64)
    if path == "x":
        x[index] += step
    else:
        start, shape = trace.network.places[path]
        vector[start + int(np.ravel_multi_index(index, shape))] += step
    return trace._run_again(vector, x, rounded)
