"""Losses that large errors pull less at, or unevenly: absolute, Huber, log cosh, quantiles."""

import math
from typing import Any

from chainrule.engine.elementary import log1p_exp, tanh
from chainrule.engine.kernel import Context, Matrix, Scalars, Vector, device, kernel, real
from chainrule.equations import Equation, apply, symbols
from chainrule.losses.entry import Form, Loss, elementwise, losses, total

a, y, k = symbols("a y k")
LOG_2 = math.log(2)

size = apply("absolute", a - y)
near = apply("minimum", size, k)


@device()
def absolute_value(a: float, y: float, k: float) -> float:
    d = a - y
    return -d if d < real(0) else d


@device()
def absolute_slope(a: float, y: float, k: float) -> float:
    """The sign of the error; 0 and NaN are their own."""
    d = a - y
    below = real(-1) if d < real(0) else d
    return real(1) if d > real(0) else below


@device()
def huber_value(a: float, y: float, k: float) -> float:
    d = absolute_value(a, y, k)
    part = k if d > k else d
    return part * (d - real(0.5) * part)


@device()
def huber_slope(a: float, y: float, k: float) -> float:
    d = a - y
    d = -k if d < -k else d
    return k if d > k else d


@device()
def log_cosh_value(a: float, y: float, k: float) -> float:
    d = absolute_value(a, y, k)
    return d + (log1p_exp(real(-2) * d) - real(LOG_2))


@device()
def log_cosh_slope(a: float, y: float, k: float) -> float:
    return tanh(a - y)


level = apply("spread", k, a)
error = a - apply("repeated", y, a)


@kernel(Equation("loss", total(apply("maximum", -(level * error), (1 - level) * error))))
def quantile_value(loss: Vector, a: Matrix, y: Matrix, k: Scalars, context: Context) -> None:
    """The outputs are the first level of every column of y, then the second of every one, ..."""
    columns = y.shape[1]
    for i in range(loss.size):
        s = real(0)
        for q in range(k.size):
            share = real(k[q])
            for c in range(columns):
                d = a[i, q * columns + c] - y[i, c]
                s += -share * d if d < real(0) else (real(1) - share) * d
        loss[i] = s


@kernel(
    Equation(
        "da",
        apply("where", error > 0, 1 - level, apply("where", -error > 0, -level, error)),
    )
)
def quantile_gradient(da: Matrix, a: Matrix, y: Matrix, k: Scalars, context: Context) -> None:
    columns = y.shape[1]
    for i in range(a.shape[0]):
        for q in range(k.size):
            share = real(k[q])
            for c in range(columns):
                d = a[i, q * columns + c] - y[i, c]
                below = -share if d < real(0) else d
                da[i, q * columns + c] = real(1) - share if d > real(0) else below


def of_levels(k: tuple[float, ...]) -> dict[str, Any]:
    """What the levels of a quantile loss say of its outputs."""
    return {"outputs_per_target": len(k), "predicts": "values" if len(k) == 1 else "quantiles"}


mean_absolute = losses.register(
    Loss(
        "mean_absolute",
        {"values": elementwise("mean_absolute", size, apply("sign", a - y), absolute_value,
                               absolute_slope)},
        aliases=("mae", "l1", "mean_absolute_error"),
        use="Real-valued targets with outliers: it aims at the median, and each error pulls with "
        "the same strength. That strength does not fade near the target, so the last steps "
        "need a falling rate.",
        source="Laplace, 'Mémoire sur la probabilité des causes par les évènements', 1774: "
        "Σ |ŷ − y|; the derivative at ŷ = y is taken to be 0",
    )
)  # fmt: skip

huber = losses.register(
    Loss(
        "huber",
        {"values": elementwise(
            "huber", near * (size - 0.5 * near),
            apply("maximum", -k, apply("minimum", k, a - y)), huber_value, huber_slope)},
        k=(1.0,), k_range=(0, math.inf),
        use="Squared error near the target and absolute error beyond k: smooth at the end of "
        "training, calm about outliers. k is in units of the target, so scale the targets or "
        "choose it.",
        source="Huber, 'Robust Estimation of a Location Parameter', 1964: ½ (ŷ − y)² up to "
        "|ŷ − y| = k, a line of slope k from there on",
    )
)  # fmt: skip

log_cosh = losses.register(
    Loss(
        "log_cosh",
        {"values": elementwise(
            "log_cosh", size + (apply("log1p", apply("exp", -2 * size)) - LOG_2),
            apply("tanh", a - y), log_cosh_value, log_cosh_slope)},
        use="Between the squared and the absolute error as Huber's is, but smooth everywhere and "
        "without a parameter. Where it turns from one to the other is fixed at errors of about "
        "1, so it wants scaled targets.",
        source="Green, 'Bayesian Reconstructions From Emission Tomography Data Using a Modified "
        "EM Algorithm', 1990: ln cosh(ŷ − y) as |x| + ln(1 + e^(−2|x|)) − ln 2",
    )
)  # fmt: skip

quantile = losses.register(
    Loss(
        "quantile", {"values": Form(quantile_value, quantile_gradient)}, k=(0.5,), k_range=(0, 1),
        several=True, predicts="values", with_k=of_levels, aliases=("pinball",),
        use="Predicts the value that a share k of the targets stays below, or several such values "
        "at once, as limits of an interval. Nothing keeps the quantiles of one example in "
        "their order.",
        source="Koenker, Bassett, 'Regression Quantiles', 1978: for each level k the larger of "
        "k (y − ŷ) and (1 − k) (ŷ − y); the derivative at ŷ = y is taken to be 0",
    )
)  # fmt: skip
