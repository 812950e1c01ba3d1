"""Penalties, clipping and constraints: what keeps weights and gradients from growing.

A penalty is added to the mean loss, so it is part of the loss that a training reports and of the
gradient that it follows. Penalties apply to weights, not to biases: each range of the flat vectors
has a factor ω, which is 1 or 0.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from chainrule.checks import ByValue
from chainrule.engine.kernel import (
    Context,
    GroupSums,
    Matrix,
    Range,
    RangeSum,
    Scalar,
    Sums,
    device,
    kernel,
    real,
)
from chainrule.equations import Equation, Expression, apply, symbols
from chainrule.schedules import amount

p, g, l1, l2, omega, rows = symbols("p g λ₁ λ₂ ω rows")
total, squares, c, W, loss, slots, totals, m = symbols("total squares c W loss slots totals m")


# The kernels' hyperparameters: letters in equations, words in signatures.
LETTERS = {"l1": "λ₁", "l2": "λ₂", "limit": "c"}


def norm_factor(square: Expression, limit: Expression) -> Expression:
    """What brings a norm, given by its square, to at most a limit."""
    return apply("minimum", 1, limit / apply("sqrt", square))


@device()
def strength(context: Context) -> float:
    """What λ is multiplied by."""
    return context.decay


@device()
def strength_per_example(context: Context) -> float:
    """The same for a penalty that is meant for a sum over examples."""
    return context.decay / context.batch_rows


@device(fastmath={"reassoc"})
def sum_of_sizes(x: Range) -> float:
    """Σ |x|, in float64."""
    s = 0.0
    for i in range(x.size):
        s += abs(float(x[i]))
    return s


@device(fastmath={"reassoc"})
def sum_of_squares(x: Range) -> float:
    """Σ x², in float64."""
    s = 0.0
    for i in range(x.size):
        s += float(x[i]) * float(x[i])
    return s


def value_equation(scale: Expression) -> Equation:
    each = l1 * apply("absolute", p) + 0.5 * l2 * p**2
    return Equation("total", scale * apply("sum_all", each))


def gradient_equation(scale: Expression) -> Equation:
    return Equation("g", g + scale * (l1 * apply("sign", p) + l2 * p), "←")


@kernel(value_equation(omega))
def penalty_value(total: RangeSum, p: Range, l1: Scalar, l2: Scalar, context: Context) -> None:
    """What has no strength is not looked at: half of a small step would go into it."""
    scale, s = strength(context), 0.0
    if scale != 0.0:
        if l1 != 0.0:
            s += l1 * sum_of_sizes(p)
        if l2 != 0.0:
            s += 0.5 * l2 * sum_of_squares(p)
        s *= scale
    total[0] = s


@kernel(gradient_equation(omega))
def penalty_gradient(g: Range, p: Range, l1: Scalar, l2: Scalar, context: Context) -> None:
    scale = strength(context)
    a, b = real(scale * l1), real(scale * l2)
    if a != real(0):
        for i in range(g.size):
            x = p[i]
            side = real(1) if x > real(0) else (real(-1) if x < real(0) else x)
            g[i] += a * side + b * x
    elif b != real(0):
        for i in range(g.size):
            g[i] += b * p[i]


penalty_value_per_example = penalty_value.specialised(
    "per_example", (value_equation(omega / rows),), strength=strength_per_example
)
penalty_gradient_per_example = penalty_gradient.specialised(
    "per_example", (gradient_equation(omega / rows),), strength=strength_per_example
)


@kernel(Equation("loss", apply("sum_rows", slots) / m + apply("sum_rows", totals)))
def mean_loss_and_penalty(loss: Sums, slots: Sums, totals: Sums, context: Context) -> None:
    """The loss of the batch, and the penalty of all ranges."""
    s = 0.0
    for k in range(slots.shape[0]):
        s += slots[k, 0]
    s /= context.divisor
    for r in range(totals.shape[0]):
        s += totals[r, 0]
    loss[0, 0] = s


@kernel(Equation("g", apply("maximum", -c, apply("minimum", c, g)), "←"))
def clip_value(g: Range, limit: Scalar, context: Context) -> None:
    high = real(limit)
    for i in range(g.size):
        x = g[i]
        x = -high if x < -high else x
        g[i] = high if x > high else x


@kernel(Equation("squares", apply("sum_all", g**2)))
def square_sum(squares: RangeSum, g: Range, context: Context) -> None:
    squares[0] = sum_of_squares(g)


@device()
def scale_to(g: Range, square: float, limit: float) -> None:
    """g times what brings its norm to the limit, if it is above; a norm of NaN changes nothing."""
    norm = square**0.5
    factor = real(limit / norm if norm > limit else 1.0)
    for i in range(g.size):
        g[i] *= factor


@kernel(Equation("g", g * norm_factor(apply("sum_all", squares), c), "←"))
def clip_norm(g: Range, squares: GroupSums, limit: Scalar, context: Context) -> None:
    """By the norm of the parameter's own gradient."""
    s = 0.0
    for r in range(squares.size):
        s += squares[r]
    scale_to(g, s, limit)


@kernel(Equation("g", g * norm_factor(apply("sum_all", squares), c), "←"))
def clip_global_norm(g: Range, squares: Sums, limit: Scalar, context: Context) -> None:
    """By the norm of all gradients together."""
    s = 0.0
    for r in range(squares.shape[0]):
        s += squares[r, 0]
    scale_to(g, s, limit)


@kernel(Equation("W", W * norm_factor(apply("sum_rows", W**2), c), "←"))
def limit_norms(W: Matrix, limit: Scalar, context: Context) -> None:
    """Each unit's incoming weights, a column, are brought to the limit if their norm is above."""
    for k in range(W.shape[1]):
        s = 0.0
        for j in range(W.shape[0]):
            s += float(W[j, k]) * float(W[j, k])
        norm = s**0.5
        factor = real(limit / norm if norm > limit else 1.0)
        for j in range(W.shape[0]):
            W[j, k] *= factor


@dataclass(frozen=True)
class Penalty(ByValue):
    """λ₁ Σ|W| + ½ λ₂ ΣW², added to the mean loss: the elastic net.

    Args:
        l1: λ₁, a number or schedule of at least 0.
        l2: λ₂, likewise.
        per_example: whether both are divided by the rows of each batch, as scikit-learn does with
            its ``alpha``.

    Raises:
        ValueError: for a negative strength.

    Source: Zou, Hastie, "Regularization and variable selection via the elastic net", 2005.

    >>> Penalty(l1=1e-5, l2=1e-4)
    Penalty(l1=1e-05, l2=0.0001, per_example=False)
    """

    l1: Any = 0.0
    l2: Any = 0.0
    per_example: bool = False
    name: ClassVar[str] = "penalty"

    def __post_init__(self) -> None:
        for field in ("l1", "l2"):
            value = getattr(self, field)
            amount(self.name, field, value, "a number of at least 0", lambda x: x >= 0)
        if not isinstance(self.per_example, bool):
            raise ValueError(
                f"per_example of {self.name} must be True or False, not {self.per_example!r}"
            )


def L1(strength: Any, per_example: bool = False) -> Penalty:  # noqa: N802 - the field's name
    """λ Σ|W|, which makes weights exactly small or zero.

    Args:
        strength: λ, a number or schedule of at least 0.
        per_example: as for :class:`Penalty`.

    Source: 001, "Challenges and Advanced Topics"; Tibshirani, 1996.

    >>> L1(1e-5).l1
    1e-05
    """
    return Penalty(l1=strength, per_example=per_example)


def L2(strength: Any, per_example: bool = False) -> Penalty:  # noqa: N802 - the field's name
    """½ λ ΣW², which draws all weights towards zero.

    Args:
        strength: λ, a number or schedule of at least 0.
        per_example: as for :class:`Penalty`.

    Source: 001, "Challenges and Advanced Topics"; Krogh, Hertz, 1991.

    >>> L2(1e-4).l2
    0.0001
    """
    return Penalty(l2=strength, per_example=per_example)


@dataclass(frozen=True)
class Clip(ByValue):
    """What all ways of clipping gradients have in common.

    Attributes:
        limit: c > 0, a number or schedule.
    """

    limit: Any
    name: ClassVar[str]

    def __post_init__(self) -> None:
        amount(self.name, "limit", self.limit, "a positive number", lambda x: x > 0)


@dataclass(frozen=True)
class ClipValue(Clip):
    """Each element of the gradient is held between −c and c.

    Args:
        limit: c > 0, a number or schedule.

    Source: 001, "Challenges and Advanced Topics".

    >>> ClipValue(1.0)
    ClipValue(limit=1.0)
    """

    name: ClassVar[str] = "clip_value"


@dataclass(frozen=True)
class ClipNorm(Clip):
    """The gradient of each parameter is scaled down to the norm c where it is longer.

    Args:
        limit: c > 0, a number or schedule.

    Source: Pascanu, Mikolov, Bengio, 2013, applied to each parameter by itself.

    >>> ClipNorm(1.0)
    ClipNorm(limit=1.0)
    """

    name: ClassVar[str] = "clip_norm"


@dataclass(frozen=True)
class ClipGlobalNorm(Clip):
    """The whole gradient is scaled down to the norm c where it is longer.

    Args:
        limit: c > 0, a number or schedule.

    Source: Pascanu, Mikolov, Bengio, "On the difficulty of training Recurrent Neural Networks",
    2013.

    >>> ClipGlobalNorm(1.0)
    ClipGlobalNorm(limit=1.0)
    """

    name: ClassVar[str] = "clip_global_norm"


@dataclass(frozen=True)
class MaxNorm(ByValue):
    """After each update the weights into a unit are scaled down to the norm c where it is above.

    Args:
        limit: c > 0, a number or schedule.

    Source: Srivastava et al., "Dropout", 2014, section 5.1.

    >>> MaxNorm(3.0)
    MaxNorm(limit=3.0)
    """

    limit: Any
    name: ClassVar[str] = "max_norm"

    def __post_init__(self) -> None:
        amount(self.name, "limit", self.limit, "a positive number", lambda x: x > 0)


CLIPS: dict[str, type[Clip]] = {c.name: c for c in (ClipValue, ClipNorm, ClipGlobalNorm)}

#: The kernels that add a penalty to the gradient, and those that clip it.
ADDING = frozenset({penalty_gradient, penalty_gradient_per_example})
CLIPPING = frozenset({clip_value, clip_norm, clip_global_norm})
