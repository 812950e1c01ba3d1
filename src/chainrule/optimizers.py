"""Optimizers: immutable specifications, each with one update kernel over the flat vectors.

The state that an optimizer needs lives in the result of the training, not here.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from chainrule.checks import real_number
from chainrule.engine.elementary import sqrt
from chainrule.engine.kernel import Context, Kernel, Range, Scalar, kernel, real
from chainrule.equations import Equation, apply, symbols

p, g, m, v, rate, beta1, beta2, epsilon, t = symbols("p g m v η β₁ β₂ ε t")

# The kernels' hyperparameters carry the field's letters in equations, and words in signatures.
LETTERS = {"learning_rate": "η", "beta1": "β₁", "beta2": "β₂", "epsilon": "ε"}


@kernel(Equation("p", p - rate * g, "←"))
def gradient_descent(p: Range, g: Range, learning_rate: Scalar, context: Context) -> None:
    step = real(learning_rate * context.rate_factor)
    for i in range(p.size):
        p[i] -= step * g[i]


@kernel(
    Equation("m", beta1 * m + (1 - beta1) * g, "←"),
    Equation("v", beta2 * v + (1 - beta2) * g**2, "←"),
    Equation(
        "p",
        p - rate * (m / (1 - beta1**t)) / (apply("sqrt", v / (1 - beta2**t)) + epsilon),
        "←",
    ),
)
def adam(
    p: Range, g: Range, m: Range, v: Range, learning_rate: Scalar, beta1: Scalar, beta2: Scalar,
    epsilon: Scalar, context: Context,
) -> None:  # fmt: skip
    b1, c1, b2, c2 = real(beta1), real(1 - beta1), real(beta2), real(1 - beta2)
    t = float(context.step)
    step = real(learning_rate * context.rate_factor / (1 - math.pow(beta1, t)))
    unbias = real(1 / (1 - math.pow(beta2, t)))
    floor = real(epsilon)
    for i in range(p.size):
        m[i] = b1 * m[i] + c1 * g[i]
        v[i] = b2 * v[i] + c2 * (g[i] * g[i])
        p[i] -= step * m[i] / (sqrt(v[i] * unbias) + floor)


@dataclass(frozen=True)
class Optimizer:
    """What all optimizers have in common.

    Attributes:
        learning_rate: the size of a step, greater than 0.
    """

    learning_rate: float

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    kernel: ClassVar[Kernel]
    states: ClassVar[tuple[str, ...]] = ()
    source: ClassVar[str] = ""

    def __post_init__(self) -> None:
        _positive(self, "learning_rate", self.learning_rate)

    @property
    def scalars(self) -> dict[str, float]:
        """The hyperparameters of the kernel, by their names."""
        return {key: float(value) for key, value in asdict(self).items()}

    def to_dict(self) -> dict[str, Any]:
        return {"optimizer": self.name, **self.scalars}


@dataclass(frozen=True)
class GradientDescent(Optimizer):
    """Gradient descent: p ← p − η g.

    Batch, mini-batch or stochastic by the batch size of the training.

    Args:
        learning_rate: η > 0.

    Raises:
        ValueError: for a rate that is not positive and finite.

    Source: 000, "Error derivatives"; 001, "Gradient Descent"; 002, "Backpropagation".

    >>> GradientDescent(0.1).scalars
    {'learning_rate': 0.1}
    """

    learning_rate: float = 0.01
    name: ClassVar[str] = "gradient_descent"
    aliases: ClassVar[tuple[str, ...]] = ("sgd",)
    kernel: ClassVar[Kernel] = gradient_descent
    source: ClassVar[str] = "000, 'Error derivatives'; 001, 'Gradient Descent'"


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam: steps by the running mean of the gradient over the root of that of its square.

    m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,
    p ← p − η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)

    Args:
        learning_rate: η > 0.
        beta1: decay of the mean, in [0, 1).
        beta2: decay of the mean square, in [0, 1).
        epsilon: added after the correction of the bias, > 0.

    Raises:
        ValueError: for a value outside its range.

    Source: Kingma, Ba, "Adam: A Method for Stochastic Optimization", 2015, algorithm 1.

    >>> Adam(1e-3).beta2
    0.999
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    name: ClassVar[str] = "adam"
    kernel: ClassVar[Kernel] = adam
    states: ClassVar[tuple[str, ...]] = ("m", "v")
    source: ClassVar[str] = "Kingma, Ba, 2015, algorithm 1"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("beta1", "beta2"):
            value = getattr(self, name)
            if not real_number(value) or not 0 <= value < 1:
                raise ValueError(f"{name} of {self.name} must be in [0, 1), not {value!r}")
        _positive(self, "epsilon", self.epsilon)


def _positive(optimizer: Optimizer, name: str, value: float) -> None:
    if not real_number(value) or value <= 0:
        raise ValueError(f"{name} of {optimizer.name} must be a positive number, not {value!r}")


#: The optimizers by name and alias.
OPTIMIZERS: dict[str, type[Optimizer]] = {
    name: optimizer
    for optimizer in (GradientDescent, Adam)
    for name in (optimizer.name, *optimizer.aliases)
}
