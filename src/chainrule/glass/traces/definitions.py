"""What each value of a trace is computed from: the program's own equations, in values' paths."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import penalties
from chainrule.engine import layout
from chainrule.engine.builder import gradient_name
from chainrule.engine.program import Buffer, Instruction
from chainrule.equations import Equation, Expression, apply, number, symbol
from chainrule.equations.elements import Elements
from chainrule.glass.traces.slopes import name_of, slope_of, slope_path
from chainrule.layers import dropout, norm
from chainrule.optimizers import LETTERS
from chainrule.penalties import ADDING, CLIPPING

if TYPE_CHECKING:
    from chainrule.glass.traces.traced import Trace

#: The letters that equations have for hyperparameters, by the words of signatures.
WORDS = {**norm.LETTERS, **dropout.LETTERS, **penalties.LETTERS, **LETTERS}
GATHERED = ("x", "y", "weight")  # what is read from the data


@dataclass(frozen=True)
class Definition:
    """How a value is computed.

    Attributes:
        path: of the value.
        tree: what it equals, in the paths of other values and the letters of hyperparameters.
        phase: ``forward``, ``backward``, ``reduce`` or ``update``.
        kernel: the name of what computed it; empty where several did.
        columns: those of the value that the tree is for; None for all.
    """

    path: str
    tree: Expression
    phase: str
    kernel: str = ""
    columns: tuple[int, int] | None = None


class Definitions(Mapping[str, tuple[Definition, ...]]):
    """The definitions of a trace's values, by path, in the order in which they were computed.

    A value mostly has one; a layer with an activation for each neuron has one for each run of
    columns. What was given, inputs, targets and parameters, has none.
    """

    def __init__(self, trace: "Trace") -> None:
        self.trace = trace
        self._found: dict[str, tuple[Definition, ...]] = {}
        self._letters = self._letters_of(trace)
        for step in trace.steps:
            for definition in self._of_instruction(step.instruction):
                earlier = self._found.get(definition.path, ())
                if not earlier or definition.columns is not None:
                    self._found[definition.path] = (*earlier, definition)
        self._define_loss()
        for path in trace.network.places:
            self._define_gradient(path)
            if trace.optimizer is not None:
                self._define_update(path)

    def __getitem__(self, path: str) -> tuple[Definition, ...]:
        return self._found[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def value(self, name: str) -> Any:
        """The value of a symbol of a tree: of a path, or of a letter."""
        if name in self._letters:
            return self._letters[name]
        return self.trace[name]

    def is_letter(self, name: str) -> bool:
        """Whether a symbol is a hyperparameter or a count rather than a value of the trace."""
        return name in self._letters

    def elements(self, definition: Definition) -> Elements:
        """The elements of a definition's tree."""
        values, first = {}, {}
        for name in definition.tree.names:
            values[name] = self.value(name)
            if definition.columns is not None and np.ndim(values[name]) > 1:
                start, stop = definition.columns
                values[name], first[name] = values[name][:, start:stop], start
        return Elements(definition.tree, values, first)

    # ------------------------------------------------------------------ from the instructions

    @staticmethod
    def _letters_of(trace: "Trace") -> dict[str, Any]:
        mean = trace.network.loss is None or trace.network.loss.mean
        known = {"m": trace.rows if mean else 1, "t": trace.step, "rows": trace.rows}
        rows = np.arange(trace.rows)
        letters = {WORDS[word]: v for word, v in trace.scalars.items() if word in WORDS}
        return {**letters, **trace.scalars, **known, "seed": trace.seed, "row": rows, "i": rows}

    def _of_instruction(self, instruction: Instruction) -> Iterator[Definition]:
        """Its equations but those of sums over tiles and of flat vectors, which follow below."""
        if instruction.phase not in (layout.FORWARD, layout.BACKWARD):
            return
        operands = instruction.operands
        columns = None
        if "first" in operands:
            columns = (_constant(operands["first"]), _constant(operands["last"]))
        names: dict[str, Expression] = {}
        for key, operand in operands.items():
            if instruction.kernel.operands[key] == "scalars":  # several side by side
                assert isinstance(operand, Buffer)
                names[key] = symbol(operand.label)
                every = [f"{operand.label}.{k + 1}" for k in range(operand.shape[0])]
                self._letters[operand.label] = np.array([self._letters[one] for one in every])
            elif isinstance(operand, Buffer):
                names[key] = symbol(operand.name)
                word = operand.name.rpartition(".")[2]
                if key in WORDS and operand.role == "scalar":
                    names[WORDS[key]] = symbol(operand.name)
                elif operand.role == "scalar" and word in WORDS:
                    names[WORDS[word]] = symbol(operand.name)
            else:
                names[key] = number(operand)
        for equation in instruction.kernel.equations:
            assert isinstance(equation, Equation)
            target = operands[equation.target]
            assert isinstance(target, Buffer)
            if target.role in ("gradient", "sums", "source") or self._is_gathered(instruction):
                continue
            path = f"{target.name}.new" if target.role == "parameter" else target.name
            phase, kernel = layout.PHASE_NAMES[instruction.phase], instruction.kernel.name
            tree = equation.value
            slope = slope_of(instruction)
            if slope is not None:
                place = slope_path(name_of(instruction, "z"))
                if place in self.trace:
                    yield Definition(place, slope.replaced(names), phase, kernel, columns)
                    tree = apply("hadamard", symbol("da"), symbol(place))
            yield Definition(path, tree.replaced(names), phase, kernel, columns)

    @staticmethod
    def _is_gathered(instruction: Instruction) -> bool:
        return any(
            isinstance(o, Buffer) and o.role == "source" for o in instruction.operands.values()
        )

    # ------------------------------------------------------------------ what is summed and reduced

    def _define(self, path: str, tree: Expression, phase: str, kernel: str = "") -> None:
        self._found[path] = (Definition(path, tree, phase, kernel),)

    def _define_loss(self) -> None:
        trace = self.trace
        if "loss" not in trace:
            return
        each = "loss.weighed" if "loss.weighed" in trace else "loss.example"
        tree = self._mean(apply("sum_rows", symbol(each)))
        for path in trace.network.places:
            if self._penalised(path):
                W = symbol(path)
                parts = {"l1": apply("absolute", W), "l2": 0.5 * W**2}
                for strength in self._strengths():
                    l_ = symbol(f"penalty.{strength}")
                    tree = tree + self._strength(l_ * apply("sum_all", parts[strength]))
        self._define("loss", tree, "reduce")

    def _mean(self, total: Expression) -> Expression:
        return total if self.value("m") == 1 else total / symbol("m")

    def _kernels(self, known: Any) -> list[Instruction]:
        return [s.instruction for s in self.trace.steps if s.instruction.kernel in known]

    def _penalised(self, path: str) -> bool:
        return bool(self._kernels(ADDING)) and self._factor(path, "decay") != 0

    def _strengths(self) -> list[str]:
        """Which parts a penalty has: one of strength 0 adds nothing."""
        return [name for name in ("l1", "l2") if self.trace.scalars[f"penalty.{name}"] != 0]

    def _strength(self, tree: Expression) -> Expression:
        per_example = penalties.penalty_gradient_per_example
        return tree / symbol("rows") if self._kernels({per_example}) else tree

    def _factor(self, path: str, kind: str) -> float:
        """The rate factor or the decay of a parameter's range; of one that is frozen 0."""
        start, _ = self.trace.network.places[path]
        for part in self.trace.program.ranges:
            if part.start <= start < part.stop:
                return float(getattr(part, kind))
        return 0.0

    def _define_gradient(self, path: str) -> None:
        trace, name = self.trace, gradient_name(path)
        if name not in trace.program.buffers:
            return
        terms, kernels = [], []
        for step in trace.steps:
            instruction = step.instruction
            for equation in instruction.kernel.equations:
                target = instruction.operands.get(equation.target)
                if isinstance(target, Buffer) and target.name == name:
                    assert isinstance(equation, Equation)
                    terms.append(_without(equation, instruction))
                    kernels.append(instruction.kernel.name)
        total = terms[0] if len(terms) == 1 else Expression("terms", tuple(terms))
        added, clipped = self._kernels(ADDING), self._kernels(CLIPPING)
        data = f"{name}.data" if added else name
        self._define(data, self._mean(total), "backward", kernels[0] if len(kernels) == 1 else "")
        if added:
            W, tree = symbol(path), symbol(data)
            if self._penalised(path):
                slopes = {"l1": apply("sign", W), "l2": W}
                for strength in self._strengths():
                    slope = symbol(f"penalty.{strength}") * slopes[strength]
                    tree = tree + self._strength(slope)
            self._define(name, tree, "reduce", added[0].kernel.name)
        if clipped:
            self._define_clipped(path, name, clipped[0])

    def _define_clipped(self, path: str, name: str, instruction: Instruction) -> None:
        kernel = instruction.kernel
        (equation,) = kernel.equations
        assert isinstance(equation, Equation)
        own = [path] if kernel is penalties.clip_norm else [
            p for p in self.trace.network.places if gradient_name(p) in self.trace
        ]  # fmt: skip
        squares = [apply("sum_all", symbol(gradient_name(p)) ** 2) for p in own]
        total = squares[0] if len(squares) == 1 else Expression("terms", tuple(squares))
        tree = _with_total(equation.value, total)
        tree = tree.replaced({"g": symbol(name), "c": symbol("clip.limit")})
        self._define(f"{name}.clipped", tree, "reduce", kernel.name)

    def _define_update(self, path: str) -> None:
        trace, optimizer = self.trace, self.trace.optimizer
        assert optimizer is not None
        if self._factor(path, "rate_factor") == 0:
            return  # frozen, or without a gradient
        name = gradient_name(path)
        seen = f"{name}.clipped" if f"{name}.clipped" in trace else name
        factor = self._factor(path, "rate_factor")
        rate = symbol("η") if factor == 1 else number(factor) * symbol("η")
        known = {
            "p": symbol(path), "g": symbol(seen), "η": rate,
            "ω": number(int(self._factor(path, "decay"))),
        }  # fmt: skip
        new = {s: symbol(f"{path}.{s}") for s in optimizer.states}
        kernel = optimizer.kernel.name
        corrections = {f"{path}.{n}": tree for n, tree in optimizer.corrections.items()}
        for equation in optimizer.kernel.equations:
            assert isinstance(equation, Equation)
            own = {equation.target: symbol(f"{path}.{equation.target}.old")}
            tree = equation.value
            if equation.target == "p":
                free = f"{path}.free"
                for place, correction in corrections.items():
                    tree = with_part(tree, correction, symbol(place))
                    self._define(place, correction.replaced(new), "update", kernel)
                target = free if free in trace else f"{path}.new"
                self._define(target, tree.replaced({**new, **known}), "update", kernel)
                if free in trace:
                    self._define_limited(path)
            else:
                target = f"{path}.{equation.target}"
                self._define(target, tree.replaced({**new, **known, **own}), "update", kernel)

    def _define_limited(self, path: str) -> None:
        (equation,) = penalties.limit_norms.equations
        assert isinstance(equation, Equation)
        tree = equation.value.replaced(
            {"W": symbol(f"{path}.free"), "c": symbol("constraint.limit")}
        )
        self._define(f"{path}.new", tree, "update", penalties.limit_norms.name)


def _constant(operand: Any) -> int:
    assert isinstance(operand, int)
    return operand


def _without(equation: Equation, instruction: Instruction) -> Expression:
    """What an instruction adds to a gradient: ``dW + aᵀ·delta`` without the ``dW`` so far."""
    tree = equation.value
    assert tree.operation == "add"
    assert tree.arguments[0].names == {equation.target}
    names = {
        key: symbol(o.name) if isinstance(o, Buffer) else number(o)
        for key, o in instruction.operands.items()
    }
    added: Expression = tree.arguments[1]
    return added.replaced(names)


def same(one: Expression, other: Expression) -> bool:
    if one.operation != other.operation or len(one.arguments) != len(other.arguments):
        return False
    if one.operation in ("symbol", "number"):
        return bool(one.arguments[0] == other.arguments[0])
    return all(same(x, y) for x, y in zip(one.arguments, other.arguments, strict=True))


def with_part(tree: Expression, part: Expression, new: Expression) -> Expression:
    """The tree with a part of it replaced, wherever it stands."""
    if same(tree, part):
        return new
    if tree.operation in ("symbol", "number"):
        return tree
    return Expression(tree.operation, tuple(with_part(a, part, new) for a in tree.arguments))


def _with_total(tree: Expression, total: Expression) -> Expression:
    """The tree with the sum over the ranges' squares written out."""
    return with_part(tree, apply("sum_all", symbol("squares")), total)
