"""The activation functions that come with the package.

``sources``: 000 and 001 are the lecture texts that the project implements.
"""

import math

from chainrule.activations.entry import (
    Activation,
    activations,
    exp_,
    max_row,
    softmax_backward,
    softmax_forward,
    sum_row,
)
from chainrule.engine.elementary import erfc, expm1, log1p_exp, logistic, tanh
from chainrule.engine.kernel import device, real
from chainrule.equations import Expression, apply, symbols

z, a, k, da = symbols("z a k da")
INFINITY = math.inf
SQRT_HALF = math.sqrt(0.5)
DENSITY = 1 / math.sqrt(2 * math.pi)
HUGE = 1e30  # stands for infinity where infinity times 0 would be NaN


def where(condition: Expression, yes: object, no: object) -> Expression:
    return apply("where", condition, yes, no)


def sigma(x: Expression) -> Expression:
    return 1 / (1 + exp_(-x))


def kink_of_slope(k: float) -> dict[float, float]:
    """The kink at 0 between the slopes k and 1, with the left one taken there."""
    return {0.0: k} if k != 1 else {}


@device()
def clipped(z: float, bound: float) -> float:
    """z between −bound and bound; NaN stays."""
    z = -bound if z < -bound else z
    return bound if z > bound else z


@device()
def linear_value(z: float, k: float) -> float:
    return k * z


@device()
def linear_pullback(da: float, z: float, a: float, k: float) -> float:
    return k * da


@device()
def threshold_value(z: float, k: float) -> float:
    step = real(1) if z >= k else real(0)
    return z if z != z else step


@device()
def logistic_value(z: float, k: float) -> float:
    return logistic(z)


@device()
def logistic_pullback(da: float, z: float, a: float, k: float) -> float:
    return da * (a * (real(1) - a))


@device()
def tanh_value(z: float, k: float) -> float:
    return tanh(z)


@device()
def tanh_pullback(da: float, z: float, a: float, k: float) -> float:
    return da * (real(1) - a * a)


@device()
def relu_value(z: float, k: float) -> float:
    return real(0) if z < real(0) else z


@device()
def relu_pullback(da: float, z: float, a: float, k: float) -> float:
    return real(0) if z <= real(0) else da


@device()
def leaky_relu_value(z: float, k: float) -> float:
    return k * z if z < real(0) else z


@device()
def leaky_relu_pullback(da: float, z: float, a: float, k: float) -> float:
    return k * da if z <= real(0) else da


@device()
def elu_value(z: float, k: float) -> float:
    below = k * expm1(real(0) if z > real(0) else z)
    return z if z > real(0) else below


@device()
def elu_pullback(da: float, z: float, a: float, k: float) -> float:
    return da if z > real(0) else da * (a + k)


@device()
def gelu_value(z: float, k: float) -> float:
    x = float(-HUGE if z < -HUGE else z)
    return real(0.5 * x * erfc(-SQRT_HALF * x))


@device()
def gelu_pullback(da: float, z: float, a: float, k: float) -> float:
    x = float(clipped(z, real(1e4)))
    return da * real(0.5 * erfc(-SQRT_HALF * x) + x * DENSITY * math.exp(-0.5 * x * x))


@device()
def silu_value(z: float, k: float) -> float:
    x = real(-HUGE) if z < real(-HUGE) else z
    return x * logistic(x)


@device()
def silu_pullback(da: float, z: float, a: float, k: float) -> float:
    x = clipped(z, real(HUGE))
    s = logistic(x)
    return da * (s * (real(1) + x * (real(1) - s)))


@device()
def softplus_value(z: float, k: float) -> float:
    size = -z if z < real(0) else z
    positive = real(0) if z < real(0) else z
    return positive + log1p_exp(-size)


@device()
def softplus_pullback(da: float, z: float, a: float, k: float) -> float:
    return da * logistic(z)


activations.register(
    Activation(
        "linear", k * z, k, linear_value, linear_pullback, k=1.0, aliases=("identity",),
        use="For real-valued outputs, which it leaves as they are. Between layers it adds nothing: "
        "linear layers in a row are one linear layer.",
        source="000, 'Activation functions'",
        with_k=lambda k: {"limits": (k * -INFINITY, k * INFINITY)},
    )
)  # fmt: skip

activations.register(
    Activation(
        "threshold", where(apply("at_least", z, k), 1, 0), 0 * z, threshold_value, None, k=0.5,
        range=(0, 1), limits=(0, 1), kinks={0.5: math.nan}, aliases=("step",),
        use="Turns a score into a decision between the classes 0 and 1; k = ½ decides by a "
        "probability. Its derivative is 0 wherever it has one, so nothing can be learnt "
        "through it: it predicts and is refused in training.",
        source="000, 'Activation functions': class 1 where the argument is at least k",
        with_k=lambda k: {"kinks": {k: math.nan}},
    )
)  # fmt: skip

activations.register(
    Activation(
        "logistic", sigma(z), a * (1 - a), logistic_value, logistic_pullback,
        range=(0, 1), open=(True, True), limits=(0, 1), aliases=("sigmoid",),
        use="The output for yes or no, read as the probability of class 1, and for labels of which "
        "an example may have several. In hidden layers its gradients vanish: the derivative "
        "is ¼ at most and fades on both sides.",
        source="000 and 001, 'Activation functions'; 002",
    )
)  # fmt: skip

activations.register(
    Activation(
        "tanh", apply("tanh", z), 1 - a**2, tanh_value, tanh_pullback,
        range=(-1, 1), open=(True, True), limits=(-1, 1),
        use="A logistic function stretched and moved, tanh(z) = 2 σ(2z) − 1: for hidden layers of "
        "shallow networks, where outputs around 0 help, and for scores between two classes. "
        "Its outputs below 0 are no probabilities, so cross-entropies refuse them, and it "
        "saturates as the logistic does.",
        source="000 and 001, 'Activation functions'",
    )
)  # fmt: skip

activations.register(
    Activation(
        "relu", apply("maximum", 0, z), where(z > 0, 1, 0), relu_value, relu_pullback,
        range=(0, INFINITY), limits=(0, INFINITY), kinks={0.0: 0.0}, initializer="he_uniform",
        use="The first choice for hidden layers, deep ones above all: cheap, and its slope of 1 "
        "does not shrink gradients on their way back. A unit whose sums are negative for every "
        "example gets no gradient any more and stays dead.",
        source="000 and 001, 'Activation functions'; f′(0) = 0 as in 001",
    )
)  # fmt: skip

activations.register(
    Activation(
        "softmax", exp_(z - max_row(z)) / sum_row(exp_(z - max_row(z))),
        apply("hadamard", a, da - sum_row(a * da)), None, None, range=(0, 1),
        open=(True, True), limits=(0, math.nan), rowwise=(softmax_forward, softmax_backward),
        use="The output for one of several classes: K probabilities that sum to 1, each depending "
        "on every z of its row. Adding the same number to all z changes nothing, so the "
        "largest is taken off first and exp cannot overflow.",
        source="000, 'Softmax function'",
    )
)  # fmt: skip

activations.register(
    Activation(
        "leaky_relu", where(z > 0, z, k * z), where(z > 0, 1, k), leaky_relu_value,
        leaky_relu_pullback, k=0.01, limits=(-INFINITY, INFINITY), kinks={0.0: 0.01},
        initializer="he_uniform",
        use="ReLU with a small slope k below 0, so that no unit dies. Try it where many units of a "
        "ReLU network give 0 for all examples.",
        source="Maas, Hannun, Ng, 'Rectifier Nonlinearities Improve Neural Network Acoustic "
        "Models', 2013",
        with_k=lambda k: {"kinks": kink_of_slope(k), "limits": (k * -INFINITY, INFINITY)},
    )
)  # fmt: skip

activations.register(
    Activation(
        "elu", where(z > 0, z, k * apply("expm1", apply("minimum", 0, z))),
        where(z > 0, 1, a + k), elu_value, elu_pullback, k=1.0, range=(-1, INFINITY),
        limits=(-1, INFINITY), initializer="he_uniform",
        use="For hidden layers: as ReLU above 0, with a smooth approach to −k below it, which "
        "brings the mean of the outputs near 0. It costs an exponential, and far below 0 its "
        "gradients vanish.",
        source="Clevert, Unterthiner, Hochreiter, 'Fast and Accurate Deep Network Learning by "
        "Exponential Linear Units', 2016",
        with_k=lambda k: {
            "kinks": kink_of_slope(k), "range": (min(-k, 0.0), INFINITY), "limits": (-k, INFINITY)
        },
    )
)  # fmt: skip

activations.register(
    Activation(
        "gelu", 0.5 * z * apply("erfc", -SQRT_HALF * z),
        0.5 * apply("erfc", -SQRT_HALF * z) + DENSITY * z * exp_(-0.5 * z**2), gelu_value,
        gelu_pullback, range=(-0.17, INFINITY), limits=(0, INFINITY), initializer="he_uniform",
        use="z times the share of a standard normal distribution below z: a smooth relative of "
        "ReLU, usual in transformers. Costlier than ReLU, and not monotonic: it dips below 0 "
        "on the left.",
        source="Hendrycks, Gimpel, 'Gaussian Error Linear Units', 2016; z Φ(z) by erfc",
    )
)  # fmt: skip

activations.register(
    Activation(
        "silu", z * sigma(z), sigma(z) * (1 + z * (1 - sigma(z))), silu_value, silu_pullback,
        range=(-0.279, INFINITY), limits=(0, INFINITY), aliases=("swish",),
        initializer="he_uniform",
        use="z times its own logistic, a smooth relative of ReLU for deep networks and much like "
        "GELU at less cost. Not monotonic either.",
        source="Elfwing, Uchibe, Doya, 'Sigmoid-Weighted Linear Units', 2018",
    )
)  # fmt: skip

activations.register(
    Activation(
        "softplus", apply("maximum", 0, z) + apply("log1p", exp_(-apply("absolute", z))),
        sigma(z), softplus_value, softplus_pullback, range=(0, INFINITY), open=(True, False),
        limits=(0, INFINITY), initializer="he_uniform",
        use="ReLU without its corner. Use it for outputs that must be positive, such as rates and "
        "scales; in hidden layers ReLU is cheaper and seldom worse.",
        source="Dugas, Bengio, Bélisle, Nadeau, Garcia, 'Incorporating Second-Order Functional "
        "Knowledge for Better Option Pricing', 2001",
    )
)  # fmt: skip
