"""Gradient descent, plain and with a velocity: one rate for all parameters."""

from dataclasses import dataclass
from typing import ClassVar

from chainrule.engine.kernel import Context, Kernel, Range, Scalar, kernel, real
from chainrule.equations import Equation, symbols
from chainrule.optimizers.entry import Optimizer, g, mu, p, rate, register

(v,) = symbols("v")


@kernel(Equation("p", p - rate * g, "←"))
def gradient_descent(p: Range, g: Range, learning_rate: Scalar, context: Context) -> None:
    step = real(learning_rate * context.rate_factor)
    for i in range(p.size):
        p[i] -= step * g[i]


@kernel(Equation("v", mu * v - rate * g, "←"), Equation("p", p + v, "←"))
def momentum_descent(
    p: Range, g: Range, v: Range, learning_rate: Scalar, momentum: Scalar, context: Context
) -> None:
    step, keep = real(learning_rate * context.rate_factor), real(momentum)
    for i in range(p.size):
        v[i] = keep * v[i] - step * g[i]
        p[i] += v[i]


@kernel(Equation("v", mu * v - rate * g, "←"), Equation("p", p + (mu * v - rate * g), "←"))
def nesterov_descent(
    p: Range, g: Range, v: Range, learning_rate: Scalar, momentum: Scalar, context: Context
) -> None:
    step, keep = real(learning_rate * context.rate_factor), real(momentum)
    for i in range(p.size):
        v[i] = keep * v[i] - step * g[i]
        p[i] += keep * v[i] - step * g[i]


@register
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


@register
@dataclass(frozen=True)
class Momentum(Optimizer):
    """Gradient descent with momentum: the steps of the past go on, and fade.

    v ← μ v − η g,  p ← p + v

    The form of scikit-learn and Keras. PyTorch keeps v without η and multiplies by it afterwards:
    the same steps, unless the rate changes during the training.

    Args:
        learning_rate: η > 0.
        momentum: μ, the share of the last step that goes on, in [0, 1].

    Raises:
        ValueError: for a value outside its range.

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.

    >>> Momentum(0.1).momentum
    0.9
    """

    learning_rate: float = 0.01
    momentum: float = 0.9
    name: ClassVar[str] = "momentum"
    kernel: ClassVar[Kernel] = momentum_descent
    states: ClassVar[tuple[str, ...]] = ("v",)
    source: ClassVar[str] = "Polyak, 1964"


@register
@dataclass(frozen=True)
class Nesterov(Optimizer):
    """Nesterov's momentum: the step as if the gradient were taken where the momentum leads.

    v ← μ v − η g,  p ← p + μ v − η g

    The parameters that are kept are those looked ahead to, as in scikit-learn, Keras and PyTorch.

    Args:
        learning_rate: η > 0.
        momentum: μ, the share of the last step that goes on, in [0, 1].

    Raises:
        ValueError: for a value outside its range.

    Source: Nesterov, 1983; Sutskever, Martens, Dahl, Hinton, "On the importance of initialization
    and momentum in deep learning", 2013; in this form Bengio, Boulanger-Lewandowski, Pascanu,
    "Advances in Optimizing Recurrent Networks", 2013, equation 7.

    >>> Nesterov(0.1).momentum
    0.9
    """

    learning_rate: float = 0.01
    momentum: float = 0.9
    name: ClassVar[str] = "nesterov"
    kernel: ClassVar[Kernel] = nesterov_descent
    states: ClassVar[tuple[str, ...]] = ("v",)
    source: ClassVar[str] = "Nesterov, 1983; Bengio, Boulanger-Lewandowski, Pascanu, 2013"
