"""The steps of a problem, run again: as they are right, or with one thing done wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.engine.program import Buffer, Instruction, Program
from chainrule.engine.stepper import Stepper
from chainrule.equations import Expression
from chainrule.glass.problems.problem import Problem
from chainrule.glass.traces import stepping
from chainrule.glass.traces.rounders import rounder
from chainrule.glass.traces.rounding import Rounding
from chainrule.glass.traces.slopes import name_of, place_of, slope_of, value_of
from chainrule.glass.traces.traced import Trace

#: What overwrites what an instruction wrote.
Spoil = Callable[[Instruction, Stepper, "Situation"], None]


@dataclass
class Situation:
    """What a step knows beside the instruction that it is at.

    Attributes:
        problem: whose step it is.
        program: that runs.
        parameters: the flat vector that the step begins with.
        before: that of the step before; None in the first.
        updated: the parameters after this step by path, as a first run of it found them.
    """

    problem: Problem
    program: Program
    parameters: np.ndarray
    before: np.ndarray | None = None
    updated: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return len(self.problem.x)

    @property
    def mean(self) -> bool:
        """Whether the loss is a mean over the examples."""
        assert self.problem.network.loss is not None
        return self.problem.network.loss.mean

    @cached_property
    def functions(self) -> dict[tuple[str, Any], Expression]:
        """The activations by their values and the first of the columns that they are for."""
        forward = (i for i in self.program.instructions if activates(i))
        return {place_of(i): value_of(i) for i in forward}

    @cached_property
    def slopes(self) -> dict[str, list[Instruction]]:
        """The instructions that multiply by f′, by the delta that they write."""
        found: dict[str, list[Instruction]] = {}
        for instruction in self.program.instructions:
            if slope_of(instruction) is not None:
                found.setdefault(name_of(instruction, "delta"), []).append(instruction)
        return found

    def parameter(self, path: str, vector: np.ndarray) -> np.ndarray:
        """A parameter's part of a flat vector."""
        start, shape = self.problem.network.places[path]
        return vector[start : start + int(np.prod(shape))].reshape(shape)


def activates(instruction: Instruction) -> bool:
    """Whether an instruction computes a from z."""
    outputs = instruction.kernel.outputs
    return "a" in outputs and {"z", "k"} <= set(instruction.operands)


def operand(instruction: Instruction, running: Stepper, name: str) -> np.ndarray:
    """An operand's present value: a view, of some columns if the instruction is for some."""
    buffer = instruction.operands[name]
    assert isinstance(buffer, Buffer)
    if buffer.offset < 0:  # of the program before the stepper gave its buffers their places
        buffer = running.program.buffers[buffer.name]
    value = running.value(buffer)
    if "first" in instruction.operands and value.ndim == 2:
        return value[:, columns_of(instruction)]
    return value


def columns_of(instruction: Instruction) -> slice:
    """The columns that an instruction works on."""
    first, last = (instruction.operands.get(name) for name in ("first", "last"))
    assert not isinstance(first, Buffer)
    assert not isinstance(last, Buffer)
    return slice(first, last)


def rerun(
    problem: Problem,
    program: Program,
    *,
    spoil: Spoil | None = None,
    again: bool = False,
    roundings: tuple[Rounding, ...] = (),
    iterations: int | None = None,
) -> list[Trace]:
    """The traces of the problem's steps.

    Args:
        problem: whose parameters the first step begins with.
        program: for ``train``.
        spoil: what is done wrong after each instruction.
        again: whether each step is run until the updated weights that it may use are its own.
        roundings: policies that apply, one after the other, to what is written; the last is the
            problem's own.
        iterations: how many; by default the problem's.
    """
    network = problem.network
    *earlier, policy = roundings or (Rounding(),)
    changes = [rounder(network, program, rounding) for rounding in earlier if rounding]
    situation = Situation(problem, program, network.vector.astype(np.float64))
    state = None
    traces: list[Trace] = []

    def change(instruction: Instruction, running: Stepper) -> None:
        if spoil is not None:
            spoil(instruction, running, situation)
        for rounded in changes:
            rounded(instruction, running)

    for number in range(1, (problem.iterations if iterations is None else iterations) + 1):
        situation.updated = {}
        for _ in range(len(network.layers) + 1 if again else 1):
            with np.errstate(all="ignore"):
                found = stepping.run_step(
                    network, program, {"X": problem.x, "Y": problem.y}, situation.rows,
                    parameters=situation.parameters, state=state, optimizer=problem.optimizer,
                    step=number, seed=network.seed, rounding=policy, change=change,
                )  # fmt: skip
            updated = {path: found[f"{path}.new"] for path in network.places}
            if situation.updated and _same(updated, situation.updated):
                break
            situation.updated = updated
        traces.append(found)
        situation.before = situation.parameters
        situation.parameters, state = stepping.after(found)
    return traces


def _same(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    return all(np.array_equal(value, other[path]) for path, value in one.items())
