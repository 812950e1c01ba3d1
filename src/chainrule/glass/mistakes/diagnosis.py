"""The diagnosis: which known mistake gives the numbers that a reader found by hand."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.engine.program import Instruction
from chainrule.engine.stepper import Stepper
from chainrule.glass.mistakes import MISTAKES, Mistake
from chainrule.glass.mistakes.entry import WHOLE, layer_of
from chainrule.glass.mistakes.quotients import Quotients
from chainrule.glass.mistakes.rerun import Situation, rerun
from chainrule.glass.mistakes.verdicts import Diagnosis, Explanation, Finding
from chainrule.glass.problems.claims import Claim, unfused
from chainrule.glass.problems.problem import Problem
from chainrule.glass.traces.rounding import TIES, Rounding
from chainrule.glass.traces.traced import Trace
from chainrule.lowering import lower


def diagnose(problem: Problem, claims: Mapping[str, Any] | None = None) -> Diagnosis:
    """Say which known mistake gives the numbers that a reader found.

    The problem's own program is run with one thing done wrong at a time, in each layer alone and in
    all of them; the numbers that come out are held against the reader's, as exactly as the reader
    wrote them. A mistake must explain every wrong number, and leave the right ones right.

    Args:
        problem: that the reader worked out.
        claims: numbers by the names of values as a trace has them: ``"dW3[0,0]"``,
            ``"W1.new[0,1]"``, ``"loss"``, ``"delta2[0,1]"``, or of a later iteration
            ``"dW3[0,0]@2"``. A text keeps its zeros: ``"-0.0210"`` has four decimals. By default
            those of the problem.

    Returns:
        For each claim whether it is right, and the mistakes that explain the others; it prints as
        a table and sentences.

    Raises:
        ValueError: for what is no problem, no claims, a name of nothing that is computed, or what
            is no number.

    >>> import chainrule as cr
    >>> net = cr.Network([cr.Dense(1, "sigmoid")], loss="mse", inputs=1)
    >>> net.parameters.update({"W1": [[0.5]], "b1": [0.1]})
    >>> problem = cr.Problem(net, [2.0], [1.0])
    >>> found = cr.diagnose(problem, {"z1": 1.1, "delta1": "0.0468"})
    >>> found.explanations[0].mistake.name
    'sign of y − ŷ'
    """
    if not isinstance(problem, Problem):
        such = ": cr.Problem(network, x, y) makes one" if hasattr(problem, "layers") else ""
        raise ValueError(f"problem must be a Problem, not {type(problem).__name__}{such}")
    claimed = problem.claimed(claims)
    if not claimed:
        raise ValueError("there are no claims: give numbers by name, such as {'dW1[0,0]': -0.02}")
    return Examiner(problem).examine(claimed)


@dataclass(frozen=True)
class Outcome:
    """The traces of a problem with a mistake in it.

    Attributes:
        mistake: that was made.
        layers: the paths of those in which it was made; ``WHOLE`` alone for what belongs to none.
        variant: the words of how it was made.
        runs: the traces of all iterations, for each way to round.
    """

    mistake: Mistake
    layers: tuple[str, ...]
    variant: str
    runs: tuple[list[Trace], ...]

    @property
    def everywhere(self) -> bool:
        """Whether it was made in all layers at once."""
        return len(self.layers) > 1

    def gives(self, claim: Claim) -> bool:
        """Whether the claimed number comes out with the mistake."""
        index = claim.index
        if self.mistake.exchanges:
            if len(index) != 2:
                return False
            index = (index[1], index[0])
        for traces in self.runs:
            value = traces[claim.iteration - 1][claim.path]
            inside = all(i < n for i, n in zip(index, np.shape(value), strict=True))
            if inside:
                number = claim.meant(value[index])
                if claim.meets(number, number):
                    return True
        return False


class Examiner:
    """Holds claims against a problem's right numbers, and against those of all known mistakes."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._program = unfused(problem)

    @cached_property
    def right(self) -> tuple[list[Trace], ...]:
        """The right numbers: by both forms of the program, without and with rounding."""
        problem = self.problem
        fused = lower(
            problem.network, "train", len(problem.x), problem.optimizer, labels=problem.labels,
            dtype="float64", tile_rows=len(problem.x), plan=False,
            sources={"X": problem.x, "Y": problem.y},
        )  # fmt: skip
        return (rerun(problem, fused), *self._runs())

    @cached_property
    def outcomes(self) -> list[Outcome]:
        """The numbers of all known mistakes, those of rounding last."""
        at = Situation(self.problem, self._program, self.problem.network.vector)
        mistakes = sorted(MISTAKES.values(), key=lambda mistake: mistake.rounds is not None)
        return [
            outcome for mistake in mistakes
            if (places := mistake.places(at)) for outcome in self._outcomes(mistake, places, at)
        ]  # fmt: skip

    def _outcomes(self, mistake: Mistake, places: Sequence[str], at: Situation) -> list[Outcome]:
        alone = [(place,) for place in places]
        tried = alone if len(places) == 1 else [*alone, tuple(places)]
        return [
            Outcome(mistake, layers, words, self._runs(mistake, layers, variant))
            for (words, variant), layers in itertools.product(mistake.variants(at), tried)
        ]

    def _runs(
        self, mistake: Mistake | None = None, layers: Sequence[str] = (), variant: Any = None
    ) -> tuple[list[Trace], ...]:
        """The traces without the problem's rounding and then, if it has one, with it."""

        def spoil(instruction: Instruction, running: Stepper, at: Situation) -> None:
            assert mistake is not None
            if mistake.where(instruction, at) and layer_of(instruction) in layers:
                mistake.wrong(instruction, running, at, variant)

        policies = [Rounding(), self.problem.rounding] if self.problem.rounding else [Rounding()]
        return tuple(
            rerun(
                self.problem, self._program, spoil=None if mistake is None else spoil,
                again=mistake is not None and mistake.again, roundings=(early, policy),
            )
            for early in self._early(mistake, variant) for policy in policies
        )  # fmt: skip

    def _early(self, mistake: Mistake | None, variant: Any) -> list[Rounding]:
        """What a mistake rounds, with halves to even neighbours and up: readers do either."""
        if mistake is None or mistake.rounds is None:
            return [Rounding()]
        names = {name.rpartition(".")[2] for name in self._program.buffers}
        rounded = {q: n for q, n in mistake.rounds(variant).items() if q in names}
        return [Rounding(rounded, ties) for ties in TIES]

    # ------------------------------------------------------------------ claims

    def band(self, claim: Claim) -> tuple[float, float] | None:
        """Between which numbers the claimed value lies; None if it is not finite."""
        found = []
        for traces in self.right:
            trace = traces[claim.iteration - 1]
            if claim.path in trace:  # that of a natural pair has no da of the outputs
                found.append(claim.meant(trace[claim.path][claim.index]))
        finite = [number for number in found if np.isfinite(number)]
        return (min(finite), max(finite)) if finite else None

    def examine(self, claims: Sequence[Claim]) -> Diagnosis:
        """See :func:`diagnose`."""
        bands = [self.band(claim) for claim in claims]
        right = [
            band is not None and claim.meets(*band)
            for claim, band in zip(claims, bands, strict=True)
        ]
        fitting: list[list[Outcome]] = [[] for _ in claims]
        together: list[Outcome] = []
        if not all(right):
            for outcome in self.outcomes:
                met = [outcome.gives(claim) for claim in claims]
                for k, (fits, fine) in enumerate(zip(met, right, strict=True)):
                    if fits and not fine:
                        fitting[k].append(outcome)
                if all(met):
                    together.append(outcome)
        findings = [
            Finding(
                claim, self._number(claim), fine, self._explained(outcomes), self._quotient(claim)
            )
            for claim, fine, outcomes in zip(claims, right, fitting, strict=True)
        ]  # fmt: skip
        return Diagnosis(tuple(findings), self._explained(together))

    def _number(self, claim: Claim) -> float:
        """The right number, under the problem's rounding if it has one."""
        for traces in self.right[::-1]:
            trace = traces[claim.iteration - 1]
            if claim.path in trace and np.isfinite(trace[claim.path][claim.index]):
                return claim.meant(trace[claim.path][claim.index])
        return float("nan")

    def _quotient(self, claim: Claim) -> float | None:
        if f"{claim.path}.2" in self._program.buffers:
            return None  # one term of a derivative that comes back by several ways
        number = claim.iteration - 1
        vector = self.problem.network.vector
        if number:
            before = self.right[0][number]
            vector = np.concatenate([before[path].ravel() for path in self.problem.network.places])
        found = Quotients(self.problem, vector).of(claim)
        return None if found is None else claim.meant(found)

    def _explained(self, outcomes: Sequence[Outcome]) -> tuple[Explanation, ...]:
        """Outcomes of one mistake are one explanation, with all places and ways to make it."""
        found: dict[str, list[Outcome]] = {}
        for outcome in outcomes:
            found.setdefault(outcome.mistake.name, []).append(outcome)
        return tuple(
            Explanation(
                each[0].mistake,
                tuple(
                    dict.fromkeys(
                        self._layer(outcome.layers[0])
                        for outcome in each
                        if not outcome.everywhere and outcome.layers != (WHOLE,)
                    )
                ),
                any(outcome.everywhere for outcome in each),
                tuple(dict.fromkeys(outcome.variant for outcome in each if outcome.variant)),
            )
            for each in found.values()
        )

    def _layer(self, path: str) -> int | str:
        """A layer by its number in a plain stack, else by its path."""
        network = self.problem.network
        return network.paths.index(path) + 1 if path in network.paths and network.labels else path
