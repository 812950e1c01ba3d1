"""The curves of activations and losses, computed from the equations of their entries."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from chainrule.activations import Activation
from chainrule.equations import Equation
from chainrule.losses import Form, Loss

Function = Callable[[np.ndarray], np.ndarray]

POINTS = 256  # of a curve, or up to twice as many
BESIDE = 1e-9  # how far from a kink its two sides are evaluated
JUMP = 1e-3  # of a slope across a kink, at least
SPAN = 4.0
# Far out two places are asked: what differs there, such as a wave, has no limit.
FAR = (7e29, 1e30)
HUGE, TINY = 1e15, 1e-9


@dataclass(frozen=True)
class Kink:
    """A point without a derivative.

    Attributes:
        place: where it is.
        value: what the function is there.
        slope: what is taken for its derivative; NaN if nothing is.
        sides: the derivative on the left and on the right.
    """

    place: float
    value: float
    slope: float
    sides: tuple[float, float]


@dataclass(frozen=True)
class Curve:
    """A function of one variable and its derivative.

    Attributes:
        label: what tells it from the others of a picture.
        value: the function.
        slope: its derivative.
        low, high: the interval that is drawn.
        kinks: the points in it that have no derivative.
    """

    label: str
    value: Function
    slope: Function
    low: float
    high: float
    kinks: tuple[Kink, ...] = ()

    def pieces(self) -> list[np.ndarray]:
        """The points to draw: between two kinks, and from there to the ends, one piece each."""
        inside = grid(self.low, self.high)
        places = [kink.place for kink in self.kinks if self.low < kink.place < self.high]
        found = []
        for left, right in zip([-math.inf, *places], [*places, math.inf], strict=True):
            start = max(self.low, left + BESIDE)
            stop = min(self.high, right - BESIDE)
            between = inside[(inside > start) & (inside < stop)]
            found.append(np.concatenate([[start], between, [stop]]))
        return found


def grid(low: float, high: float) -> np.ndarray:
    """Points of an interval, a power of two apart, so with its whole numbers and halves.

    >>> grid(0.005, 0.99)[-1]
    np.float64(0.98828125)
    """
    step = 2.0 ** math.floor(math.log2((high - low) / POINTS))
    return np.arange(math.ceil(low / step), math.floor(high / step) + 1) * step


def _quiet(function: Function) -> Function:
    """Without NumPy's warnings: ends of domains are asked on purpose."""

    def quietly(x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return function(x)

    return quietly


# ------------------------------------------------------------------ activations


def activation_curve(entry: Activation) -> Curve:
    """An elementwise activation over z, wide enough for all of its kinks."""

    @_quiet
    def value(z: np.ndarray) -> np.ndarray:
        return _numbers(entry.equation.evaluate({"z": z, "k": entry.k or 0.0}), z)

    @_quiet
    def slope(z: np.ndarray) -> np.ndarray:
        known = {"z": z, "k": entry.k or 0.0, "a": value(z)}
        return _numbers(entry.derivative_equation.evaluate(known), z)

    places = sorted(entry.kinks)
    kinks = tuple(
        Kink(place, _at(value, place), entry.kinks[place], _sides(slope, place)) for place in places
    )
    low, high = (min([-SPAN, *(p - 2 for p in places)]), max([SPAN, *(p + 2 for p in places)]))
    return Curve("f", value, slope, low, high, kinks)


OTHERS = (0.0, -1.0)  # the weighted sums of a row's other outputs


def row_curves(entry: Activation) -> list[Curve]:
    """The outputs of an activation of rows over the first of three z, the others being held."""
    return [_row_curve(entry, output) for output in range(1 + len(OTHERS))]


def _row_curve(entry: Activation, output: int) -> Curve:
    def rows(z: np.ndarray) -> np.ndarray:
        others = (np.full(len(z), other) for other in OTHERS)
        return np.stack([z, *others], axis=1)

    def outputs(z: np.ndarray) -> np.ndarray:
        return entry.equation.evaluate({"z": rows(z), "k": entry.k or 0.0})

    @_quiet
    def value(z: np.ndarray) -> np.ndarray:
        return outputs(z)[:, output]

    @_quiet
    def slope(z: np.ndarray) -> np.ndarray:
        da = np.zeros((len(z), 1 + len(OTHERS)))
        da[:, output] = 1
        known = {"z": rows(z), "a": outputs(z), "da": da, "k": entry.k or 0.0}
        return _numbers(entry.derivative_equation.evaluate(known), da)[:, 0]

    return Curve("a" + "₁₂₃"[output], value, slope, -SPAN - 1, SPAN + 1)


# ------------------------------------------------------------------ losses


@dataclass(frozen=True)
class Case:
    """What a loss is drawn for, besides the prediction that moves.

    Attributes:
        label: that tells it from the others.
        target: of the one column of targets; the number of a class for labels.
        loss: the entry, with these parameters.
        others: the predictions that stand still.
    """

    label: str
    target: float
    loss: Loss
    others: tuple[float, ...] = ()

    def predictions(self, x: np.ndarray) -> np.ndarray:
        """The row of outputs for each value of the prediction that moves."""
        if two_classes(self.loss):
            return np.stack([x, 1 - x], axis=1)
        return np.stack([x, *(np.full(len(x), other) for other in self.others)], axis=1)

    def targets(self, x: np.ndarray) -> np.ndarray:
        """As many rows of targets."""
        if "values" not in self.loss.forms:
            return np.full(len(x), int(self.target))
        columns = [self.target, 1 - self.target] if self.loss.distribution else [self.target]
        return np.tile(columns, (len(x), 1))


def two_classes(loss: Loss) -> bool:
    """Whether a loss is drawn for the outputs a and 1 − a, since its targets are a distribution."""
    return loss.distribution or "values" not in loss.forms


def form_of(loss: Loss) -> Form:
    """The form that is drawn."""
    return loss.forms.get("values") or next(iter(loss.forms.values()))


def cases(loss: Loss) -> list[Case]:
    """What a loss is drawn for: three targets, or three parameters where they are levels."""
    low, high = loss.targets
    if "values" not in loss.forms:
        return [Case(f"y = {k}", k, loss) for k in (0, 1)]
    if loss.several and math.isfinite(low := loss.k_range[0]) and math.isfinite(loss.k_range[1]):
        levels = [low + share * (loss.k_range[1] - low) for share in (0.1, 0.5, 0.9)]
        return [Case(f"k = {level:g}", 0.0, loss(level)) for level in levels]
    if loss.predicts == "means and variances":
        return [Case(f"ln σ² = {_short(s)}", 0.0, loss, (s,)) for s in (-1.0, 0.0, 1.0)]
    others = (0.0,) * (loss.outputs_per_target - 1)
    if math.isinf(low):
        targets = [-1.0, 1.0]
    elif math.isinf(high):
        targets = [low + 0.5 if loss.positive else low, low + 1, low + 3]
    else:
        targets = [low, (low + high) / 2, high] if loss.smoothing else [low, high]
    return [Case(f"y = {_short(target)}", target, loss, others) for target in targets]


def held(shown: list[Case]) -> str:
    """What all cases of a loss have in common, or nothing."""
    targets = {case.target for case in shown}
    return f"y = {_short(targets.pop())}" if len(targets) == 1 else ""


def loss_curve(case: Case) -> Curve:
    """The loss over a prediction, and its derivative by it."""
    loss, form = case.loss, form_of(case.loss)
    value_tree, slope_tree = (
        cast(Equation, kernel.equations[0]).value for kernel in (form.value, form.gradient)
    )

    def known(x: np.ndarray) -> Mapping[str, Any]:
        found = {"a": case.predictions(x), "y": case.targets(x)}
        several = form.value.operands.get("k") == "scalars"
        return found | {"k": loss.k if several else (*loss.k, 0.0)[0]}

    @_quiet
    def value(x: np.ndarray) -> np.ndarray:
        return _numbers(value_tree.evaluate(known(x)), x)

    @_quiet
    def slope(x: np.ndarray) -> np.ndarray:
        return _numbers(slope_tree.evaluate(known(x)), case.predictions(x))[:, 0]

    low, high = _drawn(loss)
    return Curve(case.label, value, slope, low, high, _found_kinks(value, slope, low, high))


def _drawn(loss: Loss) -> tuple[float, float]:
    """The part of the domain that is drawn, without ends where a loss may be infinite."""
    low, high = loss.domain
    if math.isinf(low) and math.isinf(high):
        return -SPAN, SPAN
    low = high - 2 * SPAN if math.isinf(low) else low + 0.005
    return low, low + 1.5 * SPAN if math.isinf(high) else high - 0.005


def _found_kinks(value: Function, slope: Function, low: float, high: float) -> tuple[Kink, ...]:
    """Entries of losses do not say where their kinks are: where the derivative jumps.

    Across a jump the difference of the two sides stays when they come nearer; that of a steep
    slope fades.
    """
    places = grid(low, high)
    wide, near = (
        np.abs(slope(places + beside) - slope(places - beside)) for beside in (BESIDE, BESIDE / 100)
    )
    jumps = (wide > JUMP) & (near > wide / 2)
    return tuple(
        Kink(float(x), _at(value, x), _at(slope, x), _sides(slope, x)) for x in places[jumps]
    )


# ------------------------------------------------------------------ values and limits


def limit(function: Function, end: float) -> float:
    """The limit of a function at an end of its domain, finite or not; NaN if none is seen.

    At the end itself an equation may say nothing (0 times infinity); then points just inside
    or far out are asked.
    """
    exact = _at(function, end)
    if not math.isnan(exact):
        return exact
    if math.isinf(end):
        places = [math.copysign(far, end) for far in FAR]
    else:
        inside = -1.0 if end > 0 else 1.0
        places = [end + inside * (1e-12 if end else 1e-30) * share for share in (0.7, 1.0)]
    near, last = (_at(function, place) for place in places)
    if min(abs(near), abs(last)) > HUGE and near * last > 0:
        return math.copysign(math.inf, last)
    if abs(near - last) <= TINY:
        return round(last, 9) + 0.0  # no −0
    return math.nan


def _at(function: Function, x: float) -> float:
    return float(function(np.array([x], float))[0])


def _sides(slope: Function, x: float) -> tuple[float, float]:
    return _at(slope, x - BESIDE), _at(slope, x + BESIDE)


def _numbers(found: Any, like: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.asarray(found, float), like.shape)


def _short(value: float) -> str:
    return f"{value:g}".replace("-", "−")
