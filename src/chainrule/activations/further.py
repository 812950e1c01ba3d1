"""Further activation functions: self-normalising, smooth, piecewise linear and positive ones."""

import math

from chainrule.activations.catalogue import HUGE, INFINITY, clipped, sigma, where
from chainrule.activations.entry import Activation, activations, exp_
from chainrule.engine.elementary import exp, expm1, logistic
from chainrule.engine.kernel import device, real
from chainrule.equations import Expression, apply, symbols

z, a = symbols("z a")

# The fixed point at mean 0 and variance 1, to the digits of the paper's own code.
SELU_SCALE = 1.0507009873554805
SELU_ALPHA = 1.6732632423543772
SELU_FLOOR = SELU_SCALE * SELU_ALPHA

ROOT = math.sqrt(2 / math.pi)
CUBIC = 0.044715
STEEP = 100.0  # from here on the cubic argument of tanh has long rounded its derivative to 0
FLAT = 40.0  # from here on tanh(softplus(z)) is 1 in both dtypes, and e**2z no overflow yet


def softplus(x: Expression) -> Expression:
    return apply("maximum", 0, x) + apply("log1p", exp_(-apply("absolute", x)))


def between(low: float, high: float) -> Expression:
    """1 where low < z < high, else 0."""
    return where(z > low, where(apply("at_least", z, high), 0, 1), 0)


@device()
def selu_value(z: float, k: float) -> float:
    below = real(SELU_FLOOR) * expm1(real(0) if z > real(0) else z)
    return real(SELU_SCALE) * z if z > real(0) else below


@device()
def selu_pullback(da: float, z: float, a: float, k: float) -> float:
    return real(SELU_SCALE) * da if z > real(0) else da * (a + real(SELU_FLOOR))


@device()
def mish_ratio(z: float) -> float:
    """n of tanh(ln(1 + e**z)) = n / (n + 2), which is (1 + e**z)**2 - 1."""
    w = exp(real(FLAT) if z > real(FLAT) else z)
    return w * (w + real(2))


@device()
def mish_value(z: float, k: float) -> float:
    x = real(-HUGE) if z < real(-HUGE) else z
    n = mish_ratio(x)
    return x * (n / (n + real(2)))


@device()
def mish_pullback(da: float, z: float, a: float, k: float) -> float:
    """1 - tanh**2 is written as 4 (n + 1) / (n + 2)**2, where nothing cancels."""
    x = clipped(z, real(1e3))
    n = mish_ratio(x)
    t = n / (n + real(2))
    rest = (real(4) / (n + real(2))) * ((n + real(1)) / (n + real(2)))
    return da * (t + x * rest * logistic(x))


@device()
def gelu_tanh_argument(z: float) -> float:
    """2u of ½ (1 + tanh u) = σ(2u), which keeps its digits where tanh is near −1."""
    return real(2 * ROOT) * (z + real(CUBIC) * z * z * z)


@device()
def gelu_tanh_value(z: float, k: float) -> float:
    x = real(-HUGE) if z < real(-HUGE) else z
    return x * logistic(gelu_tanh_argument(x))


@device()
def gelu_tanh_pullback(da: float, z: float, a: float, k: float) -> float:
    x = clipped(z, real(STEEP))
    s = logistic(gelu_tanh_argument(x))
    slope = real(2 * ROOT) * (real(1) + real(3 * CUBIC) * x * x)
    return da * (s + x * (s * (real(1) - s)) * slope)


@device()
def relu6_value(z: float, k: float) -> float:
    above = real(0) if z < real(0) else z
    return real(6) if above > real(6) else above


@device()
def relu6_pullback(da: float, z: float, a: float, k: float) -> float:
    below = real(0) if z >= real(6) else da
    return real(0) if z <= real(0) else below


@device()
def hard_sigmoid_value(z: float, k: float) -> float:
    return relu6_value(z + real(3), k) / real(6)


@device()
def hard_sigmoid_pullback(da: float, z: float, a: float, k: float) -> float:
    below = real(0) if z >= real(3) else da / real(6)
    return real(0) if z <= real(-3) else below


@device()
def softsign_value(z: float, k: float) -> float:
    x = clipped(z, real(HUGE))
    size = -x if x < real(0) else x
    return x / (real(1) + size)


@device()
def softsign_pullback(da: float, z: float, a: float, k: float) -> float:
    size = -z if z < real(0) else z
    root = real(1) / (real(1) + size)
    return da * (root * root)


@device()
def exponential_value(z: float, k: float) -> float:
    return exp(z)


@device()
def exponential_pullback(da: float, z: float, a: float, k: float) -> float:
    return da * a


activations.register(
    Activation(
        "selu",
        where(z > 0, SELU_SCALE * z, SELU_FLOOR * apply("expm1", apply("minimum", 0, z))),
        where(z > 0, SELU_SCALE, a + SELU_FLOOR), selu_value, selu_pullback,
        range=(-SELU_FLOOR, INFINITY), limits=(-SELU_FLOOR, INFINITY),
        kinks={0.0: SELU_FLOOR}, initializer="lecun_normal",
        use="For deep stacks of dense layers without normalisation: with `lecun_normal` weights "
        "and standardised inputs the outputs keep mean 0 and variance 1 from layer to layer. "
        "With other weights, or with plain dropout in place of alpha dropout, that is lost.",
        source="Klambauer, Unterthiner, Mayr, Hochreiter, 'Self-Normalizing Neural Networks', "
        "2017: λ z, and λ α (e^z − 1) below 0; f′(0) = λ α, that from the left",
    )
)  # fmt: skip

activations.register(
    Activation(
        "mish", z * apply("tanh", softplus(z)),
        apply("tanh", softplus(z)) + z * (1 - apply("tanh", softplus(z)) ** 2) * sigma(z),
        mish_value, mish_pullback, range=(-0.309, INFINITY), limits=(0, INFINITY),
        initializer="he_uniform",
        use="z times tanh of softplus: a smooth relative of ReLU, close to SiLU in shape and in "
        "what it is used for. Costlier than ReLU.",
        source="Misra, 'Mish: A Self Regularized Non-Monotonic Activation Function', 2020",
    )
)  # fmt: skip

activations.register(
    Activation(
        "gelu_tanh", z * sigma(2 * ROOT * (z + CUBIC * z**3)),
        sigma(2 * ROOT * (z + CUBIC * z**3))
        + z * sigma(2 * ROOT * (z + CUBIC * z**3))
        * (1 - sigma(2 * ROOT * (z + CUBIC * z**3)))
        * (2 * ROOT * (1 + 3 * CUBIC * z**2)),
        gelu_tanh_value, gelu_tanh_pullback, range=(-0.171, INFINITY), limits=(0, INFINITY),
        initializer="he_uniform",
        use="GELU by tanh, within 0.001 of the exact one: for weights that were trained with this "
        "form. Anew, `gelu` does the same without the approximation.",
        source="Hendrycks, Gimpel, 'Gaussian Error Linear Units', 2016, section 2: "
        "½ z (1 + tanh u) with u = √(2/π) (z + 0.044715 z³), and ½ (1 + tanh u) = σ(2u)",
    )
)  # fmt: skip

activations.register(
    Activation(
        "relu6", apply("minimum", 6, apply("maximum", 0, z)), between(0, 6), relu6_value,
        relu6_pullback, range=(0, 6), limits=(0, 6), kinks={0.0: 0.0, 6.0: 0.0},
        initializer="he_uniform",
        use="ReLU that stops at 6, for networks whose numbers will later be stored in few bits. No "
        "gradient passes on either flat side.",
        source="Krizhevsky, 'Convolutional Deep Belief Networks on CIFAR-10', 2010; "
        "f′(0) = f′(6) = 0",
    )
)  # fmt: skip

activations.register(
    Activation(
        "hard_sigmoid", apply("minimum", 6, apply("maximum", 0, z + 3)) / 6,
        between(-3, 3) / 6, hard_sigmoid_value, hard_sigmoid_pullback, range=(0, 1),
        limits=(0, 1), kinks={-3.0: 0.0, 3.0: 0.0},
        use="The logistic function in three straight lines: for gates and probabilities where exp "
        "costs too much. It reaches 0 and 1, where a unit gets no gradient and a cross-entropy "
        "no logarithm.",
        source="Howard and others, 'Searching for MobileNetV3', 2019: relu6(z + 3) / 6, as "
        "PyTorch has it, not the older 0.2 z + ½; f′(−3) = f′(3) = 0",
    )
)  # fmt: skip

activations.register(
    Activation(
        "softsign", z / (1 + apply("absolute", z)), 1 / (1 + apply("absolute", z)) ** 2,
        softsign_value, softsign_pullback, range=(-1, 1), open=(True, True), limits=(-1, 1),
        use="Shaped like tanh, but it nears its ends by a power of z and not exponentially, so "
        "saturated units get a little more gradient. That also makes it slow to come close to "
        "−1 and 1.",
        source="Bergstra, Desjardins, Lamblin, Bengio, 'Quadratic Polynomials Learn Better Image "
        "Features', 2009",
    )
)  # fmt: skip

activations.register(
    Activation(
        "exponential", exp_(z), a, exponential_value, exponential_pullback, range=(0, INFINITY),
        open=(True, False), limits=(0, INFINITY),
        use="The output for rates and other positive quantities that factors act on, with the "
        "Poisson and gamma losses. Not for hidden layers: it grows without bound, and one "
        "large z drowns the rest.",
        source="Nelder, Wedderburn, 'Generalized Linear Models', 1972: the inverse of the "
        "logarithmic link, for rates",
    )
)  # fmt: skip
