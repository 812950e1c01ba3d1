"""Losses: each entry holds the loss of an example and its gradient, and what it may be applied to.

The loss of a batch is the mean over its examples (``rss``: the sum) of a loss that is itself
summed over the outputs; ``delta`` and ``da`` are per example, and the division by the number of
examples happens once, where the gradient is reduced.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from chainrule.activations import Activation
from chainrule.engine.elementary import exp, log, log1p, log1p_exp
from chainrule.engine.kernel import (
    Context,
    Flat,
    Integers,
    Kernel,
    Matrix,
    Vector,
    device,
    kernel,
    real,
)
from chainrule.equations import Equation, Expression, apply, symbols
from chainrule.registry import Registry

a, y, z, da = symbols("a y z da")


def total(x: Expression) -> Expression:
    """Σ over the outputs of an example."""
    return apply("sum_outputs", x)


def ln(x: Expression) -> Expression:
    return apply("log", x)


@dataclass(frozen=True)
class Form:
    """The two kernels of a loss for one kind of target.

    Attributes:
        value: writes ``loss``, one for each example, from ``a`` (or ``z``) and ``y``.
        gradient: writes ``da`` (or ``delta``) from ``a`` and ``y``.
    """

    value: Kernel
    gradient: Kernel


@dataclass(frozen=True, eq=False)
class Loss:
    """A loss function.

    Attributes:
        name: under which the registry finds it.
        forms: by kind of target: ``values`` (reals, one for each output) or ``labels`` (integers).
        domain: the interval that predictions must lie in.
        advice: what to use when they do not.
        natural: by activation name, the forms that take ``z`` and write ``delta = a − y``
            directly, without the division that the two factors of the chain rule cancel.
        mean: whether a batch's loss is the mean over its examples, or their sum.
        targets: the interval that targets must lie in.
        distribution: whether the targets of an example must sum to one.
        source: where it is from.
    """

    name: str
    forms: Mapping[str, Form]
    domain: tuple[float, float] = (-math.inf, math.inf)
    advice: str = ""
    natural: Mapping[str, Mapping[str, Form]] = field(default_factory=dict)
    mean: bool = True
    targets: tuple[float, float] = (-math.inf, math.inf)
    distribution: bool = False
    source: str = ""
    aliases: tuple[str, ...] = ()

    def check_domain(self, outputs: "tuple[Activation, ...]") -> None:
        """Refuse outputs that can leave the domain.

        Raises:
            ValueError: naming the activation and what to use instead.
        """
        for activation in outputs:
            low, high = activation.range
            if low < self.domain[0] or high > self.domain[1]:
                raise ValueError(
                    f"the loss {self.name!r} needs predictions between {self.domain[0]:g} and "
                    f"{self.domain[1]:g}, which {str(activation)!r} outputs are not: {self.advice}"
                )

    def form(self, outputs: "tuple[Activation, ...]", kind: str) -> tuple[Form, bool]:
        """The kernels for these output activations and kind of target, and whether they take z."""
        name = outputs[0].name
        if name in self.natural and all(o == outputs[0] for o in outputs):
            return self.natural[name][kind], True
        return self.forms[kind], False


@kernel(Equation("loss", total((y - a) ** 2)))
def rss_value(loss: Vector, a: Matrix, y: Matrix, context: Context) -> None:
    for i in range(loss.size):
        s = real(0)
        for k in range(a.shape[1]):
            s += (y[i, k] - a[i, k]) * (y[i, k] - a[i, k])
        loss[i] = s


@kernel(Equation("da", 2 * (a - y)))
def rss_gradient(da: Flat, a: Flat, y: Flat, context: Context) -> None:
    for i in range(a.size):
        da[i] = real(2) * (a[i] - y[i])


@kernel(Equation("loss", 0.5 * total((a - y) ** 2)))
def mse_value(loss: Vector, a: Matrix, y: Matrix, context: Context) -> None:
    for i in range(loss.size):
        s = real(0)
        for k in range(a.shape[1]):
            s += (a[i, k] - y[i, k]) * (a[i, k] - y[i, k])
        loss[i] = real(0.5) * s


@kernel(Equation("da", a - y))
def difference(da: Flat, a: Flat, y: Flat, context: Context) -> None:
    for i in range(a.size):
        da[i] = a[i] - y[i]


@kernel(Equation("loss", -total(y * ln(a) + (1 - y) * ln(1 - a))))
def bce_value(loss: Vector, a: Matrix, y: Matrix, context: Context) -> None:
    """Where y is 0 or 1 the other term is 0, also at a = y, where its logarithm is infinite."""
    for i in range(loss.size):
        s = real(0)
        for k in range(a.shape[1]):
            t = y[i, k]
            s -= real(0) if t == real(0) else t * log(a[i, k])
            s -= real(0) if t == real(1) else (real(1) - t) * log1p(-a[i, k])
        loss[i] = s


@kernel(Equation("da", (a - y) / (a * (1 - a))))
def bce_gradient(da: Flat, a: Flat, y: Flat, context: Context) -> None:
    for i in range(a.size):
        da[i] = (a[i] - y[i]) / (a[i] * (real(1) - a[i]))


@device()
def bce_of(z: float, y: float) -> float:
    """max(0, z) − z y + ln(1 + e**−|z|)."""
    size = -z if z < real(0) else z
    positive = real(0) if z < real(0) else z
    return positive - z * y + log1p_exp(-size)


@device()
def bce_of_each(loss: Vector, z: Vector, y: Vector) -> None:
    """The loss of examples with one output."""
    for i in range(loss.size):
        loss[i] = bce_of(z[i], y[i])


@kernel(
    Equation(
        "loss",
        total(apply("maximum", 0, z) - z * y + apply("log1p", apply("exp", -apply("absolute", z)))),
    )
)
def bce_value_from_z(loss: Vector, z: Matrix, y: Matrix, context: Context) -> None:
    """−y ln σ(z) − (1 − y) ln(1 − σ(z)), written so that neither logarithm meets 0."""
    if z.shape[1] == 1:
        bce_of_each(loss, z.reshape(-1), y.reshape(-1))
    else:
        for i in range(loss.size):
            s = real(0)
            for k in range(z.shape[1]):
                s += bce_of(z[i, k], y[i, k])
            loss[i] = s


@kernel(Equation("delta", a - y))
def delta_values(delta: Flat, a: Flat, y: Flat, context: Context) -> None:
    """σ′ cancels against the denominator of ∂ℓ/∂a; likewise softmax's Jacobian."""
    for i in range(a.size):
        delta[i] = a[i] - y[i]


@kernel(Equation("loss", -total(y * ln(a))))
def ce_value(loss: Vector, a: Matrix, y: Matrix, context: Context) -> None:
    for i in range(loss.size):
        s = real(0)
        for k in range(a.shape[1]):
            s -= real(0) if y[i, k] == real(0) else y[i, k] * log(a[i, k])
        loss[i] = s


@kernel(Equation("da", -(y / a)))
def ce_gradient(da: Flat, a: Flat, y: Flat, context: Context) -> None:
    for i in range(a.size):
        da[i] = -y[i] / a[i]


@kernel(Equation("loss", -ln(apply("pick", a, y))))
def ce_value_labels(loss: Vector, a: Matrix, y: Integers, context: Context) -> None:
    for i in range(loss.size):
        loss[i] = -log(a[i, y[i]])


@kernel(Equation("da", -(apply("onehot", y, a) / a)))
def ce_gradient_labels(da: Matrix, a: Matrix, y: Integers, context: Context) -> None:
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            da[i, k] = real(0)
        da[i, y[i]] = real(-1) / a[i, y[i]]


@device(fastmath={"reassoc"})
def sum_exp(z: Vector, top: float) -> float:
    """Σₖ e**(zₖ − top)."""
    s = real(0)
    for k in range(z.size):
        s += exp(z[k] - top)
    return s


@kernel(Equation("loss", apply("logsumexp", z) - total(y * z)))
def ce_value_from_z(loss: Vector, z: Matrix, y: Matrix, context: Context) -> None:
    """−Σ y ln softmax(z), for targets that sum to one."""
    for i in range(loss.size):
        top = z[i, 0]
        for k in range(1, z.shape[1]):
            top = z[i, k] if z[i, k] > top else top
        t = real(0)
        for k in range(z.shape[1]):
            t += y[i, k] * (z[i, k] - top)
        loss[i] = log(sum_exp(z[i], top)) - t


@kernel(Equation("loss", apply("logsumexp", z) - apply("pick", z, y)))
def ce_value_labels_from_z(loss: Vector, z: Matrix, y: Integers, context: Context) -> None:
    """−ln softmax(z)[y]."""
    for i in range(loss.size):
        top = z[i, 0]
        for k in range(1, z.shape[1]):
            top = z[i, k] if z[i, k] > top else top
        loss[i] = log(sum_exp(z[i], top)) - (z[i, y[i]] - top)


@kernel(Equation("delta", a - apply("onehot", y, a)))
def delta_labels(delta: Matrix, a: Matrix, y: Integers, context: Context) -> None:
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            delta[i, k] = a[i, k]
        delta[i, y[i]] -= real(1)


losses: Registry[Loss] = Registry("loss")

rss = losses.register(
    Loss(
        "rss", {"values": Form(rss_value, rss_gradient)}, mean=False,
        source="000, 'Real-valued output': Σ (y − ŷ)² over examples and outputs; 002",
    )
)  # fmt: skip

mse = losses.register(
    Loss(
        "mse", {"values": Form(mse_value, difference)}, aliases=("mean_squared_error",),
        source="000, 'Real-valued output': 1/(2N) Σ (y − ŷ)²; 001, 'Loss Function'",
    )
)  # fmt: skip

binary_cross_entropy = losses.register(
    Loss(
        "binary_cross_entropy", {"values": Form(bce_value, bce_gradient)}, domain=(0, 1),
        advice="use 'logistic' for the last layer",
        natural={"logistic": {"values": Form(bce_value_from_z, delta_values)}}, targets=(0, 1),
        source="000, 'Binary output'; 001, 'Loss Function'",
    )
)  # fmt: skip

cross_entropy = losses.register(
    Loss(
        "cross_entropy",
        {
            "values": Form(ce_value, ce_gradient),
            "labels": Form(ce_value_labels, ce_gradient_labels),
        },
        domain=(0, 1),
        advice="use 'softmax' for the last layer",
        natural={
            "softmax": {
                "values": Form(ce_value_from_z, delta_values),
                "labels": Form(ce_value_labels_from_z, delta_labels),
            }
        },
        targets=(0, 1), distribution=True, aliases=("categorical_cross_entropy",),
        source="000, 'Multinomial output'; 001, 'Loss Function'",
    )
)  # fmt: skip
