"""What a reader claims: the name of a value, and a number with as many digits as were written."""

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.checks import real_number
from chainrule.engine import layout
from chainrule.engine.builder import gradient_name
from chainrule.engine.program import Program
from chainrule.glass.notation.signal import Signal
from chainrule.glass.traces.stepping import learnt
from chainrule.glass.traces.traced import label_of
from chainrule.layers import Dense
from chainrule.lowering import lower
from chainrule.network import Network
from chainrule.optimizers import Optimizer

if TYPE_CHECKING:
    from chainrule.glass.problems.problem import Problem

NAME = re.compile(r"\s*([^\[\]@\s]+)\s*(?:\[([\d\s,]*)\])?\s*(?:@\s*(\d+))?\s*")
LETTER = re.compile(r"([A-Za-z])(\d{1,4})")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
SLACK = 1e-9  # relative: what double arithmetic in another order may change
LEAST_SLACK = 1e-14
FLOAT32_DIGITS = 6  # that arithmetic in single precision leaves


@dataclass(frozen=True)
class Claim:
    """A number that a reader found for one element of a value.

    Attributes:
        name: as the reader wrote it.
        path: of the value.
        index: of the element.
        iteration: from 1.
        text: the number as it was written.
        value: the number.
        tolerance: half a unit of its last digit.
        factor: how many times the value the name means: −1 for S, which is −delta.
    """

    name: str
    path: str
    index: tuple[int, ...]
    iteration: int
    text: str
    value: float
    tolerance: float
    factor: float = 1.0

    def meant(self, number: float) -> float:
        """A number of the value as the name means it."""
        return self.factor * float(number)

    def meets(self, low: float, high: float) -> bool:
        """Whether the number stands for one between two, which rounding leaves open."""
        if not (math.isfinite(low) and math.isfinite(high)):
            return False
        low, high = min(low, high), max(low, high)
        room = self.tolerance + SLACK * max(abs(self.value), abs(low), abs(high)) + LEAST_SLACK
        return low - room <= self.value <= high + room


class Written(float):
    """A number that remembers how it was written: ``0.50`` has two decimals."""

    text: str

    def __new__(cls, text: str) -> "Written":
        number = super().__new__(cls, text)
        number.text = text.replace("_", "")
        return number


def number_of(name: str, given: Any) -> tuple[str, float, float]:
    """A claimed number: as it was written, its value, and half a unit of its last digit.

    Args:
        name: of the value that it is claimed for.
        given: a number, or a text such as ``"-0.0210"``. A plain 0 is taken as it is: half a unit
            of it would let every small number pass.

    Raises:
        ValueError: if it is no finite number.

    >>> number_of("loss", "0.20")
    ('0.20', 0.2, 0.005)
    >>> number_of("loss", 3)
    ('3', 3.0, 0.5)
    """
    text = _text_of(given)
    if text is None or not NUMBER.fullmatch(text):
        raise ValueError(f"the number of {name!r} must be a finite number, not {given!r}")
    try:
        number = Decimal(text)
        value = float(number)
    except (InvalidOperation, OverflowError):
        value = math.inf
    if not math.isfinite(value):
        raise ValueError(f"the number of {name!r} must be a finite number, not {given!r}")
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    nothing = value == 0 and "." not in text
    return text, value, 0.0 if nothing else float(Decimal(5).scaleb(exponent - 1))


def _text_of(given: Any) -> str | None:
    if isinstance(given, Written):
        return given.text
    if isinstance(given, str):
        return given.strip().replace("\N{MINUS SIGN}", "-")
    if not real_number(given):
        return None
    if hasattr(given, "dtype"):
        if np.asarray(given).size != 1:
            return None
        single = np.asarray(given).dtype.itemsize < 8 and np.asarray(given).dtype.kind == "f"
        given = np.asarray(given).item()
        if single:
            return f"{given:.{FLOAT32_DIGITS}g}"
    return str(given) if isinstance(given, int) else repr(float(given))


def claims_of(problem: "Problem", claims: Mapping[str, Any]) -> list[Claim]:
    """Claims as they are understood.

    Raises:
        ValueError: for a name of nothing that is computed, or what is no number.
    """
    if not isinstance(claims, Mapping):
        raise ValueError(f"claims must map names of values to numbers, not {claims!r}")
    if not claims:
        return []
    program = unfused(problem)
    shapes = shapes_of(problem.network, program, problem.optimizer, len(problem.x))
    found = []
    for name, given in claims.items():
        path, index, iteration, factor = _element(problem, shapes, name)
        found.append(Claim(name, path, index, iteration, *number_of(name, given), factor))
    return found


def unfused(problem: "Problem") -> Program:
    """The program of a step that computes da and f′ of the outputs apart."""
    return lower(
        problem.network, "train", len(problem.x), problem.optimizer, labels=problem.labels,
        dtype="float64", tile_rows=len(problem.x), fused=False, plan=False,
        sources={"X": problem.x, "Y": problem.y},
    )  # fmt: skip


def shapes_of(
    network: Network, program: Program, optimizer: Optimizer, rows: int
) -> dict[str, tuple[int, ...]]:
    """The shapes of all values that a step's trace holds, by path."""
    found: dict[str, tuple[int, ...]] = {}
    for buffer in program.buffers.values():
        if buffer.role == "value":
            shape = tuple(rows if n == layout.TILE_ROWS else n for n in buffer.shape)
            found[buffer.name] = () if buffer.name == "loss" else shape
    known = learnt(network, program)
    for path, (_, shape) in network.places.items():
        found[path] = found[f"{path}.new"] = shape
        if gradient_name(path) in program.buffers:
            found[gradient_name(path)] = shape
        if path not in known:
            continue
        for state in optimizer.states:
            found[f"{path}.{state}"] = found[f"{path}.{state}.old"] = shape
        for correction in optimizer.corrections:
            found[f"{path}.{correction}"] = shape
    return found


def _element(
    problem: "Problem", shapes: Mapping[str, tuple[int, ...]], name: Any
) -> tuple[str, tuple[int, ...], int, float]:
    """Path, index, iteration and factor of a name such as ``W1.new[0,1]`` or ``dW3[0,0]@2``."""
    read = NAME.fullmatch(name) if isinstance(name, str) else None
    if read is None:
        raise ValueError(f"{name!r} is no name of a number: one is written as 'dW1[0,0]' or 'loss'")
    head, dot, rest = read[1].partition(".")
    path, factor = problem.network.path(head) + dot + rest, 1.0
    if path not in shapes and not (head == Signal.loss and rest):  # E is the whole loss alone
        owner, factor = _of_the_page(problem, head)
        path = owner + dot + rest
    if path not in shapes:
        names = [label_of(problem.network, known) for known in shapes]
        lower = {known.lower(): known for known in (*shapes, *names)}
        near = difflib.get_close_matches(read[1].lower(), lower, n=1)
        guess = f"did you mean {lower[near[0]]!r}? " if near else ""
        raise ValueError(
            f"{name!r} is nothing that this problem computes; {guess}there are {', '.join(names)}"
        )
    shape = shapes[path]
    index = tuple(int(part) for part in (read[2] or "").split(",") if part.strip())
    if not index and math.prod(shape) == 1:
        index = (0,) * len(shape)
    if len(index) != len(shape) or any(i >= n for i, n in zip(index, shape, strict=True)):
        raise ValueError(
            f"{name!r} is no number of {read[1]}, which has the shape {shape}: "
            "places count from 0, rows of weights are inputs, rows of other values examples"
        )
    iteration = int(read[3] or 1)
    if not 1 <= iteration <= problem.iterations:
        raise ValueError(
            f"{name!r} is of iteration {iteration}, and the problem has {problem.iterations}"
        )
    return path, index, iteration, factor


def _of_the_page(problem: "Problem", head: str) -> tuple[str, float]:
    """The path that a letter of the problem's notation means, and how many times its value."""
    if problem.notation != Signal.name:
        return head, 1.0
    mean = problem.network.loss is not None and problem.network.loss.mean
    if head == Signal.loss:
        return "loss", float(len(problem.x)) if mean else 1.0
    read = LETTER.fullmatch(head)
    quantities = {Signal.letters[quantity]: quantity for quantity in ("W", "z", "a", "delta")}
    if read is None or read[1] not in quantities:
        return head, 1.0
    quantity = quantities[read[1]]
    dense = [path for path, layer in zip(problem.network.paths, problem.network.layers, strict=True)
             if isinstance(layer, Dense)]  # fmt: skip
    layer = int(read[2]) - Signal.shift.get(quantity, 0)
    if not 1 <= layer <= len(dense):
        return head, 1.0
    return f"{dense[layer - 1]}.{quantity}", -1.0 if quantity == "delta" else 1.0
