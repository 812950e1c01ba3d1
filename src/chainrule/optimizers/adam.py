"""Adam and what was made of it: a mean of the gradient over the root of that of its square."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from chainrule.engine.elementary import sqrt
from chainrule.engine.kernel import Context, Kernel, Range, Scalar, kernel, real
from chainrule.equations import Equation, Expression, apply, symbols
from chainrule.optimizers.entry import (
    Optimizer,
    beta1,
    beta2,
    decay,
    decayed,
    epsilon,
    g,
    p,
    rate,
    register,
    t,
)

m, v, v_max = symbols("m v v_max")

MEAN = Equation("m", beta1 * m + (1 - beta1) * g, "←")
MEAN_SQUARE = Equation("v", beta2 * v + (1 - beta2) * g**2, "←")
M_HAT, V_HAT = m / (1 - beta1**t), v / (1 - beta2**t)
CORRECTED = {"m_hat": M_HAT, "v_hat": V_HAT}
CORRECTED_BY_LARGEST = CORRECTED | {"v_hat": V_HAT.replaced({"v": v_max})}
CORRECTED_AHEAD = CORRECTED | {"m_hat": m / (1 - beta1 ** (t + 1))}
STEP = rate * M_HAT / (apply("sqrt", V_HAT) + epsilon)


@kernel(MEAN, MEAN_SQUARE, Equation("p", p - STEP, "←"))
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


@kernel(
    MEAN,
    MEAN_SQUARE,
    Equation(
        "p",
        p
        - rate * (apply("sqrt", 1 - beta2**t) / (1 - beta1**t)) * m / (apply("sqrt", v) + epsilon),
        "←",
    ),
)
def adam_hat(
    p: Range, g: Range, m: Range, v: Range, learning_rate: Scalar, beta1: Scalar, beta2: Scalar,
    epsilon: Scalar, context: Context,
) -> None:  # fmt: skip
    b1, c1, b2, c2 = real(beta1), real(1 - beta1), real(beta2), real(1 - beta2)
    t = float(context.step)
    unbias = math.sqrt(1 - math.pow(beta2, t)) / (1 - math.pow(beta1, t))
    step, floor = real(learning_rate * context.rate_factor * unbias), real(epsilon)
    for i in range(p.size):
        m[i] = b1 * m[i] + c1 * g[i]
        v[i] = b2 * v[i] + c2 * (g[i] * g[i])
        p[i] -= step * m[i] / (sqrt(v[i]) + floor)


@kernel(
    MEAN,
    MEAN_SQUARE,
    Equation("v_max", apply("maximum", v_max, v), "←"),
    Equation("p", p - STEP.replaced({"v": v_max}), "←"),
)
def amsgrad(
    p: Range, g: Range, m: Range, v: Range, v_max: Range, learning_rate: Scalar, beta1: Scalar,
    beta2: Scalar, epsilon: Scalar, context: Context,
) -> None:  # fmt: skip
    b1, c1, b2, c2 = real(beta1), real(1 - beta1), real(beta2), real(1 - beta2)
    t = float(context.step)
    step = real(learning_rate * context.rate_factor / (1 - math.pow(beta1, t)))
    unbias = real(1 / (1 - math.pow(beta2, t)))
    floor = real(epsilon)
    for i in range(p.size):
        m[i] = b1 * m[i] + c1 * g[i]
        v[i] = b2 * v[i] + c2 * (g[i] * g[i])
        top = v[i] if v[i] > v_max[i] else v_max[i]
        v_max[i] = v[i] if v[i] != v[i] else top  # NaN stays, whichever of the two it is
        p[i] -= step * m[i] / (sqrt(v_max[i] * unbias) + floor)


@kernel(MEAN, MEAN_SQUARE, Equation("p", p - rate * decay * decayed * p - STEP, "←"))
def adamw(
    p: Range, g: Range, m: Range, v: Range, learning_rate: Scalar, beta1: Scalar, beta2: Scalar,
    epsilon: Scalar, weight_decay: Scalar, context: Context,
) -> None:  # fmt: skip
    b1, c1, b2, c2 = real(beta1), real(1 - beta1), real(beta2), real(1 - beta2)
    t = float(context.step)
    eta = learning_rate * context.rate_factor
    step = real(eta / (1 - math.pow(beta1, t)))
    unbias = real(1 / (1 - math.pow(beta2, t)))
    floor = real(epsilon)
    # Not 1 − ηλ as a factor: beside the 1, float32 keeps but two digits of so small a number.
    shrink = real(eta * weight_decay * context.decay)
    for i in range(p.size):
        m[i] = b1 * m[i] + c1 * g[i]
        v[i] = b2 * v[i] + c2 * (g[i] * g[i])
        p[i] -= shrink * p[i] + step * m[i] / (sqrt(v[i] * unbias) + floor)


@kernel(
    MEAN,
    MEAN_SQUARE,
    Equation(
        "p",
        p
        - rate * (beta1 * m / (1 - beta1 ** (t + 1)) + (1 - beta1) * g / (1 - beta1**t))
        / (apply("sqrt", V_HAT) + epsilon),
        "←",
    ),
)  # fmt: skip
def nadam(
    p: Range, g: Range, m: Range, v: Range, learning_rate: Scalar, beta1: Scalar, beta2: Scalar,
    epsilon: Scalar, context: Context,
) -> None:  # fmt: skip
    b1, c1, b2, c2 = real(beta1), real(1 - beta1), real(beta2), real(1 - beta2)
    t = float(context.step)
    eta = learning_rate * context.rate_factor
    ahead = real(eta * beta1 / (1 - math.pow(beta1, t + 1)))
    now = real(eta * (1 - beta1) / (1 - math.pow(beta1, t)))
    unbias = real(1 / (1 - math.pow(beta2, t)))
    floor = real(epsilon)
    for i in range(p.size):
        m[i] = b1 * m[i] + c1 * g[i]
        v[i] = b2 * v[i] + c2 * (g[i] * g[i])
        p[i] -= (ahead * m[i] + now * g[i]) / (sqrt(v[i] * unbias) + floor)


@register
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
    corrections: ClassVar[Mapping[str, Expression]] = CORRECTED
    source: ClassVar[str] = "Kingma, Ba, 2015, algorithm 1"


@register
@dataclass(frozen=True)
class AdamHat(Optimizer):
    """Adam with ε added before the correction of the bias, as scikit-learn computes it.

    m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,
    p ← p − η √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε)

    The paper calls this ε "ε̂" (epsilon hat). It weighs more than that of :class:`Adam` in the
    first steps: by 1 / √(1 − β₂ᵗ), 32 times in the very first.

    Args:
        learning_rate: η > 0.
        beta1: decay of the mean, in [0, 1).
        beta2: decay of the mean square, in [0, 1).
        epsilon: ε̂, added before the correction of the bias, > 0.

    Raises:
        ValueError: for a value outside its range.

    Source: Kingma, Ba, "Adam: A Method for Stochastic Optimization", 2015, the end of section 2.

    >>> AdamHat(1e-3).beta2
    0.999
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    name: ClassVar[str] = "adam_epsilon_hat"
    kernel: ClassVar[Kernel] = adam_hat
    states: ClassVar[tuple[str, ...]] = ("m", "v")
    source: ClassVar[str] = "Kingma, Ba, 2015, section 2"


@register
@dataclass(frozen=True)
class AMSGrad(Optimizer):
    """AMSGrad: Adam over the largest mean square so far, so that no rate ever grows again.

    m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  v_max ← max(v_max, v),
    p ← p − η (m / (1 − β₁ᵗ)) / (√(v_max / (1 − β₂ᵗ)) + ε)

    The paper corrects no bias; PyTorch corrects as here, the largest v by the present 1 − β₂ᵗ.

    Args:
        learning_rate: η > 0.
        beta1: decay of the mean, in [0, 1).
        beta2: decay of the mean square, in [0, 1).
        epsilon: added after the correction of the bias, > 0.

    Raises:
        ValueError: for a value outside its range.

    Source: Reddi, Kale, Kumar, "On the Convergence of Adam and Beyond", 2018, algorithm 2.

    >>> AMSGrad(1e-3).states
    ('m', 'v', 'v_max')
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    name: ClassVar[str] = "amsgrad"
    kernel: ClassVar[Kernel] = amsgrad
    states: ClassVar[tuple[str, ...]] = ("m", "v", "v_max")
    corrections: ClassVar[Mapping[str, Expression]] = CORRECTED_BY_LARGEST
    source: ClassVar[str] = "Reddi, Kale, Kumar, 2018, algorithm 2"


@register
@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam with decoupled weight decay: the weights shrink by η λ, whatever the gradients are.

    m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,
    p ← p − η λ p − η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)

    An L2 term in the loss is part of g, and Adam divides it by √v: parameters with large
    gradients decay less. Here all weights decay alike; biases do not.

    Args:
        learning_rate: η > 0.
        beta1: decay of the mean, in [0, 1).
        beta2: decay of the mean square, in [0, 1).
        epsilon: added after the correction of the bias, > 0.
        weight_decay: λ ≥ 0.

    Raises:
        ValueError: for a value outside its range.

    Source: Loshchilov, Hutter, "Decoupled Weight Decay Regularization", 2019, algorithm 2.

    >>> AdamW(1e-3).weight_decay
    0.01
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.01
    name: ClassVar[str] = "adamw"
    kernel: ClassVar[Kernel] = adamw
    states: ClassVar[tuple[str, ...]] = ("m", "v")
    corrections: ClassVar[Mapping[str, Expression]] = CORRECTED
    decays: ClassVar[bool] = True
    source: ClassVar[str] = "Loshchilov, Hutter, 2019, algorithm 2"


@register
@dataclass(frozen=True)
class NAdam(Optimizer):
    """Adam with Nesterov's momentum: the mean as it would be after this gradient once more.

    m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,
    p ← p − η (β₁ m / (1 − β₁ᵗ⁺¹) + (1 − β₁) g / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)

    With one β₁ for all steps, as Optax has it; PyTorch lets β₁ grow by a schedule.

    Args:
        learning_rate: η > 0.
        beta1: decay of the mean, in [0, 1).
        beta2: decay of the mean square, in [0, 1).
        epsilon: added after the correction of the bias, > 0.

    Raises:
        ValueError: for a value outside its range.

    Source: Dozat, "Incorporating Nesterov Momentum into Adam", 2016.

    >>> NAdam(1e-3).beta2
    0.999
    """

    learning_rate: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    name: ClassVar[str] = "nadam"
    kernel: ClassVar[Kernel] = nadam
    states: ClassVar[tuple[str, ...]] = ("m", "v")
    corrections: ClassVar[Mapping[str, Expression]] = CORRECTED_AHEAD
    source: ClassVar[str] = "Dozat, 2016"
