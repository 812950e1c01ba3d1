"""Lion: steps of one size, by the sign of a mean of the gradient."""

from dataclasses import dataclass
from typing import ClassVar

from chainrule.engine.kernel import Context, Kernel, Range, Scalar, kernel, real
from chainrule.equations import Equation, apply, symbols
from chainrule.optimizers.entry import (
    Optimizer,
    beta1,
    beta2,
    decay,
    decayed,
    g,
    p,
    rate,
    register,
)

(m,) = symbols("m")


@kernel(
    Equation(
        "p",
        p - rate * decay * decayed * p - rate * apply("sign", beta1 * m + (1 - beta1) * g),
        "←",
    ),
    Equation("m", beta2 * m + (1 - beta2) * g, "←"),
)
def lion(
    p: Range, g: Range, m: Range, learning_rate: Scalar, beta1: Scalar, beta2: Scalar,
    weight_decay: Scalar, context: Context,
) -> None:  # fmt: skip
    b1, c1, b2, c2 = real(beta1), real(1 - beta1), real(beta2), real(1 - beta2)
    eta = learning_rate * context.rate_factor
    step, shrink = real(eta), real(eta * weight_decay * context.decay)
    for i in range(p.size):
        c = b1 * m[i] + c1 * g[i]
        # What is neither above nor below 0 is its own sign: 0 and NaN.
        sign = real(1) if c > real(0) else (real(-1) if c < real(0) else c)
        p[i] -= shrink * p[i] + step * sign
        m[i] = b2 * m[i] + c2 * g[i]


@register
@dataclass(frozen=True)
class Lion(Optimizer):
    """Lion: every step is η up or down, by the sign of a mean of the gradient.

    p ← p − η λ p − η sign(β₁ m + (1 − β₁) g),  m ← β₂ m + (1 − β₂) g

    sign(0) = 0. The decay λ is decoupled: it is no part of g, and acts on weights only. As all
    steps have one size, rates are 3 to 10 times smaller than Adam's, and λ so much larger.

    Args:
        learning_rate: η > 0.
        beta1: share of the mean in the step, in [0, 1).
        beta2: decay of the mean, in [0, 1).
        weight_decay: λ ≥ 0.

    Raises:
        ValueError: for a value outside its range.

    Source: Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023, algorithm 2.

    >>> Lion(1e-4).beta2
    0.99
    """

    learning_rate: float = 0.0001
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float = 0.0
    name: ClassVar[str] = "lion"
    kernel: ClassVar[Kernel] = lion
    states: ClassVar[tuple[str, ...]] = ("m",)
    decays: ClassVar[bool] = True
    source: ClassVar[str] = "Chen et al., 2023, algorithm 2"
