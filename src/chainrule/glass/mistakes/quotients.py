"""Any derivative of a problem by differences of its loss: the proof that needs no formula."""

import numpy as np

from chainrule.engine.builder import gradient_name
from chainrule.engine.program import Instruction
from chainrule.engine.stepper import Stepper
from chainrule.glass.problems.claims import Claim
from chainrule.glass.problems.problem import Problem
from chainrule.glass.traces import stepping
from chainrule.lowering import lower
from chainrule.optimizers import GradientDescent

STEP = 1e-5  # half the distance of the two points
BEND = 1e-3  # relative: where the slopes on both sides differ by more there is a kink


class Quotients:
    """Central differences of the loss of a step, with respect to whatever it computes.

    Args:
        problem: whose loss it is.
        parameters: the flat vector that the step begins with.
    """

    def __init__(self, problem: Problem, parameters: np.ndarray) -> None:
        self._problem, self._parameters = problem, parameters
        self._sources = {"X": problem.x, "Y": problem.y}
        rows = len(problem.x)
        self._program = lower(
            problem.network, "evaluate", rows, labels=problem.labels, dtype="float64",
            tile_rows=rows, fused=False, plan=False, sources=self._sources, training=True,
        )  # fmt: skip
        self._written = {b.name: i for i in self._program.instructions for b in i.writes}
        self._places = problem.network.places
        self._of = {gradient_name(name): name for name in [*self._written, *self._places]}

    def of(self, claim: Claim) -> float | None:
        """What the differences say of a claimed value.

        Returns:
            A gradient, delta or da by the difference, or an updated parameter of gradient descent
            by a step along it; None for what is no derivative, or meets a kink.
        """
        optimizer, path = self._problem.optimizer, claim.path.removesuffix(".new")
        if path != claim.path and path in self._places and isinstance(optimizer, GradientDescent):
            slope = self._slope(path, claim.index)
            old = self._parameters[self._flat(path, claim.index)]
            rate = optimizer.scalars["learning_rate"]
            return None if slope is None else float(old - rate * slope)
        return self._slope(self._of[claim.path], claim.index) if claim.path in self._of else None

    def _slope(self, name: str, index: tuple[int, ...]) -> float | None:
        below, here, above = (self._loss(name, index, h) for h in (-STEP, 0.0, STEP))
        if not np.isfinite([below, here, above]).all():
            return None
        left, right = (here - below) / STEP, (above - here) / STEP
        middle = (above - below) / (2 * STEP)
        if abs(left - right) > BEND * max(abs(left), abs(right), BEND * abs(here)):
            return None
        loss = self._problem.network.loss
        assert loss is not None
        of_each = name not in self._places and loss.mean  # delta and da are those of an example
        return middle * len(self._problem.x) if of_each else middle

    def _loss(self, name: str, index: tuple[int, ...], h: float) -> float:
        parameters, change = self._parameters, None
        if name in self._places:
            parameters = parameters.copy()
            parameters[self._flat(name, index)] += h
        else:
            last = self._written[name].kernel

            def change(instruction: Instruction, running: Stepper) -> None:
                for buffer in instruction.writes:
                    if buffer.name == name and instruction.kernel is last:
                        running.value(buffer)[index] += h

        network = self._problem.network
        with np.errstate(all="ignore"):
            found = stepping.run_step(
                network, self._program, self._sources, len(self._problem.x),
                parameters=parameters, seed=network.seed, change=change,
            )  # fmt: skip
        return float(found["loss"])

    def _flat(self, path: str, index: tuple[int, ...]) -> int:
        start, shape = self._places[path]
        return start + int(np.ravel_multi_index(index, shape))
