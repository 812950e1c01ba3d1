"""Further losses of classes: hinge and focal."""

import math

from chainrule.engine.elementary import exp, log, log1p, log1p_exp, logistic
from chainrule.engine.kernel import device, real
from chainrule.equations import apply, symbols
from chainrule.losses.entry import Loss, elementwise, ln, losses, natural

a, y, z, k = symbols("a y z k")


@device()
def hinge_margin(a: float, y: float) -> float:
    """What is missing of a margin of 1 on the right side."""
    return real(1) - (y + y - real(1)) * a


@device()
def hinge_value(a: float, y: float, k: float) -> float:
    missing = hinge_margin(a, y)
    return real(0) if missing < real(0) else missing


@device()
def hinge_slope(a: float, y: float, k: float) -> float:
    missing = hinge_margin(a, y)
    at_most = real(0) if missing <= real(0) else missing  # NaN stays
    return real(1) - (y + y) if missing > real(0) else at_most


@device()
def focal_value(a: float, y: float, k: float) -> float:
    """Where y is 0 or 1 the other term is 0, also where its logarithm is infinite."""
    b = real(1) - a
    yes = real(0) if y == real(0) else y * b**k * log(a)
    no = real(0) if y == real(1) else (real(1) - y) * a**k * log1p(-a)
    return -(yes + no)


@device()
def focal_slope(a: float, y: float, k: float) -> float:
    b = real(1) - a
    yes = b**k / a - k * b ** (k - real(1)) * log(a)
    no = a**k / b - k * a ** (k - real(1)) * log1p(-a)
    yes = real(0) if y == real(0) else y * yes
    no = real(0) if y == real(1) else (real(1) - y) * no
    return no - yes


@device()
def surprise(z: float) -> float:
    """ln(1 + e**z) = −ln σ(−z), without overflow."""
    size = -z if z < real(0) else z
    return (real(0) if z < real(0) else z) + log1p_exp(-size)


@device()
def focal_value_from_z(z: float, y: float, k: float) -> float:
    """With p = σ(z), p**k is e**(−k ln(1 + e**−z)): no power of a rounded 1 − p."""
    of_yes, of_no = surprise(-z), surprise(z)
    return y * exp(-k * of_no) * of_yes + (real(1) - y) * exp(-k * of_yes) * of_no


@device()
def focal_slope_from_z(z: float, y: float, k: float) -> float:
    of_yes, of_no = surprise(-z), surprise(z)
    p, q = logistic(z), logistic(-z)
    yes = exp(-k * of_no) * (k * p * of_yes + q)
    no = exp(-k * of_yes) * (k * q * of_no + p)
    return (real(1) - y) * no - y * yes


SIGN = 2 * y - 1
OF_YES, OF_NO = apply("softplus", -z), apply("softplus", z)
P, Q = apply("logistic", z), apply("logistic", -z)

hinge = losses.register(
    Loss(
        "hinge",
        {"values": elementwise(
            "hinge", apply("maximum", 0, 1 - SIGN * a),
            apply("where", 1 - SIGN * a > 0, -SIGN, 0), hinge_value, hinge_slope)},
        targets=(0, 1), predicts="scores",
        use="Two classes by a margin, as in support vector machines: examples on the right side "
        "and far enough cost nothing. Outputs are scores and no probabilities.",
        source="Cortes, Vapnik, 'Support-Vector Networks', 1995: Σ max(0, 1 − s ŷ) with s = 2y − 1 "
        "for targets 0 and 1; one-hot rows set each class against the rest; class 1 from ŷ = 0 "
        "on; the derivative at s ŷ = 1 is taken to be 0",
    )
)  # fmt: skip

focal = losses.register(
    Loss(
        "focal",
        {"values": elementwise(
            "focal",
            -(y * (1 - a) ** k * ln(a)) - (1 - y) * a**k * ln(1 - a),
            (1 - y) * (a**k / (1 - a) - k * a ** (k - 1) * ln(1 - a))
            - y * ((1 - a) ** k / a - k * (1 - a) ** (k - 1) * ln(a)),
            focal_value, focal_slope)},
        domain=(0, 1), open=(True, True), advice="use 'logistic' for the last layer",
        natural={
            "logistic": {
                "values": natural(
                    "focal",
                    y * apply("exp", -(k * OF_NO)) * OF_YES
                    + (1 - y) * apply("exp", -(k * OF_YES)) * OF_NO,
                    (1 - y) * apply("exp", -(k * OF_YES)) * (k * Q * OF_NO + P)
                    - y * apply("exp", -(k * OF_NO)) * (k * P * OF_YES + Q),
                    focal_value_from_z, focal_slope_from_z,
                )
            }
        },
        targets=(0, 1), smoothing=True, k=(2.0,), k_range=(0, math.inf),
        use="Binary cross-entropy for rare positives: what is already predicted well counts less, "
        "the more so the larger k. Its probabilities lean towards ½, so calibrate them if they "
        "are used as such.",
        source="Lin, Goyal, Girshick, He, Dollár, 'Focal Loss for Dense Object Detection', 2017, "
        "equation 4: binary cross-entropy with each term weighed by (1 − p)^k, p being the "
        "probability of what is the case; several outputs are labels of their own",
    )
)  # fmt: skip
