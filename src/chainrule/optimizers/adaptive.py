"""A rate of its own for each parameter, by the size of the gradients that it has seen."""

from dataclasses import dataclass
from typing import ClassVar

from chainrule.engine.elementary import sqrt
from chainrule.engine.kernel import Context, Kernel, Range, Scalar, kernel, real
from chainrule.equations import Equation, apply, symbols
from chainrule.optimizers.entry import Optimizer, epsilon, g, p, rate, register, rho

(s,) = symbols("s")


@kernel(
    Equation("s", s + g**2, "←"),
    Equation("p", p - rate * g / (apply("sqrt", s) + epsilon), "←"),
)
def adagrad(
    p: Range, g: Range, s: Range, learning_rate: Scalar, epsilon: Scalar, context: Context
) -> None:
    step, floor = real(learning_rate * context.rate_factor), real(epsilon)
    for i in range(p.size):
        s[i] += g[i] * g[i]
        p[i] -= step * g[i] / (sqrt(s[i]) + floor)


@kernel(
    Equation("s", rho * s + (1 - rho) * g**2, "←"),
    Equation("p", p - rate * g / (apply("sqrt", s) + epsilon), "←"),
)
def rmsprop(
    p: Range, g: Range, s: Range, learning_rate: Scalar, rho: Scalar, epsilon: Scalar,
    context: Context,
) -> None:  # fmt: skip
    step, floor = real(learning_rate * context.rate_factor), real(epsilon)
    keep, take = real(rho), real(1 - rho)
    for i in range(p.size):
        s[i] = keep * s[i] + take * (g[i] * g[i])
        p[i] -= step * g[i] / (sqrt(s[i]) + floor)


@register
@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Adagrad: steps by the gradient over the root of the sum of all its squares so far.

    s ← s + g²,  p ← p − η g / (√s + ε)

    Args:
        learning_rate: η > 0.
        epsilon: ε > 0, outside the root, as in PyTorch.

    Raises:
        ValueError: for a value outside its range.

    Source: Duchi, Hazan, Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization", 2011.

    >>> Adagrad(0.1).epsilon
    1e-10
    """

    learning_rate: float = 0.01
    epsilon: float = 1e-10
    name: ClassVar[str] = "adagrad"
    kernel: ClassVar[Kernel] = adagrad
    states: ClassVar[tuple[str, ...]] = ("s",)
    source: ClassVar[str] = "Duchi, Hazan, Singer, 2011"


@register
@dataclass(frozen=True)
class RMSprop(Optimizer):
    """RMSprop: steps by the gradient over the root of the running mean of its square.

    s ← ρ s + (1 − ρ) g²,  p ← p − η g / (√s + ε)

    ρ = 0.99 and ε outside the root are PyTorch's. The lecture and Keras have ρ = 0.9, and Keras
    has ε inside the root.

    Args:
        learning_rate: η > 0.
        rho: ρ, decay of the mean square, in [0, 1).
        epsilon: ε > 0.

    Raises:
        ValueError: for a value outside its range.

    Source: Tieleman, Hinton, "Lecture 6.5: rmsprop", Neural Networks for Machine Learning, 2012.

    >>> RMSprop(0.001).rho
    0.99
    """

    learning_rate: float = 0.01
    rho: float = 0.99
    epsilon: float = 1e-8
    name: ClassVar[str] = "rmsprop"
    kernel: ClassVar[Kernel] = rmsprop
    states: ClassVar[tuple[str, ...]] = ("s",)
    source: ClassVar[str] = "Tieleman, Hinton, lecture 6.5, 2012"
